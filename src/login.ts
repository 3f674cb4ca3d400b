/** Who may log in (RULES, Logging in): what the streams ask, answered from the registry, and by real servers where people enrol. */
import type { AccountSettings } from './link/link.ts';
import type { Pool } from './pool/pool.ts';
import { type AccountRecord, type Registry, RegistryError } from './registry/types.ts';
import { checkAgainstNothing, checkPassword } from './registry/verifiers.ts';
import type { Authority, PlainVerdict } from './stream/authority.ts';
import { addressKey } from './stream/remote.ts';
import type { Failure, FailureKind } from './wire/failure.ts';
import { isLoopback } from './wire/ip.ts';
import { type BareJid, domainOf, escapeLocal, localOf } from './wire/jid.ts';

export interface LoginOptions {
  domain: BareJid;
  enroll: 'closed' | 'open' | BareJid[];
  registry: Registry;
  pool: Pick<Pool, 'tryLogin' | 'refresh'>;
  log: { info(message: string, fields?: object): void };
  now?: () => number;
}

const wrong: PlainVerdict = { ok: false, reason: 'not-authorized' };
const later = (text: string): PlainVerdict => ({ ok: false, reason: 'temporary-auth-failure', text });

const hour = 3_600_000;
const minute = 60_000;
/** Trials of logins we do not know, in an hour: of one JID by one client, by one client, of a domain. */
const mostTrials = { login: 5, client: 30, domain: 60 };
/** Behind loopback a relay may stand, with many people. */
const loopback = 10;

export function createAuthority(options: LoginOptions): Authority {
  const { domain, enroll, registry } = options;
  const trials = new Trials(options.now ?? Date.now);
  const isOpen = (to: string): boolean => enroll !== 'closed' && (enroll === 'open' || enroll.includes(to as BareJid));
  /** First logins under way: several apps that come at once are one trial. */
  const enrolling = new Map<string, Promise<PlainVerdict>>();
  const isOwn = (login: BareJid): boolean => domainOf(login) === domain;

  return {
    serves: (to) => to === domain || isOpen(to) || hasAccountAt(registry, to),
    mechanisms: (to) => (to !== domain && isOpen(to) ? ['PLAIN'] : ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']),
    verifier: (login, mechanism) =>
      (isOwn(login) ? registry.user(userIn(login)) : registry.ownerOf(login)?.account)?.verifiers?.[mechanism],
    async plain(login, password, remote) {
      if (isOwn(login)) return matches(() => registry.user(userIn(login))?.verifiers, password);
      const verifiers = () => registry.ownerOf(login)?.account.verifiers;
      const owned = registry.ownerOf(login);
      if (owned === undefined) {
        await checkAgainstNothing(password);
        if (verifiers() !== undefined) return matches(verifiers, password); // another app of the same person was quicker
        if (!isOpen(domainOf(login))) return wrong;
        const key = JSON.stringify([login, password, remote]);
        const trial = enrolling.get(key) ?? enrol(options, trials, login, password, remote);
        enrolling.set(key, trial);
        return trial.finally(() => enrolling.delete(key));
      }
      const verdict = await matches(verifiers, password);
      return verdict.ok || !owned.account.refused ? verdict : renew(options, trials, owned.account, password);
    },
    user(login) {
      if (!isOwn(login)) {
        const owned = registry.ownerOf(login);
        return owned && { user: owned.user.name, view: 'identity' };
      }
      const user = registry.user(userIn(login));
      const label = labelIn(login);
      if (user === undefined || label === undefined) return user && { user: user.name, view: 'merged' };
      const account = user.accounts.find((candidate) => candidate.label === label)?.jid;
      return account && { user: user.name, view: 'single', account };
    },
  };
}

/**
 * `user+label` on our own domain is one account by the user's proxy password. An unknown label is refused only after the
 * password was proved, so that nobody else learns which labels there are.
 */
const userIn = (login: BareJid): string => localOf(login).split('+', 1)[0]!;
function labelIn(login: BareJid): string | undefined {
  const plus = localOf(login).indexOf('+');
  return plus < 0 ? undefined : localOf(login).slice(plus + 1);
}

export const hasAccountAt = (registry: Registry, domain: string): boolean =>
  registry.users.some(({ accounts }) => accounts.some(({ jid }) => domainOf(jid) === domain));

/** `now`: asked again at the end, for checking takes a while and the password may be another one then. */
async function matches(now: () => AccountRecord['verifiers'] | undefined, password: string): Promise<PlainVerdict> {
  const verifiers = now();
  const isRight = await (verifiers === undefined ? checkAgainstNothing(password) : checkPassword(verifiers, password));
  return isRight && now() === verifiers ? { ok: true } : wrong;
}

/** A stranger learns what the server says, and nothing of names and addresses in our own network. */
function notFoundOut({ kind, text }: Failure, jid: BareJid): PlainVerdict {
  const told: readonly FailureKind[] = ['certificate', 'no-tls', 'mechanisms', 'stream'];
  return later(told.includes(kind) ? text : `The server of ${domainOf(jid)} cannot be reached.`);
}

/** The server refused what we have, so the password was changed elsewhere: what the app has may be the new one. */
async function renew(
  { registry, pool, log }: LoginOptions,
  trials: Trials,
  account: Readonly<AccountRecord>,
  password: string,
): Promise<PlainVerdict> {
  const { jid } = account;
  if (!trials.mayTry({ [`renew ${jid}`]: 1 }, minute)) return later('Try again in a minute.');
  const user = registry.ownerOf(jid)!.user.name;
  const { resource, label, route, pin } = account;
  const trial = await pool.tryLogin(user, { jid, label, resource, password, enabled: true, route, pin });
  if ('failure' in trial) return trial.failure.kind === 'refused' ? wrong : notFoundOut(trial.failure, jid);
  await registry.setAccount(jid, { password, refused: false });
  await pool.refresh(user);
  log.info('new password taken over', { account: jid });
  return { ok: true };
}

/** A first login: if the real server takes it, user and account exist from then on. */
async function enrol(
  { registry, pool, log }: LoginOptions,
  trials: Trials,
  jid: BareJid,
  password: string,
  remote: string,
): Promise<PlainVerdict> {
  const client = addressKey(remote);
  const limits = {
    [`login ${client} ${jid}`]: mostTrials.login,
    [`client ${client}`]: mostTrials.client * (isLoopback(remote) ? loopback : 1),
    [`domain ${domainOf(jid)}`]: mostTrials.domain,
  };
  if (!trials.mayTry(limits, hour)) return later('Too many trials; try again in an hour.');
  const account: AccountSettings = {
    jid,
    label: '',
    password,
    resource: 'xmpproxy-enrolment',
    enabled: true,
    route: undefined,
    pin: undefined,
  };
  const trial = await pool.tryLogin('', account);
  if ('failure' in trial) return trial.failure.kind === 'refused' ? wrong : notFoundOut(trial.failure, jid);
  const name = nameOf(jid);
  try {
    if (registry.user(name) === undefined) await registry.addUser({ name, admin: false });
    await registry.addAccount(name, { jid, password });
  } catch (reason) {
    // two first logins at once: the other one has done it
    if (!(reason instanceof RegistryError) || registry.ownerOf(jid)?.user.name !== name) throw reason;
  }
  await pool.refresh(name);
  log.info('enrolled', { account: jid });
  return { ok: true };
}

/** XEP-0106, and the same for `+`, which parts user and label; no other address has that name. */
const nameOf = (jid: BareJid): string =>
  escapeLocal(jid)
    .replace(/\\(?=2b)/g, '\\5c')
    .replaceAll('+', '\\2b');

/** Keys remembered at once; beyond it the oldest are forgotten. */
const mostKeys = 10_000;

/** So many in so long, by key. */
class Trials {
  readonly #now: () => number;
  /** In the order of the last trial. */
  readonly #tried = new Map<string, number[]>();
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Has every key room for one more? Only then all of them count it. */
  mayTry(limits: Readonly<Record<string, number>>, within: number): boolean {
    const now = this.#now();
    this.#forget(now);
    const recent = (key: string) => (this.#tried.get(key) ?? []).filter((time) => now - time < within);
    const keys = Object.keys(limits);
    if (keys.some((key) => recent(key).length >= limits[key]!)) return false;
    for (const key of keys) {
      const times = [...recent(key), now];
      this.#tried.delete(key);
      this.#tried.set(key, times);
    }
    return true;
  }

  #forget(now: number): void {
    for (const [key, times] of this.#tried) {
      if (this.#tried.size <= mostKeys && now - times.at(-1)! < hour) return;
      this.#tried.delete(key);
    }
  }
}
