/**
 * Rows of which most are removed a moment after they were put: they are written at the commit, and those that are gone by then never.
 */
import type { Group } from './group.ts';
import type { Opened } from './opened.ts';
import type { Entry, Kind } from './types.ts';
import { put } from './writing.ts';

/** What one commit is to write. */
interface Sheet {
  /** By account and key. */
  rows: Map<string, Map<string, string>>;
  done: Promise<void>;
  /** In a transaction that may be taken back yet. */
  isWritten: boolean;
}

/** Keys between which the file's rows are; undefined: it has none. */
type Span = { from: string; to: string } | undefined;

const anywhere = { from: '', to: '\uffff' };
const removeTo = 'DELETE FROM kept WHERE account = ? AND kind = ? AND key <= ?';
const removeOne = 'DELETE FROM kept WHERE account = ? AND kind = ? AND key = ?';

export class Fleeting {
  readonly #kind: Kind;
  readonly #group: Group;
  /** Those that are not committed, oldest first. */
  #sheets: Sheet[] = [];
  readonly #inFile = new Map<string, Span>();
  #count = 0;

  constructor(kind: Kind, group: Group) {
    this.#kind = kind;
    this.#group = group;
  }

  put(account: string, key: string, value: string): Promise<void> {
    const sheet = this.#sheet();
    const rows = sheet.rows.get(account);
    if (rows === undefined) sheet.rows.set(account, new Map([[key, value]]));
    else rows.set(key, value);
    return sheet.done;
  }

  #sheet(): Sheet {
    const last = this.#sheets.at(-1);
    if (last !== undefined && !last.isWritten) return last;
    const sheet: Sheet = { rows: new Map(), done: Promise.resolve(), isWritten: false };
    // a key of its own: what is taken back is written again before what came later
    sheet.done = this.#group.note(`${this.#kind} ${++this.#count}`, (opened) => this.#write(opened, sheet));
    this.#sheets.push(sheet);
    return sheet;
  }

  #write(opened: Opened, sheet: Sheet): void {
    sheet.isWritten = true;
    const statement = opened.statement(put);
    for (const [account, rows] of sheet.rows) {
      for (const [key, value] of rows) {
        statement.run(account, this.#kind, key, value);
        this.#widen(account, key);
      }
    }
  }

  #widen(account: string, key: string): void {
    const span = this.#span(account);
    if (span === undefined) this.#inFile.set(account, { from: key, to: key });
    else if (key < span.from) span.from = key;
    else if (key > span.to) span.to = key;
  }

  #span(account: string): Span {
    if (!this.#inFile.has(account)) this.#inFile.set(account, { ...anywhere });
    return this.#inFile.get(account);
  }

  /** The file may be another. */
  opened(): void {
    this.#inFile.clear();
  }

  /** What is written is in the file now. */
  committed(): void {
    if (this.#sheets.length > 0) this.#sheets = this.#sheets.filter(({ isWritten }) => !isWritten);
  }

  removeTo(account: string, last: string): Promise<void> {
    for (const { rows } of this.#sheets)
      for (const key of rows.get(account)?.keys() ?? []) if (key <= last) rows.get(account)!.delete(key);
    const span = this.#span(account);
    if (span === undefined || last < span.from) return this.#settled();
    this.#inFile.set(account, last < span.to ? { from: last, to: span.to } : undefined);
    return this.#group.add((opened) => opened.statement(removeTo).run(account, this.#kind, last));
  }

  remove(account: string, key: string): Promise<void> {
    for (const { rows } of this.#sheets) rows.get(account)?.delete(key);
    const span = this.#span(account);
    if (span === undefined || key < span.from || key > span.to) return this.#settled();
    return this.#group.add((opened) => opened.statement(removeOne).run(account, this.#kind, key));
  }

  #settled(): Promise<void> {
    return this.#group.settled() ?? Promise.resolve();
  }

  /** All of the account's go; the file's are removed by who calls it. */
  forget(account: string): void {
    for (const { rows } of this.#sheets) rows.delete(account);
  }

  /** With what is not in the file. */
  among(account: string, entries: Entry[]): Entry[] {
    const all = new Map(entries.map(({ key, value }) => [key, value]));
    for (const { rows } of this.#sheets) for (const [key, value] of rows.get(account) ?? []) all.set(key, value);
    return [...all].map(([key, value]) => ({ key, value }));
  }
}
