/** What an address has done: for `target show`, and for whoever looks for lost stanzas. */
import type { Condition } from '../wire/error.ts';
import type { FullJid } from '../wire/jid.ts';
import type { AddressStatus, Counters, Drop, RecentError } from './types.ts';

/** Answers whose latency is remembered. */
const samples = 512;
const mostErrors = 10;
/** Seconds that a rate is taken over. */
const seconds = 60;

export class Statistics {
  readonly counters: Counters = {
    requests: 0,
    answered: 0,
    retried: 0,
    timeouts: 0,
    messages: 0,
    presences: 0,
    refused: {},
    dropped: {},
  };
  readonly #latency = new Float64Array(samples);
  #measured = 0;
  readonly #requests = new Rate();
  readonly #messages = new Rate();
  readonly #errors: RecentError[] = [];

  request(now: number): void {
    this.counters.requests++;
    this.#requests.count(now);
  }

  message(now: number): void {
    this.counters.messages++;
    this.#messages.count(now);
  }

  answered(since: number, now: number): void {
    this.counters.answered++;
    this.#latency[this.#measured++ % samples] = now - since;
  }

  refused(condition: Condition): void {
    const { refused } = this.counters;
    refused[condition] = (refused[condition] ?? 0) + 1;
  }

  dropped(reason: Drop): void {
    const { dropped } = this.counters;
    dropped[reason] = (dropped[reason] ?? 0) + 1;
  }

  error(at: number, condition: Condition, resource: FullJid | undefined): void {
    this.#errors.unshift({ at, condition, resource });
    this.#errors.length = Math.min(this.#errors.length, mostErrors);
  }

  status(now: number): Pick<AddressStatus, 'requestRate' | 'messageRate' | 'latency' | 'counters' | 'errors'> {
    return {
      requestRate: this.#requests.perSecond(now),
      messageRate: this.#messages.perSecond(now),
      latency: this.#percentiles(),
      counters: structuredClone(this.counters),
      errors: [...this.#errors],
    };
  }

  #percentiles(): AddressStatus['latency'] {
    const count = Math.min(this.#measured, samples);
    if (count === 0) return undefined;
    const sorted = this.#latency.slice(0, count).sort();
    const at = (share: number) => sorted[Math.min(count - 1, Math.floor(count * share))]!;
    return { p50: at(0.5), p99: at(0.99) };
  }
}

/** One count for each of the last seconds. */
class Rate {
  readonly #counts = new Uint32Array(seconds);
  #second = Number.NEGATIVE_INFINITY;

  count(now: number): void {
    this.#advance(Math.floor(now / 1000));
    this.#counts[this.#second % seconds]!++;
  }

  perSecond(now: number): number {
    this.#advance(Math.floor(now / 1000));
    let sum = 0;
    for (const count of this.#counts) sum += count;
    return sum / seconds;
  }

  #advance(second: number): void {
    if (second <= this.#second) return;
    const first = Math.max(this.#second + 1, second - seconds + 1);
    for (let each = first; each <= second; each++) this.#counts[each % seconds] = 0;
    this.#second = second;
  }
}
