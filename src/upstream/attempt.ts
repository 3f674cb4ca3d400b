/** One attempt to log in: the domain's servers are found, guarded and tried in turn until one of them decides. */
import type { FailureKind } from '../wire/failure.ts';
import { domainOf } from '../wire/jid.ts';
import { Connection, type Peer } from './adapter.ts';
import { Failed } from './failed.ts';
import { isPublic } from './guard.ts';
import { type Login, type LoginTerms, logIn } from './login.ts';
import { type Endpoint, findAddresses, findEndpoints, parseRoute } from './resolve.ts';
import type { Environment } from './timing.ts';
import { tlsOptions } from './tls.ts';
import type { Log } from './types.ts';

export interface Attempt extends Omit<LoginTerms, 'answer'> {
  environment: Environment;
  log: Log;
  signal: AbortSignal;
  /** Where a server has sent us (RFC 6120 §4.9.3.19). */
  seeOther: string | undefined;
}

/** Addresses tried in one attempt. */
const most = 8;

/** What is decided is thrown at once; of the rest, what tells most. */
const decided: readonly FailureKind[] = ['refused', 'mechanisms', 'conflict'];
const telling: readonly FailureKind[] = [
  'pin',
  'certificate',
  'no-tls',
  'stream',
  'timeout',
  'lost',
  'unreachable',
  'private',
  'name',
];

/** Throws Failed. Follows `see-other-host` once. */
export async function attempt(job: Attempt): Promise<Login> {
  const limit = new AbortController();
  const { signal, environment } = job;
  const late = () => limit.abort(new Failed('timeout', 'the login took too long'));
  const timer = setTimeout(late, environment.timing.attempt);
  const stop = () => limit.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  try {
    return await along({ ...job, signal: limit.signal });
  } catch (reason) {
    if (!(reason instanceof Failed) || reason.seeOther === undefined || job.seeOther !== undefined) throw reason;
    return await along({ ...job, signal: limit.signal, seeOther: reason.seeOther });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function along(job: Attempt): Promise<Login> {
  const { peers, failures } = await findPeers(job);
  for (const [index, peer] of peers.entries()) {
    try {
      return await tryPeer(job, peer, index + 1 < peers.length);
    } catch (reason) {
      if (!(reason instanceof Failed)) throw reason;
      if (job.signal.aborted || decided.includes(reason.failure.kind) || reason.seeOther !== undefined) throw reason;
      failures.push(reason);
    }
  }
  const rank = ({ failure }: Failed) => telling.indexOf(failure.kind);
  throw failures.sort((a, b) => rank(a) - rank(b))[0] ?? new Failed('name', 'no server found');
}

async function tryPeer(job: Attempt, peer: Peer, another: boolean): Promise<Login> {
  const { timing } = job.environment;
  const { signal } = job;
  signal.throwIfAborted();
  const connection = new Connection(peer);
  const abort = () => connection.end(asFailed(signal.reason));
  signal.addEventListener('abort', abort);
  job.log.debug('upstream connecting', { account: job.account.jid, address: peer.address, port: peer.port });
  try {
    connection.phase('connection', another ? timing.connect / 2 : timing.connect);
    await connection.connect();
    return await logIn(connection, { ...job, answer: timing.answer });
  } catch (reason) {
    // What the server said last counts, not that it closed the stream behind it.
    if (reason instanceof Failed) connection.end(reason, '</stream:stream>');
    else connection.fault(reason);
    throw reason instanceof Failed ? reason : await connection.ended;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** The addresses to try, checked, and what kept others out of the list. */
async function findPeers(job: Attempt): Promise<{ peers: Peer[]; failures: Failed[] }> {
  const { account, options, environment } = job;
  const domain = domainOf(account.jid);
  const given = job.seeOther ?? account.route ?? options.routes[domain];
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

function guarded({ host }: Endpoint, addresses: string[], exempt: boolean): string[] {
  const allowed = exempt ? addresses : addresses.filter(isPublic);
  if (allowed.length === 0) throw new Failed('private', `${host} is at ${addresses.join(', ')}`);
  return allowed;
}

/** The address that was checked is the one that is connected to: the name is not looked up again. */
function peerAt({ account, options }: Attempt, { port, direct }: Endpoint, address: string): Peer {
  const domain = domainOf(account.jid);
  return { address, port, domain, tls: direct ? tlsOptions(domain, options.ca, true) : undefined };
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

const asFailed = (reason: unknown): Failed => (reason instanceof Failed ? reason : new Failed('lost', 'given up'));
