/** Some rounds of scripts/faults: what is acknowledged is nowhere lost or doubled, whatever fails. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runMessages } from '../faults/messages.ts';

const rounds = 3;

for (const [kind, seed] of [
  ['prosody', 4],
  ['ejabberd', 5],
] as const)
  test(`messages under faults (${kind})`, async () => {
    const goesOn = (round: number) => round < rounds;
    const found = await runMessages({ kind, seed, goesOn, log: () => {} });
    const { lost, doubled, misordered, needless } = found;
    assert.equal({ lost, doubled, misordered, needless }, { lost: [], doubled: [], misordered: [], needless: [] });
    assert.is(found.rounds, rounds);
    assert.ok(found.faults >= rounds && found.messages > 100, `${found.faults} faults, ${found.messages} messages`);
  });

test.run();
