/** Where to connect in place of looking a domain up. */

export interface Endpoint {
  host: string;
  port: number;
  /** TLS from the first byte (XEP-0368), else STARTTLS. */
  directTls: boolean;
}

/** `host:port`, or `xmpps://host:port` for direct TLS; an IPv6 address stands in brackets. Undefined for anything else. */
export function readRoute(text: string): Endpoint | undefined {
  const match = /^(xmpps:\/\/)?(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[2] ?? match?.[3];
  const port = Number(match?.[4]);
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return { host: host.toLowerCase(), port, directTls: match?.[1] !== undefined };
}
