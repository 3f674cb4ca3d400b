/** A login is tried before anything about an account is kept. */
import { randomBytes } from 'node:crypto';
import type { LoginTrial } from '../link/link.ts';
import type { Failure } from '../wire/failure.ts';
import type { BareJid } from '../wire/jid.ts';
import type { Context } from './context.ts';
import { UsageError } from './error.ts';
import { advise, explain, type Situation } from './failure.ts';

export interface Trial {
  jid: BareJid;
  password: string;
  route: string | undefined;
  /** SHA-256 (hex), whole or its start. */
  trust: string | undefined;
}

/** What worked: contacts, and the certificate to pin if one was needed. */
export interface Success {
  contacts: number;
  pin: string | undefined;
}

/** Hex digits of a SHA-256. */
export const wholeFingerprint = 64;

/** Tries; throws what failed, why and the next command. Says so when it takes longer than a second. */
export async function tryAccount(
  context: Context,
  user: string,
  trial: Trial,
  about: Pick<Situation, 'label' | 'given' | 'password'>,
): Promise<Success> {
  const { jid, trust } = trial;
  const admin = context.grant.level === 'admin';
  const situation = { jid, ...about, changing: about.label !== undefined, admin };
  const slow = context.clock.after(1000, () => context.say(`Trying to log in as\n${jid}\n…`));
  try {
    const pin = trust?.length === wholeFingerprint ? trust : undefined;
    const first = await attempt(context, user, trial, pin);
    if (!('failure' in first)) return { contacts: first.contacts, pin };
    const shown = first.failure.fingerprint;
    const meant =
      trust !== undefined && pin === undefined && shown?.startsWith(trust) && first.failure.kind === 'certificate';
    if (!meant) throw refusal(first.failure, situation);
    const second = await attempt(context, user, trial, shown);
    if (!('failure' in second)) return { contacts: second.contacts, pin: shown };
    throw refusal(second.failure, situation);
  } finally {
    slow.cancel();
  }
}

/** A server sees our address alone: who tries passwords or servers without end would have it banned for all. */
async function attempt(
  { pool, failed }: Context,
  user: string,
  { jid, password, route }: Trial,
  pin: string | undefined,
): Promise<LoginTrial> {
  const wait = failed.take(user);
  if (wait > 0) throw new UsageError(`Too many logins have failed. Try again in ${wait} min.`);
  const resource = `xmpproxy-try-${randomBytes(6).toString('hex')}`;
  const outcome = await pool.tryLogin(user, { jid, label: '', password, resource, enabled: true, route, pin });
  if (!('failure' in outcome)) failed.giveBack(user);
  return outcome;
}

const refusal = (failure: Failure, situation: Situation): UsageError =>
  new UsageError(
    `${explain(failure, situation.jid)}\nNothing was ${situation.label === undefined ? 'kept' : 'changed'}. ${advise(failure, situation)}`,
  );
