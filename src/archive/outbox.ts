/** The outbox in the file: rows of which most are removed a moment after they were put, so that few are ever written. */
import type { Opened } from './opened.ts';
import type { Put } from './record.ts';
import { put } from './writing.ts';

const first = "SELECT min(key) AS first FROM kept WHERE account = ? AND kind = 'outbox'";
const removeTo = "DELETE FROM kept WHERE account = ? AND kind = 'outbox' AND key <= ?";
const removeOne = "DELETE FROM kept WHERE account = ? AND kind = 'outbox' AND key = ?";

export class Outbox {
  readonly #opened: Opened;
  /** The first key that each account has in the file; undefined: none. */
  readonly #firsts = new Map<string, string | undefined>();
  /** Put, and not written yet: by account and key. */
  readonly #rows = new Map<string, Map<string, string>>();

  constructor(opened: Opened) {
    this.#opened = opened;
  }

  /** What was done in a transaction that was taken back is not. */
  clear(): void {
    this.#firsts.clear();
    this.#rows.clear();
  }

  put({ account, key, value }: Put): void {
    const rows = this.#rows.get(account);
    if (rows === undefined) this.#rows.set(account, new Map([[key, value]]));
    else rows.set(key, value);
  }

  removeTo(account: string, last: string): void {
    const rows = this.#rows.get(account);
    for (const key of rows?.keys() ?? []) if (key <= last) rows!.delete(key);
    const from = this.#first(account);
    if (from !== undefined && from <= last) this.#delete(removeTo, account, last);
  }

  remove(account: string, key: string): void {
    this.#rows.get(account)?.delete(key);
    const from = this.#first(account);
    if (from !== undefined && from <= key) this.#delete(removeOne, account, key);
  }

  /** All of the account's go; the file's are removed by who calls it. */
  forget(account: string): void {
    this.#rows.delete(account);
    this.#firsts.delete(account);
  }

  #delete(sql: string, account: string, key: string): void {
    this.#opened.statement(sql).run(account, key);
    this.#firsts.delete(account);
  }

  #first(account: string): string | undefined {
    if (!this.#firsts.has(account)) {
      const found = this.#opened.statement(first).get(account) as { first: string | null };
      this.#firsts.set(account, found.first ?? undefined);
    }
    return this.#firsts.get(account);
  }

  /** Those that are left are written. */
  write(): void {
    for (const [account, rows] of this.#rows) {
      let from = this.#first(account);
      for (const [key, value] of rows) {
        this.#opened.statement(put).run(account, 'outbox', key, value);
        if (from === undefined || key < from) from = key;
      }
      this.#firsts.set(account, from);
    }
    this.#rows.clear();
  }
}
