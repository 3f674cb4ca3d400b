/** What stands in for a unit that cannot be opened now: its clients have root alone. When the unit is there they log in again. */
import type {
  AccountState,
  Answer,
  Ask,
  EdgeLink,
  SessionFacts,
  UnitLink,
  UnitQuestions,
  UnitSettings,
} from '../link/link.ts';
import type { Stanza } from '../wire/stanza.ts';
import { answerOff, type Off, statesOf } from './off.ts';

/** A user's unit cannot be opened now; the message is for people. */
export class UnopenedError extends Error {
  constructor(user: string, cause: unknown) {
    super(`What serves ${user} cannot start:\n${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

export class StandIn implements UnitLink {
  readonly #edge: EdgeLink;
  readonly #off: Off;
  readonly #sessions = new Map<number, SessionFacts>();
  #settings: UnitSettings | undefined;
  #reason = new Error('nobody is served yet');
  /** What root was told of its accounts. */
  #told = '';
  #isOver = false;

  constructor(edge: EdgeLink) {
    this.#edge = edge;
    this.#off = { reason: '', since: Date.now(), isTried: true };
  }

  /** That unit cannot be opened (still). */
  configure(settings: UnitSettings, reason: Error): void {
    this.#settings = settings;
    this.#reason = reason;
    const told = settings.accounts.map(({ jid, enabled }) => `${jid} ${enabled}`).join();
    if (told === this.#told) return;
    this.#told = told;
    for (const state of this.#states()) this.#edge.account(settings.user, state);
  }

  #states(): AccountState[] {
    return this.#settings === undefined ? [] : statesOf(this.#off, this.#settings, [...this.#sessions.values()]);
  }

  attach(sid: number, facts: SessionFacts): void {
    this.#sessions.set(sid, facts);
    if (this.#isOver) this.#close(sid);
  }

  /** The unit is there, or nobody wants it any more. */
  end(): void {
    this.#isOver = true;
    for (const sid of this.#sessions.keys()) this.#close(sid);
  }

  #close(sid: number): void {
    this.#edge.close(sid, 'reset', 'Log in once more: what serves you in the proxy is another now');
  }

  detach(sid: number): void {
    this.#sessions.delete(sid);
  }

  stanza(sid: number, stanza: Stanza, position: number): void {
    answerOff(this.#edge, sid, stanza);
    this.#edge.stored(sid, position);
  }

  // of its sessions nothing is kept
  resumable(): void {}
  passed(): void {}
  acknowledged(): void {}
  flow(): void {}
  activity(): void {}

  async ask<K extends keyof UnitQuestions>(what: K, _ask: Ask<UnitQuestions, K>): Promise<Answer<UnitQuestions, K>> {
    if (what === 'status') return this.#states() as unknown as Answer<UnitQuestions, K>;
    throw this.#reason;
  }
}
