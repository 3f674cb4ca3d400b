/** Where a domain's servers are (RFC 6120 §3.2, RFC 2782, XEP-0368). */
import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { type Endpoint, readRoute } from '../wire/route.ts';
import { Failed } from './failed.ts';

export interface SrvRecord {
  name: string;
  port: number;
  priority: number;
  weight: number;
}
/** What we ask of the name system. */
export interface Dns {
  srv(name: string): Promise<SrvRecord[]>;
  addresses(host: string): Promise<string[]>;
}
/**
 * Who asks for what is being asked for shares the answer. A name whose servers never answer then takes one of the two threads
 * that look addresses up for all domains, and not one for each of its accounts.
 */
export function shared<T>(ask: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const asked = new Map<string, Promise<T>>();
  return (name) => {
    const answer = asked.get(name) ?? ask(name).finally(() => asked.delete(name));
    asked.set(name, answer);
    return answer;
  };
}

export const systemDns: Dns = {
  // Done before a lookup takes too long: where SRV is never answered, the address record still counts.
  srv: (name) => new Resolver({ timeout: 2000, tries: 2 }).resolveSrv(name),
  addresses: shared(async (host) => (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address)),
};

/** The domain as DNS and TLS know it: A-labels, an IP address without brackets. */
export const asciiDomain = (domain: string): string =>
  domain.startsWith('[') ? domain.slice(1, -1) : isIP(domain) !== 0 ? domain : domainToASCII(domain) || domain;

/** The endpoints to try, in order. An address record of the domain itself is not needed where it has SRV records. */
export async function findEndpoints(domain: string, dns: Dns, random: () => number): Promise<Endpoint[]> {
  const name = asciiDomain(domain);
  const usual = [{ host: name, port: 5222, directTls: false }];
  if (isIP(name) !== 0) return usual;
  const [direct, starttls] = await Promise.all([
    records(dns, `_xmpps-client._tcp.${name}`),
    records(dns, `_xmpp-client._tcp.${name}`),
  ]);
  if (direct.length + starttls.length === 0) return usual;
  const offered = [
    ...direct.map((record) => ({ ...record, directTls: true })),
    ...starttls.map((record) => ({ ...record, directTls: false })),
  ].filter(({ name: target }) => target !== '' && target !== '.'); // RFC 2782: "decidedly not available"
  if (offered.length === 0) throw new Failed('name', `${domain} says that it offers no XMPP`);
  return inOrder(offered, random).map(({ name: host, port, directTls }) => ({ host, port, directTls }));
}

/** No record, and no answer either: some home routers know no SRV. */
async function records(dns: Dns, name: string): Promise<SrvRecord[]> {
  try {
    return await dns.srv(name);
  } catch {
    return [];
  }
}

/** RFC 2782: lowest priority first; within one, by chance in proportion to the weights. XEP-0368 §3: both services as one set. */
export function inOrder<R extends { priority: number; weight: number }>(given: R[], random: () => number): R[] {
  const ordered: R[] = [];
  for (const priority of [...new Set(given.map((record) => record.priority))].sort((a, b) => a - b)) {
    const left = given.filter((record) => record.priority === priority).sort((a, b) => a.weight - b.weight);
    while (left.length > 0) {
      let mark = random() * left.reduce((sum, { weight }) => sum + weight, 0);
      const index = left.findIndex(({ weight }) => {
        mark -= weight;
        return mark <= 0;
      });
      ordered.push(...left.splice(Math.max(0, index), 1));
    }
  }
  return ordered;
}

/** A route as people and redirects write it; the port may be missing (RFC 6120 §4.9.3.19). */
export function parseRoute(route: string): Endpoint {
  const found = readRoute(route.trim()) ?? readRoute(`${route.trim()}:5222`);
  if (found === undefined) throw new Failed('name', `not a host and port: ${route}`);
  return { ...found, host: asciiDomain(found.host) };
}

/** IP addresses of a host. */
export async function findAddresses(host: string, dns: Dns): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await dns.addresses(host).catch((reason: NodeJS.ErrnoException) => {
    throw new Failed('name', `${host} does not resolve (${reason.code ?? reason.message})`);
  });
  if (found.length === 0) throw new Failed('name', `${host} has no address`);
  return [...new Set(found)];
}
