/**
 * How far a unit has got with each session's stanzas, and up to where that is durable. In the transaction of what they brought it is
 * kept by the name of the session's stream: a client that comes back after a restart is told what need not be sent again (XEP-0198
 * §5), and a unit that starts anew knows what the one before it had done.
 */
import type { Store } from '../archive/types.ts';
import type { SessionFacts } from '../link/link.ts';
import type { BareJid } from '../wire/jid.ts';
import { end } from './held.ts';

/** Streams of sessions that are over, at most, and how long they are kept: milliseconds. */
const most = 50;
const lasting = 86_400_000 + 3_600_000;
/** What needs not be durable is kept no later than that. */
const lazily = 5000;

interface Stream {
  readonly id: string;
  /** What the login shows; in the store it is kept with that. */
  readonly account: BareJid;
  readonly bare: BareJid;
  /** Where its `h` begins; undefined: it cannot be resumed. */
  from: number | undefined;
  position: number;
  /** Milliseconds since the epoch. */
  at: number;
}

/** Of a session. */
interface Live extends Stream {
  /** What a unit before this one had done, and is durable. */
  readonly before: number;
  /** As it is kept, or will be. */
  kept: number;
}

export interface StreamsOptions {
  store: Store;
  /** The unit may die without its edge: every session is kept, not only those that can be resumed. */
  isMortal: boolean;
  stored(sid: number, position: number): void;
  now?(): number;
}

export class Streams {
  readonly #options: StreamsOptions;
  readonly #live = new Map<number, Live>();
  /** Of sessions that are over, oldest first. */
  readonly #over = new Map<string, Stream>();
  /** What was reached since the last look. */
  #reached = new Map<number, number>();
  /** Sessions that sent what may have been written. */
  readonly #writers = new Set<Live>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  /** Once, before sessions come. */
  async load(accounts: Iterable<BareJid>): Promise<void> {
    const found: Stream[] = [];
    for (const account of accounts)
      for (const { key, value } of await this.#options.store.read(account, 'stream'))
        found.push({ id: key, account, ...JSON.parse(value) });
    for (const stream of found.sort((a, b) => a.at - b.at)) this.#over.set(stream.id, stream);
    this.#prune(Number.POSITIVE_INFINITY); // sessions of some may be about to come
  }

  #prune(left = most): void {
    const oldest = this.#now() - lasting;
    for (const stream of this.#over.values()) {
      if (this.#over.size <= left && stream.at >= oldest) return;
      this.#over.delete(stream.id);
      this.#forget(stream);
    }
  }

  /** Behind a note that is under way. What cannot be deleted is, for its age, at a later start. */
  #forget({ account, id }: Stream): void {
    const { store } = this.#options;
    const forget = () => void store.remove(account, 'stream', id).catch(() => {});
    const settled = store.settled();
    if (settled === undefined) forget();
    else settled.then(forget, () => {});
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  attach(sid: number, { stream: { id, from }, bare, account = bare }: SessionFacts): void {
    const before = this.#over.get(id)?.position ?? 0;
    this.#over.delete(id);
    this.#live.set(sid, { id, account, bare, from, position: before, at: this.#now(), before, kept: before });
  }

  resumable(sid: number, from: number): void {
    const stream = this.#live.get(sid);
    if (stream === undefined) return;
    stream.from = from;
    stream.position = Math.max(stream.position, from);
    this.#later();
  }

  /** A unit before this one had done that, and nothing of it was lost. */
  isDone(sid: number, position: number): boolean {
    return position <= (this.#live.get(sid)?.before ?? 0);
  }

  /** The unit has done all of that session up to there. `writes`: it may be lost. */
  took(sid: number, position: number, writes: boolean): void {
    const stream = this.#live.get(sid);
    if (stream !== undefined && position > stream.position) stream.position = position;
    if (this.#options.store.settled() === undefined) {
      this.#options.stored(sid, position);
      return this.#later();
    }
    if (writes && stream !== undefined) this.#writers.add(stream);
    if (this.#reached.size === 0) process.nextTick(() => this.#look());
    this.#reached.set(sid, position);
  }

  /** Once a turn: all that was written in it is one transaction, and this is of it. */
  #look(): void {
    const { store, stored } = this.#options;
    const reached = this.#reached;
    this.#reached = new Map();
    for (const stream of this.#writers) if (this.#isKept(stream)) this.#note(stream);
    this.#writers.clear();
    this.#later();
    const tell = () => {
      for (const [sid, position] of reached) stored(sid, position);
    };
    const settled = store.settled();
    if (settled === undefined) tell();
    else settled.then(tell, () => {});
  }

  #isKept({ from }: Stream): boolean {
    return this.#options.isMortal || from !== undefined;
  }

  #note(stream: Live): void {
    const text = () => {
      const { bare, from, position, at } = stream;
      stream.kept = position;
      return JSON.stringify({ bare, from, position, at });
    };
    stream.at = this.#now();
    stream.kept = stream.position;
    this.#options.store.note(stream.account, 'stream', stream.id, text).catch(() => {});
  }

  /** Clients are told of what needs not be kept, too: it is, when there is time. */
  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const stream of this.#live.values())
        if (stream.from !== undefined && stream.kept < stream.position) this.#note(stream);
    }, lazily).unref();
  }

  /** The session is over. `isClean`: nobody will ask after its stream. */
  detach(sid: number, isClean: boolean): void {
    const stream = this.#live.get(sid);
    this.#live.delete(sid);
    if (stream !== undefined) {
      this.#writers.delete(stream);
      if (isClean || stream.from === undefined) {
        if (stream.kept > 0) this.#forget(stream);
      } else {
        this.#note(stream);
        this.#over.set(stream.id, stream);
        this.#prune();
      }
    }
    this.took(sid, end, false);
  }

  /** XEP-0198 `h`, as far as it is durable; of that login alone. */
  async handled(account: BareJid, bare: BareJid, id: string): Promise<number | null> {
    const stream = this.#over.get(id) ?? [...this.#live.values()].find((live) => live.id === id);
    if (stream?.account !== account || stream.bare !== bare || stream.from === undefined) return null;
    const { position, from } = stream;
    await this.#options.store.settled();
    return (position - from) >>> 0;
  }

  /** Everything of the account is deleted. */
  forgotten(account: BareJid): void {
    for (const { id, account: of } of [...this.#over.values()]) if (of === account) this.#over.delete(id);
    for (const [sid, stream] of [...this.#live]) {
      if (stream.account !== account) continue;
      this.#live.delete(sid);
      this.#writers.delete(stream);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
