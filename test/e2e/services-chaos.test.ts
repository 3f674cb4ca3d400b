/** Some rounds of scripts/faults jat: whatever fails, each request has exactly one answer. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jatFaults, runJat } from '../faults/jat.ts';

const rounds = 2;

for (const [kind, seed] of [
  ['prosody', 3],
  ['ejabberd', 8],
] as const)
  test(`requests to a service under faults (${kind})`, async () => {
    const found = await runJat({ kind, seed, goesOn: (round) => round < rounds, log: () => {} });
    const { unanswered, doubled, wrong } = found;
    assert.equal({ unanswered, doubled, wrong }, { unanswered: [], doubled: [], wrong: [] });
    assert.ok(found.faults >= jatFaults.length, 'each kind of fault');
    assert.ok(found.requests > 1000 && (found.answers.result ?? 0) > found.requests / 2, JSON.stringify(found));
  });

test.run();
