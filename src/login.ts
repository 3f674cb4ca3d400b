/** Who may log in (DESIGN §3): what the streams ask, answered from the registry, and by real servers where people enrol. */
import type { AccountSettings } from './link/link.ts';
import type { Pool } from './pool/pool.ts';
import { type AccountRecord, type Registry, RegistryError } from './registry/types.ts';
import { checkAgainstNothing, checkPassword } from './registry/verifiers.ts';
import type { Authority, PlainVerdict } from './stream/authority.ts';
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
/** Trials of logins we do not know: for a client's address and JID, and for a domain, in an hour. */
const mostTrials = 5;
const mostTrialsOfDomain = 60;

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
      if (isOwn(login)) return matches(registry.user(userIn(login))?.verifiers, password);
      const owned = registry.ownerOf(login);
      if (owned === undefined) {
        await checkAgainstNothing(password);
        const since = registry.ownerOf(login); // another app of the same person was quicker
        if (since !== undefined) return matches(since.account.verifiers, password);
        if (!isOpen(domainOf(login))) return wrong;
        const key = JSON.stringify([login, password, remote]);
        const trial = enrolling.get(key) ?? enrol(options, trials, login, password, remote);
        enrolling.set(key, trial);
        return trial.finally(() => enrolling.delete(key));
      }
      const verdict = await matches(owned.account.verifiers, password);
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

async function matches(verifiers: AccountRecord['verifiers'] | undefined, password: string): Promise<PlainVerdict> {
  const isRight = await (verifiers === undefined ? checkAgainstNothing(password) : checkPassword(verifiers, password));
  return isRight ? { ok: true } : wrong;
}

/** The server refused what we have, so the password was changed elsewhere: what the app has may be the new one. */
async function renew(
  { registry, pool, log }: LoginOptions,
  trials: Trials,
  account: Readonly<AccountRecord>,
  password: string,
): Promise<PlainVerdict> {
  const { jid } = account;
  if (!trials.mayTry(`renew ${jid}`, 1, minute)) return later('Try again in a minute.');
  const user = registry.ownerOf(jid)!.user.name;
  const { resource, label, route, pin } = account;
  const trial = await pool.tryLogin(user, { jid, label, resource, password, enabled: true, route, pin });
  if ('failure' in trial) return trial.failure.kind === 'refused' ? wrong : later(trial.failure.text);
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
  const mayTry =
    trials.mayTry(`enrol ${remote} ${jid}`, mostTrials, hour) &&
    trials.mayTry(`enrol ${domainOf(jid)}`, mostTrialsOfDomain, hour);
  if (!mayTry) return later('Too many trials; try again in an hour.');
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
  if ('failure' in trial) return trial.failure.kind === 'refused' ? wrong : later(trial.failure.text);
  const name = escapeLocal(jid).replaceAll('+', '\\2b'); // + parts user and label
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

/** So many in so long, by key. */
class Trials {
  readonly #now: () => number;
  readonly #tried = new Map<string, number[]>();
  constructor(now: () => number) {
    this.#now = now;
  }
  mayTry(key: string, most: number, within: number): boolean {
    const now = this.#now();
    for (const [old, times] of this.#tried) if (times.every((time) => now - time > hour)) this.#tried.delete(old);
    const recent = (this.#tried.get(key) ?? []).filter((time) => now - time < within);
    if (recent.length >= most) return false;
    this.#tried.set(key, [...recent, now]);
    return true;
  }
}
