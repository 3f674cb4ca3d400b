/**
 * Root speaks unasked only of what a person must act on: refused credentials, another certificate, a conflict, an
 * account that is down for long; and says when that is over. Once per change; an account that comes and goes is one
 * outage, and it is back only when it has stayed.
 */
import type { Clock, Timer, World } from '../commands/context.ts';
import { advise, explain } from '../commands/failure.ts';
import { isAlone } from '../commands/grant.ts';
import { duration } from '../commands/text.ts';
import type { AccountState } from '../link/link.ts';
import type { Failure, FailureKind } from '../wire/failure.ts';
import type { BareJid } from '../wire/jid.ts';

export const downFor = 10 * 60_000;
export const upFor = 60_000;

/** What nobody but a person can mend, even where we go on trying. */
const urgent: ReadonlySet<FailureKind> = new Set(['refused', 'pin', 'conflict']);

interface Watch {
  user: string;
  last: AccountState;
  /** Since when it is not properly online. */
  downSince: number | undefined;
  /** What was said last of this outage. */
  told: string | undefined;
  timer: Timer | undefined;
}

type Owner = NonNullable<ReturnType<World['registry']['ownerOf']>>;

export interface AlertParts {
  registry: Pick<World['registry'], 'ownerOf'>;
  clock: Clock;
  domain: BareJid;
  say(login: BareJid, text: string): void;
}

export class Alerts {
  readonly #parts: AlertParts;
  readonly #watches = new Map<BareJid, Watch>();

  constructor(parts: AlertParts) {
    this.#parts = parts;
  }

  /** An account's state changed. */
  account(user: string, state: AccountState): void {
    const { clock } = this.#parts;
    const watch = this.#watch(user, state);
    if (watch === undefined) return;
    if (state.status === 'online') {
      watch.timer = clock.after(upFor, () => this.#isBack(watch));
      return;
    }
    watch.downSince ??= clock.now();
    if (state.failure !== undefined && (state.status === 'stopped' || urgent.has(state.failure.kind)))
      this.#tell(watch, state.failure, `${state.failure.kind} ${state.failure.fingerprint ?? ''}`);
    const left = Math.max(0, watch.downSince + downFor - clock.now());
    if (watch.told === undefined) watch.timer = clock.after(left, () => this.#isDown(watch));
  }

  /** What is known of it until now; undefined if nobody waits for it (off, removed). */
  #watch(user: string, state: AccountState): Watch | undefined {
    const known = this.#watches.get(state.jid);
    known?.timer?.cancel();
    this.#watches.delete(state.jid);
    if (state.status === 'off' || this.#owner(user, state.jid) === undefined) return undefined;
    const watch: Watch =
      known?.user === user ? known : { user, last: state, downSince: undefined, told: undefined, timer: undefined };
    watch.last = state;
    this.#watches.set(state.jid, watch);
    return watch;
  }

  close(): void {
    for (const { timer } of this.#watches.values()) timer?.cancel();
    this.#watches.clear();
  }

  #isDown(watch: Watch): void {
    const failure = watch.last.failure ?? { kind: 'timeout', text: '' };
    this.#tell(watch, failure, 'down');
  }

  #isBack(watch: Watch): void {
    const { told } = watch;
    watch.downSince = undefined;
    watch.told = undefined;
    const owner = this.#owner(watch.user, watch.last.jid);
    if (told !== undefined && owner !== undefined) this.#say(owner, () => `${owner.account.label} is online again.`);
  }

  #tell(watch: Watch, failure: Failure, what: string): void {
    const owner = this.#owner(watch.user, watch.last.jid);
    if (watch.told === what || owner === undefined) return;
    watch.told = what;
    const { jid, label } = owner.account;
    const past = this.#parts.clock.now() - (watch.downSince ?? 0);
    const start = what === 'down' ? `${label} has been offline for ${duration(past)}.` : `${label} is not online.`;
    const { admin } = owner.user;
    this.#say(owner, (identity) => {
      const locked = identity && !isAlone(owner.user);
      return `${start}\n${explain(failure, jid)}\n${advise(failure, { jid, label, admin: admin && !identity, locked })}`;
    });
  }

  /** Undefined if the account is gone, off or another's by now. */
  #owner(user: string, jid: BareJid): Owner | undefined {
    const owner = this.#parts.registry.ownerOf(jid);
    return owner?.user.name === user && owner.account.enabled ? owner : undefined;
  }

  /** To the login with all accounts, and to the account's own. */
  #say({ user, account }: Owner, text: (identity: boolean) => string): void {
    this.#parts.say(`${user.name}@${this.#parts.domain}` as BareJid, text(false));
    this.#parts.say(account.jid, text(true));
  }
}
