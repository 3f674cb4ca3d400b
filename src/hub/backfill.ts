/**
 * What was said before the account came to us: taken over from its server's archive in the background, newest first, so that each
 * page has its place below all that is there.
 */
import type { Messages } from '../archive/types.ts';
import { findKnown } from './catchup.ts';
import type { Context } from './context.ts';
import type { NoPage, ServerArchive, ServerMessage, ServerPage, Where } from './server-archive.ts';

/** How far it has got. */
interface Progress {
  /** Nothing older than that is wanted: milliseconds since the epoch. */
  until: number;
  /** The server's id of the oldest that is here; the newest page where it is empty. */
  before: string;
}

/** Between two pages: milliseconds. */
const rest = 50;
/** Pages in search of one id. */
const most = 250;
/** Messages looked through, from the oldest, for one whose id at the server is known. */
const deep = 500;

interface Parts {
  server: ServerArchive;
  messages: Messages;
  /** Into the archive, below all that is there; when it was said, in milliseconds. */
  older(message: ServerMessage): void;
}

export class Backfill {
  readonly #context: Context;
  readonly #parts: Parts;
  /** Undefined: all is here that was wanted. */
  #progress: Progress | undefined;
  #isStarted = false;
  /** Which login it is for. */
  #turn = 0;
  /** What goes on in the archive's oldest part: one at a time. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  async load(): Promise<void> {
    const kept = (await this.#context.kept.read('meta')).find(({ key }) => key === 'backfill')?.value;
    this.#isStarted = kept !== undefined;
    this.#progress = kept === undefined || kept === '' ? undefined : (JSON.parse(kept) as Progress);
  }

  /** The account is online and its server has an archive: the last days, once, or the rest of them. */
  online(days: number): void {
    if (days === 0) return;
    if (!this.#isStarted) this.#set({ until: this.#context.now() - days * 86_400_000, before: '' });
    this.#isStarted = true;
    const turn = ++this.#turn;
    if (this.#progress !== undefined) this.#after(() => this.#run(turn));
  }

  offline(): void {
    this.#turn++;
  }

  async #run(turn: number): Promise<void> {
    const progress = this.#progress;
    if (turn !== this.#turn || progress === undefined) return;
    const oldest = await this.#page({ before: progress.before }, progress.until);
    if (oldest === undefined) return; // at the next login
    this.#set(oldest === '' ? undefined : { ...progress, before: oldest });
    this.#context.later(rest, () => this.#after(() => this.#run(turn)));
  }

  /** One page; gives the id to go on before: none (empty) at the end; undefined if there was no page. */
  async #page(where: Where, until: number): Promise<string | undefined> {
    const { messages, older } = this.#parts;
    const page = await this.#ask(where);
    if (typeof page === 'string') return page === 'failed' ? undefined : '';
    const wanted = page.messages.filter(({ at }) => at >= until);
    for (const message of wanted.reverse()) {
      if (message.message.type === 'groupchat') continue;
      const known = await findKnown(messages, this.#context.account, message);
      if (known === undefined) older(message);
      else await this.#name(known.place, known.alias, message.alias);
    }
    const isLast = page.complete || wanted.length < page.messages.length;
    return isLast ? '' : page.messages[0]!.alias;
  }

  async #name(place: number, known: string | undefined, alias: string): Promise<void> {
    if (known === undefined) await this.#parts.messages.alias(this.#context.account, place, alias);
  }

  /**
   * An app asks for what came behind a message that it knows by the server's name, from before it came to us: fetches all down to
   * it. False if the server does not know it either, or it is not older than what is here.
   */
  reach(id: string): Promise<boolean> {
    return this.#after(() => this.#reach(id)).catch((error: unknown) => {
      this.#context.log.error('backfill failed', { account: this.#context.account, error: String(error) });
      return false;
    });
  }

  async #reach(id: string): Promise<boolean> {
    const { messages } = this.#parts;
    const { account } = this.#context;
    const next = await this.#ask({ after: id }, 1);
    if (typeof next === 'string') return false;
    const found = await this.#ask({ before: next.messages[0]?.alias ?? '' }, 1);
    const sought = typeof found === 'string' ? undefined : found.messages.at(-1);
    if (sought?.alias !== id) return false;
    const known = await findKnown(messages, account, sought);
    if (known !== undefined) {
      await this.#name(known.place, known.alias, id);
      return true;
    }
    return this.#descend(sought);
  }

  async #descend(sought: ServerMessage): Promise<boolean> {
    const { messages } = await this.#parts.messages.page(this.#context.account, { groupchat: false }, deep);
    const oldest = messages.find(({ alias }) => alias !== undefined);
    if (oldest !== undefined && oldest.at < sought.at) return false;
    let before = oldest?.alias ?? '';
    for (let pages = 0; pages < most; pages++) {
      const next = await this.#page({ before }, sought.at);
      if (next === undefined) return false;
      if (next === '') return (await findKnown(this.#parts.messages, this.#context.account, sought)) !== undefined;
      before = next;
    }
    return false;
  }

  #ask(where: Where, size?: number): Promise<ServerPage | NoPage> {
    return new Promise((resolve) => this.#parts.server.page(where, resolve, size));
  }

  #after<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch((error: unknown) =>
      this.#context.log.error('backfill failed', { account: this.#context.account, error: String(error) }),
    );
    return done;
  }

  #set(progress: Progress | undefined): void {
    this.#progress = progress;
    this.#context.kept.put('meta', 'backfill', progress === undefined ? '' : JSON.stringify(progress));
  }
}
