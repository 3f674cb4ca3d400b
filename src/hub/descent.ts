/**
 * How far down an account's past has been taken over from its server's archive: without a hole, newest first, so that each message has
 * its place below all that is there. What was deleted here is not fetched again.
 */
import type { Messages } from '../archive/types.ts';
import { type BareJid, bare, type Jid } from '../wire/jid.ts';
import { findKnown, isSentBy } from './catchup.ts';
import type { Context } from './context.ts';
import type { NoPage, ServerArchive, ServerMessage, ServerPage, Where } from './server-archive.ts';

/** As kept (JSON). */
interface Depth {
  /** The server's id of the oldest that was looked at; the newest page where it is empty; undefined: none was yet. */
  before?: string;
  /** All from then on is here: milliseconds since the epoch. */
  at?: number;
  /** The server has nothing older, or nothing older is wanted. */
  isWhole?: boolean;
  /** It had no archive when it was asked last. */
  isMissing?: boolean;
  /** What was said with them before is not wanted. */
  forgotten?: BareJid[];
}

/** Messages looked through, from the oldest, for one whose id at the server is known. */
const deep = 500;
const key = 'past';

interface Parts {
  server: ServerArchive;
  messages: Messages;
  /** Into the archive, below all that is there; when it was said, in milliseconds. */
  older(message: ServerMessage): void;
  /** What came lately may be missing here, and is not to be taken for old. */
  isBehind(): boolean;
}

export class Descent {
  readonly #context: Context;
  readonly #parts: Parts;
  #depth: Depth = {};
  /** What goes on in the archive's oldest part: one at a time. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  async load(): Promise<void> {
    const meta = await this.#context.kept.read('meta');
    const kept = meta.find((entry) => entry.key === key)?.value;
    if (kept !== undefined) this.#depth = JSON.parse(kept) as Depth;
  }

  /** All that was said since then is here. */
  reaches(date: number): boolean {
    const { at, isWhole, isMissing } = this.#depth;
    return isWhole === true || isMissing === true || (at !== undefined && at <= date);
  }

  /** Nothing has been taken over yet: it shall begin before that id, or with the newest page (empty). */
  begin(before: string): void {
    if (this.#depth.before === undefined) this.#set({ before });
  }

  /** The server has an archive. */
  found(): void {
    if (this.#depth.isMissing) this.#set({ isMissing: false });
  }

  /** What was said with that peer, or all, is deleted here. */
  forgetting(peer: BareJid | null): void {
    const { isWhole, forgotten = [] } = this.#depth;
    if (isWhole) return;
    if (peer === null) this.cut();
    else if (!forgotten.includes(peer)) this.#set({ forgotten: [...forgotten, peer] });
  }

  /** The oldest messages were deleted here: nothing from before is wanted. */
  cut(): void {
    if (!this.#depth.isWhole) this.#set({ isWhole: true });
  }

  /** One page further down, if it does not reach back to that date yet. False: there was none. */
  step(until: number): Promise<boolean> {
    const done = this.#work.then(() => this.#step(until));
    this.#work = done.catch(() => {});
    return done;
  }

  async #step(until: number): Promise<boolean> {
    if (this.#depth.before === undefined) await this.#start();
    if (this.reaches(until)) return true;
    const { before = '' } = this.#depth;
    if (before === '' && this.#parts.isBehind()) return false;
    const page = await this.#page(before);
    if (page === 'failed') return false;
    if (page === 'unsupported') this.#set({ isMissing: true });
    else if (page === 'unknown-id') this.cut();
    else await this.#take(page, until);
    return true;
  }

  /** Where an earlier version, or none, has taken anything over: below the oldest that the server has a name for. */
  async #start(): Promise<void> {
    const { messages } = await this.#parts.messages.page(this.#context.account, { groupchat: false }, deep);
    const oldest = messages.find(({ alias }) => alias !== undefined);
    this.#set(oldest === undefined ? { before: '' } : { before: oldest.alias!, at: oldest.at });
  }

  async #page(before: string): Promise<ServerPage | NoPage> {
    const { at } = this.#depth;
    const page = await this.ask({ before });
    // it keeps messages for some time only, or deleted that one
    return page === 'unknown-id' && before !== '' && at !== undefined ? this.ask({ before: '', end: at }) : page;
  }

  async #take({ messages, complete }: ServerPage, until: number): Promise<void> {
    const beyond = messages.findLastIndex(({ at }) => at < until);
    const wanted = messages.slice(beyond + 1);
    for (const message of wanted.toReversed()) {
      if (this.#depth.isWhole) return; // deleted meanwhile
      await this.#add(message);
    }
    const [oldest] = wanted;
    const reached = { ...(oldest && { before: oldest.alias, at: oldest.at }) };
    if (beyond >= 0) this.#set({ ...reached, at: until });
    else this.#set(complete ? { ...reached, isWhole: true } : reached);
  }

  async #add(message: ServerMessage): Promise<void> {
    const { account } = this.#context;
    const { messages, older } = this.#parts;
    if (message.message.type === 'groupchat') return; // rooms have a history of their own
    const known = await findKnown(messages, account, message);
    if (known === undefined && !this.#isForgotten(message)) older(message);
    else if (known !== undefined && known.alias === undefined)
      await messages.alias(account, known.place, message.alias);
  }

  #isForgotten({ message }: ServerMessage): boolean {
    const { isWhole, forgotten = [] } = this.#depth;
    const { account } = this.#context;
    const peer = (isSentBy(message, account) ? message.to : message.from) ?? account;
    return isWhole === true || forgotten.includes(bare(peer as Jid));
  }

  ask(where: Where, size?: number): Promise<ServerPage | NoPage> {
    return new Promise((resolve) => this.#parts.server.page(where, resolve, size));
  }

  #set(change: Depth): void {
    this.#depth = { ...this.#depth, ...change };
    this.#context.kept.put('meta', key, JSON.stringify(this.#depth));
  }
}
