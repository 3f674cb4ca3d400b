/**
 * Our subscription to a target account: how its resources become known. `subscribe` first, always: a server that has it
 * already says `subscribed` again (RFC 6121 §3.1.3). The probe follows only then, for ejabberd, which does not send
 * presence by itself.
 * COMPAT: Prosody 0.12.3 takes a probe from who merely asked as the end of asking (`unsubscribed`).
 */
import type { Clock, Timer } from '../wire/clock.ts';
import type { Condition } from '../wire/error.ts';
import type { BareJid } from '../wire/jid.ts';
import { Stanza } from '../wire/stanza.ts';
import { xml } from '../wire/xml.ts';
import type { Account, Resource } from './target.ts';
import type { Notice } from './types.ts';

/** Milliseconds: how long an answer may take before somebody is told, and how long until we ask again. */
const patience = 10_000;
const least = 30_000;
const longest = 60 * 60_000;
/** How long presence may take that was probed for, and how often we probe. */
const proof = 10_000;
const seldom = 60_000;

export interface SubscriptionContext {
  address: BareJid;
  clock: Clock;
  random(): number;
  send(stanza: Stanza): boolean;
  notice(notice: Omit<Notice, 'address'>): void;
}

export class Subscription {
  readonly account: Account;
  readonly #context: SubscriptionContext;
  #timer: Timer | undefined;
  #proof: Timer | undefined;
  #refusals = 0;
  /** What was said of it last: nothing is said twice. */
  #said: Notice['kind'] | undefined;

  constructor(account: Account, context: SubscriptionContext) {
    this.account = account;
    this.#context = context;
  }

  /** The way to the account stands. */
  ask(): void {
    const { account } = this;
    this.#again(patience, () => this.#unanswered());
    if (account.subscription !== 'refused' && account.subscription !== 'unreachable') account.subscription = 'asked';
    this.#send('subscribe');
  }

  #send(type: string): void {
    const { address, send } = this.#context;
    send(Stanza.of(xml('presence', { type, to: this.account.jid, from: address })));
  }

  #again(milliseconds: number, act: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#context.clock.after(milliseconds, act);
  }

  /** Whoever has the account must accept it; its server keeps the request, but not for ever everywhere. */
  #unanswered(): void {
    this.#say('asked');
    this.#again(longest, () => this.ask());
  }

  accepted(): void {
    this.#timer?.cancel();
    this.#refusals = 0;
    Object.assign(this.account, { subscription: 'subscribed', condition: undefined, retryAt: undefined });
    if (this.#said !== undefined) this.#say('accepted');
    this.#said = undefined;
    this.#send('probe');
  }

  /**
   * Is everybody still there? A probe is answered by the presence of all resources (RFC 6121 §4.3.2); `gone` is told of who
   * has not shown up. Where nothing is heard at all, nothing is known.
   */
  verify(gone: (resource: Resource) => void): void {
    const { clock } = this.#context;
    const { account } = this;
    if (account.subscription !== 'subscribed' || this.#proof !== undefined) return;
    const since = clock.now();
    this.#send('probe');
    this.#proof = clock.after(proof, () => {
      this.#proof = clock.after(seldom, () => {
        this.#proof = undefined;
      });
      const all = [...account.resources.values()];
      if (all.some(({ shown }) => shown >= since)) for (const each of all) if (each.shown < since) gone(each);
    });
  }

  /** `unsubscribed`, or an error about our presence: asked again, each time later. */
  refused(condition?: Condition): void {
    const { clock, random } = this.#context;
    const wait = Math.min(longest, least * 2 ** Math.min(this.#refusals++, 20)) * (0.5 + random() / 2);
    const subscription = condition === undefined ? 'refused' : 'unreachable';
    const retryAt = clock.now() + wait;
    Object.assign(this.account, { subscription, condition, retryAt });
    this.#again(wait, () => this.ask());
    this.#say(subscription, condition, retryAt);
  }

  #say(kind: Notice['kind'], condition?: Condition, retryAt?: number): void {
    if (this.#said === kind) return;
    this.#said = kind;
    this.#context.notice({ kind, account: this.account.jid, condition, retryAt });
  }

  /** The way is down. */
  pause(): void {
    this.#timer?.cancel();
    this.#proof?.cancel();
    this.#proof = undefined;
  }

  /** It is no target any more. */
  end(): void {
    this.pause();
    this.#send('unsubscribe');
  }
}
