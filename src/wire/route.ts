/** Where to connect in place of looking a domain up. */

export interface Endpoint {
  host: string;
  port: number;
  /** TLS from the first byte (XEP-0368), else STARTTLS. */
  directTls: boolean;
}

/** `host:port`, or `xmpps://host:port` for direct TLS; an IPv6 address stands in brackets. Undefined for anything else. */
export function readRoute(text: string): Endpoint | undefined {
  const match = /^(xmpps:\/\/)?(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9])?\.?):([0-9]{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (!match?.[2] || port < 1 || port > 65535) return undefined;
  return { host: match[2].replace(/^\[|\]$/g, '').toLowerCase(), port, directTls: match[1] !== undefined };
}
