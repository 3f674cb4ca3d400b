/** One attempt to log in: the domain's servers are found, guarded and tried in turn until one of them decides. */
import type { FailureKind } from '../wire/failure.ts';
import type { Peer } from './adapter.ts';
import { Connection } from './connection.ts';
import { asFailed, Failed } from './failed.ts';
import { type Login, type LoginTerms, logIn } from './login.ts';
import { findPeers, routeOf } from './peers.ts';
import type { Environment } from './timing.ts';
import type { Log } from './types.ts';

export interface Attempt extends Omit<LoginTerms, 'answer'> {
  environment: Environment;
  log: Log;
  signal: AbortSignal;
  /** Where a server has sent us (RFC 6120 §4.9.3.19). */
  seeOther: string | undefined;
}

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
    return await there({ ...job, signal: limit.signal });
  } catch (reason) {
    if (!(reason instanceof Failed) || reason.seeOther === undefined || job.seeOther !== undefined) throw reason;
    return await along({ ...job, signal: limit.signal, seeOther: reason.seeOther });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** XEP-0198 §3: where the server keeps the session, if it says so and nobody here has said where to connect; then as usual. */
async function there(job: Attempt): Promise<Login> {
  const { account, options, resumable, seeOther, signal } = job;
  const isGiven = seeOther !== undefined || account.route !== undefined || routeOf(options, account.jid) !== undefined;
  if (resumable?.location === undefined || isGiven) return along(job);
  try {
    return await along({ ...job, seeOther: resumable.location });
  } catch (reason) {
    if (!(reason instanceof Failed) || signal.aborted || isDecided(reason)) throw reason;
    return await along(job);
  }
}

const isDecided = ({ failure, seeOther }: Failed): boolean => decided.includes(failure.kind) || seeOther !== undefined;

async function along(job: Attempt): Promise<Login> {
  const { peers, failures } = await findPeers(job);
  for (const [index, peer] of peers.entries()) {
    try {
      return await tryPeer(job, peer, index + 1 < peers.length);
    } catch (reason) {
      if (!(reason instanceof Failed)) throw reason;
      if (job.signal.aborted || isDecided(reason)) throw reason;
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
