/**
 * What is gathered for the next commit, in a file beside the database, for no longer than until then: it outlives the end of the
 * program, though not of the machine, for nothing of it is synced. A message that was shown to somebody keeps its place that way.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import type { Opened } from './opened.ts';
import type { ArchivedMessage } from './types.ts';
import { addMessage, put } from './writing.ts';

/** A message; or, before one that a client sent, its row in the outbox. */
export type Jotted = { account: string; message: ArchivedMessage } | Row;

export interface Row {
  account: string;
  kind: string;
  key: string;
  value: string;
}

export class Journal {
  readonly #file: string;
  #descriptor: number | undefined;
  #end = 0;
  /** Of this turn. */
  readonly #lines: string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** In one write for all of a turn, at its end: what was sent to a socket in it is on its way no sooner. */
  write(record: Jotted): void {
    if (this.#lines.length === 0) process.nextTick(() => this.#flush());
    this.#lines.push(lineOf(record));
  }

  /** A full disk is told of elsewhere: what cannot be written here is where it was before. */
  #flush(): void {
    const lines = this.#lines.splice(0);
    if (lines.length === 0) return;
    try {
      this.#descriptor ??= openSync(this.#file, 'a+', 0o600);
      const text = `${lines.join('\n')}\n`;
      const count = writeSync(this.#descriptor, text);
      this.#end += count;
      if (count < Buffer.byteLength(text)) this.#cut(this.#end - count);
    } catch {
      // see above
    }
  }

  #cut(length: number): void {
    ftruncateSync(this.#descriptor!, length);
    this.#end = length;
  }

  /** All of it is committed. */
  clear(): void {
    this.#lines.length = 0;
    if (this.#end === 0) return;
    this.#descriptor ??= openSync(this.#file, 'a+', 0o600);
    this.#cut(0);
  }

  /** What a program that ended had not committed, oldest first. */
  left(): Jotted[] {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {
      return [];
    }
    this.#end = Buffer.byteLength(text);
    const records: Jotted[] = [];
    for (const line of text.split('\n').slice(0, -1)) {
      const record = readLine(line);
      if (record === undefined) break;
      records.push(record);
    }
    return records;
  }

  /** The file goes, unless something is left in it. */
  close(): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
    if (this.#end === 0) rmSync(this.#file, { force: true });
  }
}

/** A value that is an object in JSON stands there as it is: it is not written, and read, as JSON within JSON. */
function lineOf(record: Jotted): string {
  if ('message' in record || !record.value.startsWith('{')) return JSON.stringify(record);
  const { value, ...rest } = record;
  return `${JSON.stringify(rest).slice(0, -1)},"value":${value}}`;
}

function readLine(line: string): Jotted | undefined {
  try {
    const record = JSON.parse(line) as Jotted;
    if ('message' in record || typeof record.value === 'string') return record;
    return { ...record, value: JSON.stringify(record.value) };
  } catch {
    return undefined; // the end of the program came in the middle
  }
}

/** Does in the database what is not there yet. */
export function redo(opened: Opened, jotted: readonly Jotted[]): void {
  let row: Row | undefined;
  for (const one of jotted) {
    if ('message' in one) {
      if (!isThere(opened, one.account, one.message.place)) {
        addMessage(opened, one.account, one.message);
        if (row !== undefined && isAbout(row, one.message))
          opened.statement(put).run(row.account, row.kind, row.key, row.value);
      }
      row = undefined;
    } else row = one;
  }
}

function isThere(opened: Opened, account: string, place: number): boolean {
  const number = opened.numbers.account(account);
  if (number === undefined) return false;
  return opened.statement('SELECT 1 FROM message WHERE id = (? << 52) | ?').get(number, place) !== undefined;
}

const isAbout = ({ value }: Row, { isSent, client, id }: ArchivedMessage): boolean =>
  isSent && client !== undefined && id !== undefined && (JSON.parse(value) as { client?: string }).client === client;
