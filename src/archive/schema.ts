/**
 * The tables of a user's database, and how older files are brought up.
 *
 * A message's `id` is its account's number and its place in one: the table itself is in the order of each account's archive, and
 * each index on it ends in that order. What costs more than it takes to write a row is made for some hundred messages together
 * (`tail.ts`): words, names (of three each a hash), and zones: stretches of an archive with the dates and numbers in them. A peer's
 * `count` and `direct` count what stands in zones.
 */
import type Database from 'better-sqlite3';

/** Raised with each change; `steps` has what leads there from the version before. */
export const version = 2;

/** A place has so many bits of a message's id. */
export const placeBits = 52;
/** What an id holds of the place. */
export const placeMask = 2 ** placeBits - 1;
/** As many accounts as the rest of an id can tell apart. */
export const mostAccounts = 2 ** (63 - placeBits) - 1;

const steps: readonly string[] = [
  `CREATE TABLE kept (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (account, kind, key)
  ) STRICT`,
  `CREATE TABLE account (id INTEGER PRIMARY KEY, jid TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE peer (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    jid TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 0,
    direct INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, jid)
  ) STRICT;
  CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    resource TEXT,
    is_sent INTEGER NOT NULL,
    is_group INTEGER NOT NULL,
    type TEXT NOT NULL,
    name TEXT,
    origin TEXT,
    alias TEXT,
    client TEXT,
    text TEXT NOT NULL,
    body TEXT
  ) STRICT;
  CREATE INDEX message_peer ON message (peer);
  CREATE INDEX message_direct ON message (is_group) WHERE is_group = 0;
  CREATE TABLE zone (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    count INTEGER NOT NULL,
    direct INTEGER NOT NULL
  ) STRICT;
  CREATE VIRTUAL TABLE word USING fts5 (
    body, content = 'message', content_rowid = 'id', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2'
  );
  CREATE VIRTUAL TABLE named USING fts5 (tokens, content = '', columnsize = 0, detail = none, tokenize = 'ascii');
  INSERT INTO word (word, rank) VALUES ('secure-delete', 1), ('automerge', 0);
  INSERT INTO named (named, rank) VALUES ('secure-delete', 1), ('automerge', 0)`,
];

/** Brings a file up from that version, within one transaction. */
export function bringUp(db: Database.Database, from: number): void {
  for (const step of steps.slice(from)) db.exec(step);
  db.pragma(`user_version = ${version}`);
}
