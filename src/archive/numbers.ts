/** Accounts and peers as numbers: what stands in every message and index stands once as text. */
import { ArchiveError } from './database.ts';
import type { Opened } from './opened.ts';
import { mostAccounts } from './schema.ts';

/** As many peers are remembered; beyond that they are looked up again. */
const most = 500;

export class Numbers {
  readonly #opened: Opened;
  readonly #accounts = new Map<string, number>();
  readonly #peers = new Map<string, number>();

  constructor(opened: Opened) {
    this.#opened = opened;
  }

  /** What was looked up in a transaction that was taken back may not be there. */
  clear(): void {
    this.#accounts.clear();
    this.#peers.clear();
  }

  /** Undefined for an account without messages. */
  account(jid: string): number | undefined {
    return this.#accounts.get(jid) ?? this.#found(this.#accounts, jid, 'SELECT id FROM account WHERE jid = ?', jid);
  }

  peer(account: number, jid: string): number | undefined {
    const key = `${account} ${jid}`;
    const sql = 'SELECT id FROM peer WHERE account = ? AND jid = ?';
    return this.#peers.get(key) ?? this.#found(this.#peers, key, sql, account, jid);
  }

  newAccount(jid: string): number {
    const known = this.account(jid);
    if (known !== undefined) return known;
    const sql = 'INSERT INTO account (id, jid) SELECT coalesce(max(id), 0) + 1, ? FROM account';
    const number = Number(this.#opened.statement(sql).run(jid).lastInsertRowid);
    if (number > mostAccounts) throw new ArchiveError('too many accounts');
    return this.#kept(this.#accounts, jid, number);
  }

  newPeer(account: number, jid: string): number {
    const known = this.peer(account, jid);
    if (known !== undefined) return known;
    const made = this.#opened.statement('INSERT INTO peer (account, jid) VALUES (?, ?)').run(account, jid);
    return this.#kept(this.#peers, `${account} ${jid}`, Number(made.lastInsertRowid));
  }

  #found(map: Map<string, number>, key: string, sql: string, ...bound: unknown[]): number | undefined {
    const row = this.#opened.statement(sql).get(...bound) as { id: number } | undefined;
    return row && this.#kept(map, key, row.id);
  }

  #kept(map: Map<string, number>, key: string, number: number): number {
    if (map.size >= most) map.clear();
    map.set(key, number);
    return number;
  }
}
