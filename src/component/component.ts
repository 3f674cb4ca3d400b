/** Keeps a component's stream: connects, waits, tries again. An administrator may mend the server at any time, so it never gives up. */

import { pause, retryAfter } from '../wire/backoff.ts';
import { Failed } from './failed.ts';
import { ComponentStream } from './stream.ts';
import { usual } from './timing.ts';
import type {
  Component,
  ComponentEvents,
  ComponentFailure,
  ComponentOptions,
  ComponentPlace,
  ComponentState,
  ComponentStatus,
  Timing,
} from './types.ts';

/** A component that does nothing until start(). */
export const openComponent = (place: ComponentPlace, options: ComponentOptions, events: ComponentEvents): Component =>
  new Supervisor(place, options, events);

class Supervisor implements Component {
  readonly #place: ComponentPlace;
  readonly #options: ComponentOptions;
  readonly #events: ComponentEvents;
  readonly #timing: Timing;
  #state: ComponentState;
  #stream: ComponentStream | undefined;
  #running: AbortController | undefined;
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};
  /** Rounds since a stream that held: how far backoff has grown. */
  #failures = 0;
  /** What the log has said last. */
  #said = '';

  constructor(place: ComponentPlace, options: ComponentOptions, events: ComponentEvents) {
    this.#place = place;
    this.#options = options;
    this.#events = events;
    this.#timing = options.timing ?? usual;
    this.#state = { host: place.host, status: 'off', since: Date.now(), failure: undefined };
  }

  get state(): ComponentState {
    return this.#state;
  }

  start(): void {
    if (this.#running !== undefined) return this.#wake();
    const running = new AbortController();
    this.#running = running;
    this.#failures = 0;
    this.#loop = this.#loop.then(() => this.#keep(running.signal));
  }

  send(stanza: string): boolean {
    return this.#stream?.send(stanza) ?? false;
  }

  async stop(within: number): Promise<void> {
    const loop = this.#loop;
    this.#running?.abort();
    this.#running = undefined;
    await this.#stream?.close(within);
    await loop;
  }

  async #keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const failed = await this.#round(signal);
      if (signal.aborted) break;
      const wait = retryAfter(this.#failures++, this.#timing, this.#options.random ?? Math.random);
      this.#report('waiting', failed.failure);
      await this.#pause(wait, signal);
    }
    this.#report('off', undefined);
  }

  /** One stream: how it ended. */
  async #round(signal: AbortSignal): Promise<Failed> {
    // what failed last is still the matter while it is tried again
    this.#report('connecting', this.#state.failure);
    const stream = new ComponentStream({ place: this.#place, options: this.#options, timing: this.#timing });
    const abort = () => stream.end(new Failed('lost', 'stopped'));
    signal.addEventListener('abort', abort);
    try {
      await stream.start();
    } catch {
      return await stream.ended;
    } finally {
      signal.removeEventListener('abort', abort);
    }
    return this.#hold(stream);
  }

  async #hold(stream: ComponentStream): Promise<Failed> {
    const began = Date.now();
    this.#stream = stream;
    stream.flow(this.#events.stanza, () => {
      this.#report('online', undefined);
      this.#tell(() => this.#events.online());
    });
    const failed = await stream.ended;
    this.#stream = undefined;
    if (Date.now() - began >= this.#timing.held) this.#failures = 0;
    this.#tell(() => this.#events.offline());
    return failed;
  }

  #pause(time: number, signal: AbortSignal): Promise<void> {
    return pause(time, signal, (wake) => {
      this.#wake = wake;
    });
  }

  #report(status: ComponentStatus, failure: ComponentFailure | undefined): void {
    const { host } = this.#place;
    this.#state = { host, status, since: Date.now(), failure };
    // once per change: that it is tried again and fails as before is no news
    const news = status === 'waiting' ? `waiting ${failure?.kind}` : status;
    if (status !== 'connecting' && news !== this.#said) {
      this.#said = news;
      this.#options.log[status === 'waiting' ? 'warn' : 'info'](`component ${status}`, { host, ...failure });
    }
    this.#tell(() => this.#events.state(this.#state));
  }

  /** What a listener gets wrong must not end the component. */
  #tell(event: () => void): void {
    try {
      event();
    } catch (reason) {
      const { host } = this.#place;
      this.#options.log.error('component event not handled', { host, reason: String(reason) });
    }
  }
}
