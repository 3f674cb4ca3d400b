/** What is kept at the edge until a unit in a worker has made it safe. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Held } from '../src/pool/held.ts';
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

test.run();
