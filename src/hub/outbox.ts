/**
 * Messages on their way to the server. Each is kept, durably and in order, until the server has acknowledged it (XEP-0198): over
 * outages, restarts and the end of a worker. What leaves later than it came, or perhaps not for the first time, has its first date
 * (XEP-0203).
 */
import type { FullJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { delay, Stanza } from '../wire/stanza.ts';
import { childIn } from '../wire/xml.ts';
import type { Context } from './context.ts';

/** In place of a sequence number: somebody was asked whether it is to be sent; others need not wait for it. */
const asked = -1;

/** Messages that wait at most; beyond, their sender gets an error and knows. */
const most = 1000;

/** Keys are microseconds since the epoch, or as near as no two are equal. */
function keyOf(order: number): string {
  // in halves, which V8 writes in a fraction of the time
  const high = Math.floor(order / half);
  return `${String(high).padStart(8, '0')}${String(order - high * half).padStart(8, '0')}`;
}
const half = 100_000_000;

/** What is kept of a message (JSON). */
export interface KeptMessage {
  /** When it was taken: milliseconds since the epoch. */
  at: number;
  /** Full address of the client that sent it. */
  client: string;
  /** Its sequence number upstream; 0: it has none yet. */
  sequence: number;
  /** As it was sent, or is to be sent: with `to`, without `from`. */
  text: string;
}

interface Row extends KeptMessage {
  key: string;
  /** It was sent in a session that is gone, and the server may have it. */
  isDoubtful: boolean;
}

/** A message that waits, or waited for too long. */
export interface Waiting {
  /** Names it here. */
  key: string;
  at: number;
  client: FullJid;
  message: Stanza;
}

export class Outbox {
  readonly #context: Context;
  /** In the order of their keys, which is the order in which they leave. */
  #rows: Row[] = [];
  /** What a hub before this one put here: whoever is told of it once more finds it done with, or on its way. */
  #inherited: ReadonlySet<string> = new Set();
  /** Of these, such as are not on their way. */
  #waiting = 0;
  #last = 0;
  /** The first sequence number of the present session upstream, where that is known. */
  #first = 0;
  /** Messages leave as they come. */
  #isOpen = false;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Once, before anything is added. */
  async load(): Promise<void> {
    const entries = await this.#context.kept.read('outbox');
    this.#rows = entries.map(({ key, value }) => rowOf(key, value)).sort((a, b) => (a.key < b.key ? -1 : 1));
    this.#inherited = new Set(this.#rows.map(({ key }) => key));
    this.#last = Number(this.#rows.at(-1)?.key ?? 0);
    this.#count();
  }

  /** Messages that the server does not have, or has not acknowledged. */
  get size(): number {
    return this.#rows.length;
  }
  /** Messages leave as they come, unless others wait. */
  get isOpen(): boolean {
    return this.#isOpen;
  }
  /** What comes now has to wait. */
  get isHeldUp(): boolean {
    return !this.#isOpen || this.#waiting > 0;
  }
  get isFull(): boolean {
    return this.#waiting >= most;
  }

  /** Sends it (with `to`, without `from`), or has it wait behind what waits already. `order`: see wait(). */
  add(text: string, client: FullJid, order?: number): void {
    this.#insert(text, client, this.isHeldUp ? 0 : this.#context.up.post(text), order);
  }

  /** Has it wait for flush(). `order`: its place among others, if it is not there already; behind all without one. */
  wait(text: string, client: FullJid, order?: number): void {
    this.#insert(text, client, 0, order);
  }

  #insert(text: string, client: FullJid, sequence: number, order?: number): void {
    const at = this.#context.now();
    const place = order ?? Math.max(this.#last + 1, at * 1000);
    const key = keyOf(place);
    if (this.#inherited.has(key)) return;
    const before = place > this.#last ? this.#rows.length - 1 : this.#rows.findLastIndex((row) => row.key <= key);
    if (this.#rows[before]?.key === key) return;
    this.#last = Math.max(this.#last, place);
    const row = { key, at, client, sequence, text, isDoubtful: false };
    if (before === this.#rows.length - 1) this.#rows.push(row);
    else this.#rows.splice(before + 1, 0, row);
    if (sequence === 0) this.#waiting++;
    this.#keep(row);
  }

  #keep({ key, at, client, sequence, text }: Row): void {
    const value = `{"at":${at},"client":${JSON.stringify(client)},"sequence":${sequence},"text":${JSON.stringify(text)}}`;
    this.#context.kept.put('outbox', key, value);
  }

  /** The server has all that was sent with these sequence numbers. */
  handled(first: number, last: number): void {
    this.#first = first;
    const rows = this.#rows;
    const isHandled = ({ sequence }: Row) => sequence >= first && sequence <= last;
    let count = 0;
    while (count < rows.length && isHandled(rows[count]!)) count++;
    if (count > 0) this.#context.kept.removeTo('outbox', rows[count - 1]!.key);
    rows.splice(0, count);
    if (this.#waiting === 0 || rows.length === 0) return;
    // behind one that waits there may be others that do not
    for (const row of rows.filter(isHandled)) this.#remove(row);
  }

  #remove(row: Row): void {
    this.#rows.splice(this.#rows.indexOf(row), 1);
    if (row.sequence === 0) this.#waiting--;
    row.sequence = 0; // should an answer about it come yet
    this.#context.kept.remove('outbox', row.key);
  }

  /** The server is away: what comes has to wait. */
  close(): void {
    this.#isOpen = false;
  }

  /**
   * Another session upstream, or one that a hub before this one began (`isSame`): nothing is on its way any more. What was
   * sent in a session that is over the server may have.
   */
  renewed(isSame: boolean): void {
    for (const row of this.#rows) {
      if (row.sequence > 0) row.isDoubtful = !isSame || row.sequence < this.#first;
      row.sequence = 0;
    }
    this.#count();
  }

  #count(): void {
    this.#waiting = this.#rows.filter(({ sequence }) => sequence === 0).length;
  }

  /** What the server may have, oldest first: whoever can look there says so by found(), before flush(). */
  doubtful(): Waiting[] {
    return this.#rows.filter(({ isDoubtful }) => isDoubtful).map(waiting);
  }

  /** The server has that one. */
  found(key: string): void {
    const row = this.#rows.find((one) => one.key === key);
    if (row !== undefined) this.#remove(row);
  }

  /**
   * What waits leaves, in order, with its first date; what comes from now on leaves at once. `ask`: true where it is not to be
   * sent before `tell` says whether it is to be sent at all.
   */
  flush(ask: (message: Stanza, tell: (isMissing: boolean) => void) => boolean): void {
    this.#isOpen = true;
    for (const row of this.#rows.filter(({ sequence }) => sequence === 0)) {
      const message = dated(row, this.#context.account);
      const isAsked = ask(message, (isMissing) => this.#decide(row, message, isMissing));
      if (isAsked) row.sequence = asked;
      else if (!this.#send(row, message)) break;
    }
    this.#count();
  }

  #decide(row: Row, message: Stanza, isMissing: boolean): void {
    if (row.sequence !== asked) return;
    if (!isMissing) this.#remove(row);
    else if (!this.#send(row, message)) this.#count();
  }

  /** False if the server is away. */
  #send(row: Row, message: Stanza): boolean {
    row.sequence = this.#context.up.post(message.textFor(message.to, undefined));
    if (row.sequence === 0) return false;
    row.isDoubtful = false;
    this.#keep(row);
    return true;
  }

  /** Forgets what was taken before that time and did not leave, and gives it. */
  expire(before: number): Waiting[] {
    const late = this.#rows.filter(({ sequence, at }) => sequence <= 0 && at < before);
    for (const row of late) this.#remove(row);
    return late.map(waiting);
  }
}

const waiting = ({ key, at, client, text }: Row): Waiting => ({
  key,
  at,
  client: client as FullJid,
  message: Stanza.of(parseElement(text)),
});

function dated({ at, text }: Row, account: string): Stanza {
  const message = Stanza.of(parseElement(text));
  return childIn(message.tree, NS.delay) === undefined ? message.adding(delay(account, at)) : message;
}

const rowOf = (key: string, value: string): Row => ({
  key,
  isDoubtful: false,
  ...(JSON.parse(value) as KeptMessage),
});

/** As older versions kept it: the text alone, with its date in it. */
export const oldRow = (key: string, text: string): KeptMessage => ({
  at: Math.floor(Number(key) / 1000),
  client: '',
  sequence: 0,
  text,
});
