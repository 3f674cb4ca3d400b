/** Which addresses an attempt may connect to: found, and guarded against leading us astray. */
import { type BareJid, domainOf } from '../wire/jid.ts';
import type { Endpoint } from '../wire/route.ts';
import type { Peer } from './adapter.ts';
import type { Attempt } from './attempt.ts';
import { asFailed, Failed } from './failed.ts';
import { isPublic } from './guard.ts';
import { findAddresses, findEndpoints, parseRoute } from './resolve.ts';
import { tlsOptions } from './tls.ts';
import type { UpstreamOptions } from './types.ts';

/** Addresses tried in one attempt. */
const most = 8;

/** The addresses to try, checked, and what kept others out of the list. */
export async function findPeers(job: Attempt): Promise<{ peers: Peer[]; failures: Failed[] }> {
  const { account, options, environment } = job;
  const domain = domainOf(account.jid);
  const given = job.seeOther ?? account.route ?? routeOf(options, account.jid);
  // The name is a stranger's choice but for a route, which is an admin's.
  const exempt = options.allowPrivate || (given !== undefined && job.seeOther === undefined);
  const endpoints =
    given === undefined
      ? await bounded(job, domain, findEndpoints(domain, environment.dns, environment.random))
      : [parseRoute(given)];
  const peers: Peer[] = [];
  const failures: Failed[] = [];
  for (const endpoint of endpoints.slice(0, most)) {
    try {
      const addresses = await bounded(job, endpoint.host, findAddresses(endpoint.host, environment.dns));
      peers.push(...guarded(endpoint, addresses, exempt).map((address) => peerAt(job, endpoint, address)));
    } catch (reason) {
      if (!(reason instanceof Failed) || job.signal.aborted) throw reason;
      failures.push(reason);
    }
  }
  return { peers: peers.slice(0, most), failures };
}

/** Where the administrator says that account's server is. A domain may be named like what every object has: `constructor`. */
export function routeOf({ routes }: UpstreamOptions, account: BareJid): string | undefined {
  const domain = domainOf(account);
  return Object.hasOwn(routes, domain) ? routes[domain] : undefined;
}

function guarded({ host }: Endpoint, addresses: string[], exempt: boolean): string[] {
  const allowed = exempt ? addresses : addresses.filter(isPublic);
  if (allowed.length === 0) throw new Failed('private', `${host} is at ${addresses.join(', ')}`);
  return allowed;
}

/** The address that was checked is the one that is connected to: the name is not looked up again. */
function peerAt({ account, options }: Attempt, { port, directTls }: Endpoint, address: string): Peer {
  const domain = domainOf(account.jid);
  return { address, port, domain, tls: directTls ? tlsOptions(domain, options.ca, true) : undefined };
}

/** A lookup cannot be called back; it is left alone when it takes too long. */
function bounded<T>({ signal, environment }: Attempt, name: string, lookup: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    const abort = () => {
      settle();
      reject(asFailed(signal.reason));
    };
    const late = () => {
      settle();
      reject(new Failed('name', `looking up ${name} took too long`));
    };
    const timer = setTimeout(late, environment.timing.resolve);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    lookup.finally(settle).then(resolve, reject);
  });
}
