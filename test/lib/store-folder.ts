/** Stores in files, in folders of their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Store, Trouble } from '../../src/archive/types.ts';
import { placesOf } from './store-suite.ts';

/** A folder that is gone afterwards, whatever happens. */
export const inFolder = (name: string, run: (folder: string) => Promise<void>) =>
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-store-'));
    try {
      await run(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

/** Why it was refused. */
export const message = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'was not refused',
    (error: Error) => error.message,
  );

/** What SQLite says of the file: trees and full-text index. */
export function check(file: string): unknown {
  const db = new Database(file);
  for (const table of ['word', 'named']) db.exec(`INSERT INTO ${table} (${table}) VALUES ('integrity-check')`);
  const said = db.pragma('integrity_check', { simple: true });
  db.close();
  return said;
}

/** Runs it with Alice's store, in a program of its own, which is killed at the end of that turn. */
export async function killedAfter(folder: string, code: string): Promise<void> {
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const program = `import { storesIn } from ${module('../../src/archive/store.js')};
    import { messageAt } from ${module('store-suite.js')};
    const store = await storesIn(${JSON.stringify(folder)})('alice');
    const { messages } = store;
    ${code}
    process.nextTick(() => process.kill(process.pid, 'SIGKILL'));`;
  const words = ['--input-type=module', '-e', program];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  assert.equal(await once(child, 'exit'), [null, 'SIGKILL']);
}

/** What a store says of its trouble, and when it next does. */
export class Watch {
  readonly told: (Trouble | undefined)[] = [];
  #next: (() => void) | undefined;
  constructor(store: Store) {
    store.onTrouble = (trouble) => {
      this.told.push(trouble);
      this.#next?.();
    };
  }
  async next(): Promise<Trouble | undefined> {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the store says nothing')), 10_000);
      this.#next = () => {
        clearTimeout(late);
        resolve();
      };
    });
    return this.told.at(-1);
  }
}

/** The places of all that is archived of an account. */
export const allPlaces = async (store: Store) => placesOf((await store.messages.page('a@x', {}, 100_000)).messages);
