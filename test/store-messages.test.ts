import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openMemoryStore } from '../src/archive/store.ts';
import type { ArchivedMessage } from '../src/archive/types.ts';

const message = (place: number, more: Partial<ArchivedMessage> = {}): ArchivedMessage => ({
  place,
  at: 1000 + place,
  peer: 'bob@x',
  resource: undefined,
  isSent: false,
  type: 'chat',
  id: `id${place}`,
  originId: undefined,
  alias: `alias${place}`,
  client: undefined,
  text: `<message><body>hello ${place}</body></message>`,
  body: `hello number ${place}`,
  ...more,
});

test('one page after the other, forwards and backwards', async () => {
  const store = await openMemoryStore();
  const { messages } = store;
  for (let place = 1; place <= 5; place++) void messages.add('a@x', message(place));
  await messages.add('b@x', message(3, { peer: 'carol@x' }));
  const places = async (...words: Parameters<typeof messages.page>) => {
    const page = await messages.page(...words);
    return [page.messages.map(({ place }) => place), page.complete];
  };
  assert.equal(await places('a@x', {}, 2), [[1, 2], false]);
  assert.equal(await places('a@x', { after: 2 }, 3), [[3, 4, 5], true]);
  assert.equal(await places('a@x', { before: 5 }, 2, true), [[3, 4], false]);
  assert.equal(await places('a@x', { words: 'number' }, 2, true), [[4, 5], false]);
  assert.equal(await places('a@x', { words: '4' }, 2, true), [[4], true]);
  assert.equal(await places('a@x', { places: [1, 5, 7] }, 9), [[1, 5], true]);
  assert.equal(await places('a@x', { groupchat: false, start: 1002, end: 1003 }, 9), [[2, 3], true]);
  assert.equal(await messages.find('a@x', { alias: 'alias4' }), message(4));
  assert.equal(
    await messages.find('b@x', { id: 'id3', peer: 'carol@x', isSent: false }),
    message(3, { peer: 'carol@x' }),
  );
  assert.equal(await messages.extent('a@x'), { count: 5, first: { place: 1, at: 1001 }, last: { place: 5, at: 1005 } });
  assert.is(await messages.forget('a@x', { peer: 'bob@x', before: 3 }), 2);
  assert.equal(await places('a@x', { words: 'hello' }, 9), [[3, 4, 5], true]);
  await store.close();
});

test.run();
