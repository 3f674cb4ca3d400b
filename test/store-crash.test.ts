/** Whenever the program or the machine ends: what was told to be durable is there, and nothing that went is there again. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { storesIn } from '../src/archive/store.ts';
import type { Kind, Store } from '../src/archive/types.ts';
import { closed, messageAt } from './lib/store-suite.ts';

const account = 'a@x';
const kinds: readonly Kind[] = ['meta', 'outbox', 'client'];
const text = '<body>\tof "two"\nlines</body>';

/** Numbers below that, the same ones for each seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** All that a store has, as text. */
async function contentOf(store: Store): Promise<string[]> {
  const rows: string[] = [];
  for (const kind of kinds)
    for (const { key, value } of await store.read(account, kind)) rows.push(`${kind} ${key} ${value}`);
  const { messages } = await store.messages.page(account, {}, 100_000);
  return [...rows.sort(), ...messages.map(({ place, alias, body }) => `message ${place} ${alias} ${body}`)];
}

/** What a store is to have. */
class Model {
  readonly rows = new Map<string, string>();
  readonly messages = new Map<number, { alias: string | undefined; body: string | undefined }>();
  content(): string[] {
    const rows = [...this.rows].map(([key, value]) => `${key} ${value}`).sort();
    const messages = [...this.messages].sort(([one], [other]) => one - other);
    return [...rows, ...messages.map(([place, { alias, body }]) => `message ${place} ${alias} ${body}`)];
  }
}

const names = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('alice'));

/** The files as they are at this moment. */
function copied(from: string, to: string, which: (name: string) => boolean): void {
  for (const name of names(from).filter(which))
    if (!name.endsWith('-shm')) copyFileSync(join(from, name), join(to, name));
}
const isJournal = (name: string): boolean => name.includes('-new');

/** The first generation that the tables lack, and the first that the journal has. */
function generations(tables: string, journal: string): [number, number] {
  const db = new Database(join(tables, 'alice.sqlite'), { readonly: true });
  const point = db.prepare("SELECT value FROM kept WHERE account = '' AND kind = 'journal'").pluck().get();
  db.close();
  const first = names(journal)
    .filter(isJournal)
    .map((name) => Number(readFileSync(join(journal, name), 'utf8').split('\n')[0]))
    .filter((generation) => generation > 0);
  return [point === undefined ? 1 : Number((point as string).split(' ')[0]), Math.min(...first)];
}

interface Lab {
  folder: string;
  store: Store;
  model: Model;
  random: (below: number) => number;
}

/** One write of a kind by chance; resolves when it is durable. */
function write({ store, model, random }: Lab): Promise<unknown> {
  const kind = kinds[random(kinds.length)]!;
  const key = String(random(8));
  const place = 1 + random(60);
  const what = random(10);
  if (what < 4) {
    const value = `${random(1000)} ${text}`;
    model.rows.set(`${kind} ${key}`, value);
    return store.put(account, kind, key, value);
  }
  if (what === 4) {
    model.rows.delete(`${kind} ${key}`);
    return store.remove(account, kind, key);
  }
  if (what === 5) {
    for (const one of model.rows.keys()) if (one.startsWith(kind) && one <= `${kind} ${key}`) model.rows.delete(one);
    return store.removeTo(account, kind, key);
  }
  if (what === 6) {
    const known = model.messages.get(place);
    if (known !== undefined) model.messages.set(place, { ...known, alias: `A${place}` });
    return store.messages.alias(account, place, `A${place}`);
  }
  if (what === 7 && random(5) === 0) {
    model.messages.delete(place);
    return store.messages.forget(account, { places: [place] });
  }
  const body = `hello ${random(1000)}`;
  model.messages.set(place, { alias: undefined, body });
  return store.messages.add(account, messageAt(place, { text, body, alias: undefined }), random(2) === 0);
}

async function assertLeft(lab: Lab, base: string, what: string): Promise<void> {
  const folder = mkdtempSync(join(lab.folder, 'end-'));
  copied(base, folder, (name) => !isJournal(name));
  copied(lab.folder, folder, isJournal);
  const store = await storesIn(folder)('alice');
  assert.equal(await contentOf(store), lab.model.content(), what);
  await store.close();
  assert.equal(names(folder).sort(), closed, 'nothing is left beside the file');
  rmSync(folder, { recursive: true });
}

async function run(seed: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'xmpproxy-crash-'));
  const store = await storesIn(folder)('alice');
  try {
    const lab: Lab = { folder, store, model: new Model(), random: numbers(seed) };
    const synced = join(folder, 'synced');
    mkdirSync(synced);
    let ends = 0;
    for (let step = 0; step < 150; step++) {
      const writes = Array.from({ length: 1 + lab.random(12) }, () => write(lab));
      if (lab.random(4) === 0) await lab.store.read(account, 'meta');
      await Promise.all(writes);
      if (lab.random(6) === 0) await pause(25); // the tables take something in, or all
      if (lab.store.settled() !== undefined) await lab.store.settled();
      const hasJournal = names(folder).some((name) => isJournal(name) && statSync(join(folder, name)).size > 0);
      if (!hasJournal) copied(folder, synced, (name) => !isJournal(name));
      if (lab.random(3) > 0) continue;
      await assertLeft(lab, folder, `seed ${seed}, step ${step}: the program ends`);
      if (!hasJournal || !existsSync(join(synced, 'alice.sqlite'))) continue;
      const [lacking, first] = generations(synced, folder);
      if (lacking === first) {
        await assertLeft(lab, synced, `seed ${seed}, step ${step}: the machine ends, the tables were not on the disk`);
        ends++;
      }
    }
    assert.ok(ends > 5, `the machine ended ${ends} times`);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
}

for (const seed of [1, 2, 3]) test(`writes by chance, the end at any moment (${seed})`, () => run(seed));

test.run();
