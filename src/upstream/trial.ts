/** A login to see whether it works (`account add`, enrolment): in, the contacts counted, out. */
import { randomBytes } from 'node:crypto';
import type { Failure } from '../wire/failure.ts';
import { bare, domainOf } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import { attempt } from './attempt.ts';
import { isServer, suffixed } from './binding.ts';
import { Failed } from './failed.ts';
import type { DomainGate } from './gate.ts';
import type { Login } from './login.ts';
import { type Environment, environment } from './timing.ts';
import type { Account, Log, UpstreamOptions } from './types.ts';

/** Takes no longer than `trial`, its turn at the gate included; has a resource of its own, so that a session that is up stays so. */
export async function tryLogin(
  account: Account,
  options: UpstreamOptions,
  gate: DomainGate,
  log: Log,
  env: Environment = environment,
): Promise<{ contacts: number } | { failure: Failure }> {
  const limit = new AbortController();
  const late = new Failed('timeout', 'the login took too long');
  const timer = setTimeout(() => limit.abort(late), env.timing.trial);
  const { signal } = limit;
  const resource = suffixed('xmpproxy-trial');
  const cache = { key: '', salted: Buffer.alloc(0) };
  try {
    const leave = await gate.enter(domainOf(account.jid), signal);
    const job = { account, options, environment: env, log, signal, resource, cache };
    const login = await attempt({ ...job, resumable: undefined, seeOther: undefined }).catch((reason) => {
      leave('failed');
      throw reason;
    });
    leave('ok');
    return { contacts: await countContacts(login, signal) };
  } catch (reason) {
    if (reason instanceof Failed) return { failure: reason.failure };
    log.error('trial login broke', { account: account.jid, reason: String(reason) });
    return { failure: { kind: 'lost', text: 'internal error' } };
  } finally {
    clearTimeout(timer);
  }
}

/** RFC 6121 §2.1.3; a server that keeps no roster has no contacts. */
async function countContacts({ connection, address }: Login, signal: AbortSignal): Promise<number> {
  const id = randomBytes(9).toString('base64url');
  const abort = () => connection.end(signal.reason as Failed);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    const counted = new Promise<number>((resolve) => {
      connection.flow((element: Element) => {
        const { type, from } = element.attrs as { type?: string; from?: string };
        const answers = element.name === 'iq' && element.attrs.id === id && (type === 'result' || type === 'error');
        if (!answers || !isServer(from, bare(address))) return;
        resolve(element.getChild('query', NS.roster)?.getChildren('item').length ?? 0);
      });
    });
    connection.write(serialize(xml('iq', { type: 'get', id }, xml('query', NS.roster))));
    const over = connection.ended.then((failed) => Promise.reject(failed));
    return await Promise.race([counted, over]);
  } finally {
    signal.removeEventListener('abort', abort);
    void connection.close(1000);
  }
}
