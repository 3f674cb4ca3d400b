/** What is kept at the edge until a unit in a worker has made it safe. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { end, Held } from '../src/pool/held.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';

const request = (id: string, type = 'get') => Stanza.of(parseElement(`<iq type="${type}" id="${id}"><a/></iq>`));

test('of requests with one id each is kept until it is answered, and nothing of them stays', () => {
  const held = new Held();
  for (const type of ['get', 'set', 'get']) held.add(1, request('same', type));
  held.taken(Number.MAX_SAFE_INTEGER);
  held.restart(({ stanza }) => stanza?.type === 'get');
  assert.equal(
    [...held.all()].map(({ stanza }) => stanza!.type),
    ['get', 'get'],
  );
  held.answered(1, 'same');
  assert.ok(held.has(1));
  held.answered(1, 'same');
  assert.not(held.has(1));
  for (let count = 0; count < 2; count++) held.add(2, request('same'));
  held.forgetRequests(2);
  assert.not(held.has(2));
});

test('what is durable is dropped, in order; open requests stay', () => {
  const held = new Held();
  const message = Stanza.of(parseElement('<message id="m"/>'));
  held.add(1, message, 1);
  held.add(1, request('r'), 3);
  held.add(2, message, 1);
  held.add(1, message, 4);
  assert.is(held.undone(1), 1);
  held.stored(1, 3);
  assert.is(held.undone(1), 4);
  assert.equal(
    [...held.all()].map(({ sid, position }) => [sid, position]),
    [
      [1, 3],
      [2, 1],
      [1, 4],
    ],
  );
  held.stored(1, 2);
  assert.is(held.undone(1), 4, 'late, and nothing new');
  held.stored(1, 9);
  held.add(1, undefined);
  assert.is(held.undone(1), end);
  held.stored(1, end);
  assert.is(held.undone(1), undefined);
  held.answered(1, 'r');
  assert.equal([held.has(1), held.has(2)], [false, true]);
});

test('of two messages with one id the last is the one that came back; what comes later is another', () => {
  const held = new Held();
  const message = Stanza.of(parseElement('<message id="m"/>'));
  for (const position of [1, 2]) held.add(1, message, position);
  held.add(2, message, 1);
  held.refused(1, 'm');
  held.refused(1, 'other');
  held.refused(3, 'm');
  held.add(1, message, 3);
  held.restart(({ isRefused }) => !isRefused);
  assert.equal(
    [...held.all()].map(({ sid, position }) => [sid, position]),
    [
      [1, 1],
      [2, 1],
      [1, 3],
    ],
  );
});

test('a new unit is told what is not durable and what is not answered', () => {
  const held = new Held();
  const message = Stanza.of(parseElement('<message id="m"/>'));
  const presence = Stanza.of(parseElement('<presence id="p"/>'));
  const told = [
    held.add(1, message, 1),
    held.add(1, presence, 2),
    held.add(1, request('r'), 3),
    held.add(1, message, 4),
  ];
  held.taken(told[2]!.number);
  held.stored(1, 1);
  held.restart(() => true);
  assert.equal(
    [...held.all()].map(({ position, isTaken }) => [position, isTaken]),
    [
      [3, true],
      [4, false],
    ],
  );
  assert.is(held.undone(1), 3);
});

test.run();
