/** Our being in a room as a matter of time: what was asked of it, how long to wait, when to try again. */
import type { Up } from './context.ts';

/** Milliseconds: how long the room may take to answer a join, to tell its history, to let us go. */
const answering = 30_000;
const telling = 10_000;
const parting = 10_000;
/** How long clients are left in the belief that we are in while we try to be so again. */
const grace = 60_000;
const [firstRetry, lastRetry] = [1000, 15 * 60_000];
/** Who was in for so long is tried again as soon as ever. */
const calm = 10 * 60_000;

/** `filling`: we are in; history and subject are still to come. */
export type Phase = 'out' | 'entering' | 'filling' | 'in' | 'leaving';

export class Occupancy {
  readonly #up: Up;
  readonly #now: () => number;
  #phase: Phase = 'out';
  #deadline = 0;
  #within = 0;
  /** What could not go while the server was away. */
  #unsent: string | undefined;
  #outSince: number | undefined;
  #failures = 0;
  #enteredAt: number | undefined;

  constructor(up: Up, now: () => number) {
    this.#up = up;
    this.#now = now;
  }

  get phase(): Phase {
    return this.#phase;
  }
  get isIn(): boolean {
    return this.#phase === 'in' || this.#phase === 'filling';
  }

  /** How often in a row the room has not let us in. */
  get failures(): number {
    return this.#failures;
  }

  #turn(phase: Phase, within: number): void {
    this.#phase = phase;
    this.#within = within;
    this.#deadline = this.#now() + within;
  }

  #send(text: string): void {
    this.#unsent = this.#up.send(text) ? undefined : text;
  }

  /** `text`: the presence that asks to enter. */
  enter(text: string): void {
    this.#turn('entering', answering);
    this.#send(text);
  }
  entered(): void {
    this.#turn('filling', telling);
    this.#outSince = undefined;
    this.#enteredAt = this.#now();
  }
  filled(): void {
    this.#phase = 'in';
  }
  leave(text: string): void {
    this.#turn('leaving', parting);
    this.#send(text);
  }
  /** It is over. */
  end(): void {
    this.#phase = 'leaving';
  }

  /** We are not in, it seems. */
  missed(): void {
    this.#outSince ??= this.#now();
  }
  /** We are not in; to be tried again, later each time. */
  out(): void {
    this.missed();
    if (this.#enteredAt !== undefined && this.#now() - this.#enteredAt >= calm) this.#failures = 0;
    this.#enteredAt = undefined;
    this.#turn('out', Math.min(lastRetry, firstRetry * 2 ** this.#failures++));
  }
  /** No room knows the new session upstream. */
  renewed(): void {
    this.#outSince = this.#now();
    this.#failures = 0;
    this.#unsent = undefined;
  }

  /** The session upstream goes on; nothing is lost but what could not be sent. */
  resumed(): void {
    if (this.#unsent === undefined) return;
    this.#turn(this.#phase, this.#phase === 'leaving' ? parting : answering);
    this.#send(this.#unsent);
  }

  /** What is overdue: an answer, the end of the history, our release, the next attempt. */
  due(now: number): 'answer' | 'history' | 'release' | 'attempt' | undefined {
    this.#deadline = Math.min(this.#deadline, now + this.#within); // the clock may have been set back
    if (now < this.#deadline) return undefined;
    if (this.#phase === 'entering') return 'answer';
    if (this.#phase === 'filling') return 'history';
    if (this.#phase === 'leaving' && this.#unsent === undefined) return 'release';
    return this.#phase === 'out' && this.#up.online() ? 'attempt' : undefined;
  }

  /** Too long for clients to be left in the belief that we are in. */
  isLong(now: number): boolean {
    return this.#up.online() && this.#outSince !== undefined && now - this.#outSince >= grace;
  }

  /** Is something due soon? */
  isUnsettled(now: number): boolean {
    if (this.#phase === 'in') return false;
    return this.#phase === 'entering' || (this.#up.online() && this.#deadline - now < answering);
  }
}
