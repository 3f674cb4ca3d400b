/** What the edge hears of a unit's progress, and the next unit of the one before it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { factsOf, inCrowd, saying, stanza } from './lib/crowd.ts';

test(
  'a new unit hears what clients have acknowledged, for the one before it may not have kept it',
  inCrowd(1, async (crowd) => {
    const facts = factsOf('alice', { acknowledged: 0 });
    const alice = await crowd.person('alice', 1, facts);
    facts.acknowledged = 7;
    alice.acknowledged(1, 7);
    await crowd.hears(1, 'acknowledged 7');
    const begin = crowd.told.length;
    void crowd.threads[0]!.terminate();
    await crowd.deaths(1);
    await crowd.hears(1, 'acknowledged 7', begin);
    assert.match(crowd.said(1, begin)[0] ?? '', /^attach/);
  }),
);

test(
  'the edge hears what is stored, and what was given back counts, too',
  inCrowd(1, async (crowd) => {
    const alice = await crowd.person('alice', 1);
    crowd.says(alice, 1, saying('one'));
    await crowd.until('it is stored', () => crowd.stored.some(([, position]) => position === 1));
    crowd.says(alice, 1, stanza('<iq type="set" id="change" to="x@y"><c/></iq>'));
    await crowd.until('it is stored', () => crowd.stored.some(([, position]) => position === 2));
    crowd.gate[0] = 1;
    crowd.says(alice, 1, saying('stand'));
    crowd.says(alice, 1, stanza('<iq type="result" id="reply" to="x@y"/>'));
    void crowd.threads[0]!.terminate();
    await crowd.deaths(1);
    crowd.gate[0] = 0;
    assert.equal(crowd.stored.at(-1), [1, 2], 'what is for the next unit does not count, nor what comes behind it');
    crowd.says(alice, 1, saying('last'));
    await crowd.until('all is stored', () => crowd.stored.some(([, position]) => position === 5));
    assert.equal(
      crowd.stored.map(([, position]) => position),
      [...crowd.stored.map(([, position]) => position)].sort(),
    );
  }),
);

test(
  'a message that came back as an error is for no other unit',
  inCrowd(1, async (crowd) => {
    const alice = await crowd.person('alice', 1);
    const message = (id: string, to: string) => stanza(`<message id="${id}" to="${to}"><body>${id}</body></message>`);
    crowd.says(alice, 1, message('first', 'unsafe@example'));
    crowd.says(alice, 1, message('back', 'refused@example'));
    crowd.says(alice, 1, message('last', 'unsafe@example'));
    await crowd.hears(1, 'stanza message last');
    const begin = crowd.told.length;
    void crowd.threads[0]!.terminate();
    await crowd.deaths(1);
    await crowd.hears(1, 'taken message last', begin);
    assert.equal(crowd.said(1, begin).slice(1), ['taken message first', 'taken message last']);
  }),
);

test(
  'what a session says while its unit is off is stored: it was answered',
  inCrowd(1, async (crowd) => {
    const deadly = await crowd.open('deadly');
    deadly.attach(2, factsOf('deadly'));
    crowd.says(deadly, 2, saying('hello?'));
    assert.equal(crowd.stored, [[2, 1]]);
  }),
);

test.run();
