/** The stores there are, over the suite for all. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import { openMemoryStore, storesIn } from '../src/archive/store.ts';
import { storeSuite } from './lib/store-suite.ts';

const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-suite-'));
let count = 0;

storeSuite('in memory', openMemoryStore);
storeSuite('in a file', () => storesIn(folder)(`user${++count}`));

test.after(() => rm(folder, { recursive: true }));
test.run();
