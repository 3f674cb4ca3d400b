/**
 * What was said before the account came to us: the last days are taken over from its server's archive in the background; what is
 * older, when an app asks for it.
 */
import type { Messages } from '../archive/types.ts';
import { findKnown } from './catchup.ts';
import type { Context } from './context.ts';
import type { Descent } from './descent.ts';
import type { ServerMessage } from './server-archive.ts';

/** How far it shall go. */
interface Progress {
  /** Nothing older than that is wanted: milliseconds since the epoch. */
  until: number;
  /** As earlier versions kept it: the server's id of the oldest that is here. */
  before?: string;
}

/** Between two pages: milliseconds. */
const rest = 50;
/** So long an app waits for what has to be fetched first: milliseconds. What was fetched is here when it asks again. */
const patience = 10_000;
/** Pages that are fetched for one question. */
const most = 100;
/** Until the server is asked again that did not answer, or is not there: milliseconds. */
const pause = 250;
/** Clocks of servers differ, and archives are not sorted to the second: milliseconds. */
const overlap = 10 * 60_000;

/** What came of the search for an id: it is here now; nobody knows it; the server has not said it all yet. */
export type Reached = boolean | 'later';

export class Backfill {
  readonly #context: Context;
  readonly #messages: Messages;
  readonly #descent: Descent;
  /** Undefined: all is here that was wanted. */
  #progress: Progress | undefined;
  #isStarted = false;
  /** Which login it is for. */
  #turn = 0;

  constructor(context: Context, messages: Messages, descent: Descent) {
    this.#context = context;
    this.#messages = messages;
    this.#descent = descent;
  }

  async load(): Promise<void> {
    const kept = (await this.#context.kept.read('meta')).find(({ key }) => key === 'backfill')?.value;
    this.#isStarted = kept !== undefined;
    this.#progress = kept === undefined || kept === '' ? undefined : (JSON.parse(kept) as Progress);
    await this.#descent.load();
    if (this.#progress?.before !== undefined) this.#descent.begin(this.#progress.before);
  }

  /** The account is online and its server has an archive: the last days, once, or the rest of them. */
  online(days: number): void {
    this.#descent.found();
    if (days === 0) return;
    if (!this.#isStarted) {
      this.#set({ until: this.#context.now() - days * 86_400_000 });
      this.#descent.begin('');
    }
    this.#isStarted = true;
    void this.#run(++this.#turn);
  }

  offline(): void {
    this.#turn++;
  }

  async #run(turn: number): Promise<void> {
    if (turn !== this.#turn || this.#progress === undefined) return;
    const { until } = this.#progress;
    if (!(await this.#step(until))) return; // at the next login
    if (this.#descent.reaches(until)) this.#set(undefined);
    else this.#context.later(rest, () => void this.#run(turn));
  }

  async #step(until: number): Promise<boolean> {
    try {
      return await this.#descent.step(until);
    } catch (error) {
      this.#context.log.error('backfill failed', { account: this.#context.account, error: String(error) });
      return false;
    }
  }

  /** All is here that was said since then (milliseconds since the epoch; undefined: ever). */
  reaches(since: number | undefined): boolean {
    return this.#descent.reaches(since === undefined ? -Infinity : since - overlap);
  }

  /**
   * For an app that asks for what was said since then: fetches it page by page, until `isEnough`. False: that could not be done in
   * the time there is.
   */
  fetch(since: number | undefined, isEnough: () => boolean | Promise<boolean>): Promise<boolean> {
    const until = since === undefined ? -Infinity : since - overlap;
    return this.#inTime(async (isOver) => {
      for (let pages = 0; !this.#descent.reaches(until); ) {
        if (isOver() || pages >= most) return false;
        if (await this.#step(until)) pages++;
        else await new Promise<void>((resolve) => this.#context.later(pause, resolve));
        if (await isEnough()) return true;
      }
      return true;
    }, false);
  }

  /** The first message that the server has, as it calls it. */
  first(): Promise<ServerMessage | undefined> {
    return this.#inTime(async () => {
      const page = await this.#descent.ask({}, 1);
      return typeof page === 'string' ? undefined : page.messages[0];
    }, undefined);
  }

  /**
   * An app asks for what came behind a message that it knows by the server's name, from before it came to us: fetches all down to
   * it. False if the server does not know it either, or it is not older than what is here.
   */
  reach(id: string): Promise<Reached> {
    return this.#inTime<Reached>(async () => {
      const sought = await this.#find(id);
      if (typeof sought !== 'object') return sought;
      const find = () => findKnown(this.#messages, this.#context.account, sought);
      const isFound = async () => (await find()) !== undefined; // its date says little: servers tell whole seconds
      const isWhole = (await isFound()) || (await this.fetch(sought.at, isFound));
      const known = await find();
      if (known === undefined) return isWhole ? false : 'later';
      if (known.alias === undefined) await this.#messages.alias(this.#context.account, known.place, id);
      return true;
    }, 'later').catch((error: unknown) => {
      this.#context.log.error('backfill failed', { account: this.#context.account, error: String(error) });
      return 'later';
    });
  }

  /** The server's message of that id. */
  async #find(id: string): Promise<ServerMessage | false | 'later'> {
    const next = await this.#descent.ask({ after: id }, 1);
    if (typeof next === 'string') return next === 'failed' ? 'later' : false;
    const found = await this.#descent.ask({ before: next.messages[0]?.alias ?? '' }, 1);
    if (typeof found === 'string') return found === 'failed' ? 'later' : false;
    const sought = found.messages.at(-1);
    return sought?.alias === id ? sought : false;
  }

  #inTime<T>(work: (isOver: () => boolean) => Promise<T>, otherwise: T): Promise<T> {
    let isOver = false;
    const over = new Promise<T>((resolve) =>
      this.#context.later(patience, () => {
        isOver = true;
        resolve(otherwise);
      }),
    );
    return Promise.race([work(() => isOver), over]);
  }

  #set(progress: Progress | undefined): void {
    this.#progress = progress;
    this.#context.kept.put('meta', 'backfill', progress === undefined ? '' : JSON.stringify(progress));
  }
}
