/**
 * Root speaks unasked only of what a person must act on: refused credentials, another certificate, a conflict, an
 * account that is down for long; and says when that is over. Once per change and login; who is away hears it on arrival.
 * An account that comes and goes is one outage, and it is back only when it has stayed.
 */
import type { World } from '../commands/context.ts';
import { advise, explain } from '../commands/failure.ts';
import { isAlone } from '../commands/grant.ts';
import { duration } from '../commands/text.ts';
import type { Speaker } from '../link/door.ts';
import type { AccountState } from '../link/link.ts';
import type { Clock, Timer } from '../wire/clock.ts';
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
  /** What must be known of this outage; undefined while there is nothing, or it is over. */
  alert: { what: string; failure: Failure } | undefined;
  /** Login → what it heard last; until it has heard that all is well again. */
  heard: Map<BareJid, { what: string; text: string }>;
  timer: Timer | undefined;
}

type Owner = NonNullable<ReturnType<World['registry']['ownerOf']>>;

export interface AlertParts {
  registry: Pick<World['registry'], 'ownerOf' | 'user'>;
  clock: Clock;
  domain: BareJid;
  /** True if somebody hears it. */
  say(login: BareJid, text: string): boolean;
}

export class Alerts {
  readonly #parts: AlertParts;
  readonly #watches = new Map<BareJid, Watch>();
  #closed = false;

  constructor(parts: AlertParts) {
    this.#parts = parts;
  }

  /** An account's state changed. */
  account(user: string, state: AccountState): void {
    const { clock } = this.#parts;
    const watch = this.#watch(user, state);
    if (watch === undefined) return;
    if (state.status === 'online') {
      if (watch.downSince !== undefined) watch.timer = clock.after(upFor, () => this.#isBack(watch));
      return;
    }
    watch.downSince ??= clock.now();
    if (state.failure !== undefined && (state.status === 'stopped' || urgent.has(state.failure.kind)))
      this.#tell(watch, state.failure, `${state.failure.kind} ${state.failure.fingerprint ?? ''}`);
    const left = Math.max(0, watch.downSince + downFor - clock.now());
    if (watch.alert === undefined) watch.timer = clock.after(left, () => this.#isDown(watch));
  }

  /** What is known of it until now; undefined if nobody waits for it (off, removed). */
  #watch(user: string, state: AccountState): Watch | undefined {
    const known = this.#watches.get(state.jid);
    known?.timer?.cancel();
    this.#watches.delete(state.jid);
    if (this.#closed || state.status === 'off' || this.#owner(user, state.jid) === undefined) return undefined;
    const fresh = { user, last: state, downSince: undefined, alert: undefined, heard: new Map(), timer: undefined };
    const watch: Watch = known?.user === user ? known : fresh;
    watch.last = state;
    this.#watches.set(state.jid, watch);
    return watch;
  }

  /** A login has an app again: what it has not heard yet. */
  arrived({ user, bare }: Speaker): void {
    for (const watch of this.#watchesOf(user)) this.#inform(watch, [bare]);
  }

  /** Messages of root did not reach that login after all. */
  unheard({ user, bare }: Speaker, texts: readonly string[]): void {
    for (const { heard } of this.#watchesOf(user)) if (texts.includes(heard.get(bare)?.text ?? '')) heard.delete(bare);
  }

  #watchesOf(user: string): Watch[] {
    const accounts = this.#parts.registry.user(user)?.accounts ?? [];
    return accounts.flatMap(({ jid }) => this.#watches.get(jid) ?? []).filter((watch) => watch.user === user);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#watches.values()) timer?.cancel();
    this.#watches.clear();
  }

  #isDown(watch: Watch): void {
    this.#tell(watch, watch.last.failure ?? { kind: 'timeout', text: '' }, 'down');
  }

  #isBack(watch: Watch): void {
    watch.downSince = undefined;
    watch.alert = undefined;
    this.#inform(watch);
  }

  #tell(watch: Watch, failure: Failure, what: string): void {
    if (watch.alert?.what === what) return;
    watch.alert = { what, failure };
    this.#inform(watch);
  }

  /** Says what is the matter, or no longer the matter, to those of its logins that have not heard it. */
  #inform(watch: Watch, to?: readonly BareJid[]): void {
    const owner = this.#owner(watch.user, watch.last.jid);
    if (owner === undefined) return;
    const { alert, heard, last } = watch;
    if (alert !== undefined && last.status === 'online') return; // it may be over in a moment
    for (const login of this.#logins(owner)) {
      if (to?.includes(login) === false || heard.get(login)?.what === alert?.what) continue;
      const text = alert === undefined ? `${owner.account.label} is online again.` : this.#words(watch, owner, login);
      if (!this.#parts.say(login, text)) continue;
      if (alert === undefined) heard.delete(login);
      else heard.set(login, { what: alert.what, text });
    }
  }

  #words({ alert, downSince = 0 }: Watch, { user, account }: Owner, login: BareJid): string {
    const { what, failure } = alert!;
    const { jid, label } = account;
    const identity = login === jid;
    const past = duration(this.#parts.clock.now() - downSince);
    const start = what === 'down' ? `${label} has been offline for ${past}.` : `${label} is not online.`;
    const situation = { jid, label, admin: user.admin && !identity, locked: identity && !isAlone(user) };
    return `${start}\n${explain(failure, jid)}\n${advise(failure, situation)}`;
  }

  /** Undefined if the account is gone, off or another's by now. */
  #owner(user: string, jid: BareJid): Owner | undefined {
    const owner = this.#parts.registry.ownerOf(jid);
    return owner?.user.name === user && owner.account.enabled ? owner : undefined;
  }

  /** Those with all accounts, and the account's own. */
  #logins({ user, account }: Owner): BareJid[] {
    const { domain } = this.#parts;
    return [`${user.name}@${domain}`, `${user.name}+${account.label}@${domain}`, account.jid] as BareJid[];
  }
}
