/** What every store has to do; whoever implements one runs this over it. Long, for it is one list of promises. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ArchivedMessage, Selection, Store } from '../../src/archive/types.ts';
import { chance, Model } from './archive-model.ts';

/** A message as simple as can be, from bob@x. */
export const messageAt = (place: number, more: Partial<ArchivedMessage> = {}): ArchivedMessage => ({
  place,
  at: 1000 + place,
  peer: 'bob@x',
  resource: undefined,
  isSent: false,
  type: 'chat',
  id: `id${place}`,
  originId: undefined,
  alias: undefined,
  client: undefined,
  text: `<message from='bob@x'><body>hello ${place}</body></message>`,
  body: `hello ${place}`,
  ...more,
});

/** What is in a folder where Alice's store was closed. */
export const closed = ['alice.sqlite', 'alice.sqlite-spare'];

export const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'was not refused',
    (error: Error) => error.message,
  );

export const placesOf = (messages: readonly ArchivedMessage[]): number[] => messages.map(({ place }) => place);

/** Adds the tests; `open` gives an empty store each time. */
export function storeSuite(name: string, open: () => Promise<Store>): void {
  const check = (what: string, run: (store: Store) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const store = await open();
      try {
        await run(store);
      } finally {
        await store.close();
      }
    });
  };
  keptSuite(check);
  messageSuite(check);
  modelSuite(check);
}

type Check = (what: string, run: (store: Store) => Promise<void>) => void;

function keptSuite(check: Check): void {
  check('keeps the order of the first put, through replacement', async (store) => {
    for (const [key, value] of ['b1', 'a2', 'c3', 'b4']) await store.put('a@x', 'roster', key!, value!);
    assert.equal(await store.read('a@x', 'roster'), [
      { key: 'b', value: '4' },
      { key: 'a', value: '2' },
      { key: 'c', value: '3' },
    ]);
    await store.remove('a@x', 'roster', 'b');
    await store.put('a@x', 'roster', 'b', '5');
    assert.equal(
      (await store.read('a@x', 'roster')).map(({ key }) => key),
      ['a', 'c', 'b'],
    );
  });

  check('accounts and kinds are apart; remove and forget take what they name', async (store) => {
    await Promise.all([
      store.put('a@x', 'roster', 'k', 'roster'),
      store.put('a@x', 'pep', 'k', 'pep'),
      store.put('a@x', 'pep', 'l', 'pep'),
      store.put('b@x', 'pep', 'k', 'other'),
      store.messages.add('a@x', messageAt(1)),
      store.messages.add('b@x', messageAt(1)),
    ]);
    await store.remove('a@x', 'pep');
    assert.equal(await store.read('a@x', 'pep'), []);
    assert.equal(await store.read('a@x', 'roster'), [{ key: 'k', value: 'roster' }]);
    await store.forget('a@x');
    assert.equal(await store.read('a@x', 'roster'), []);
    assert.is(await store.messages.extent('a@x'), undefined);
    assert.equal(await store.read('b@x', 'pep'), [{ key: 'k', value: 'other' }]);
    assert.is(await store.messages.count('b@x', {}), 1);
  });

  check('removeTo takes a key and all before it', async (store) => {
    for (const key of ['1', '2', '3']) void store.put('a@x', 'outbox', key, 'x');
    await store.removeTo('a@x', 'outbox', '2');
    assert.equal(await store.read('a@x', 'outbox'), [{ key: '3', value: 'x' }]);
  });

  check('a read sees what was written before it; settled is for all of it', async (store) => {
    assert.is(store.settled(), undefined);
    let isDurable = false;
    const put = store.put('a@x', 'meta', 'ver', '1').then(() => {
      isDurable = true;
    });
    const added = store.messages.add('a@x', messageAt(1));
    assert.equal(await store.read('a@x', 'meta'), [{ key: 'ver', value: '1' }]);
    assert.equal(placesOf((await store.messages.page('a@x', {}, 1)).messages), [1]);
    assert.is(isDurable, false);
    await store.settled();
    assert.is(store.settled(), undefined);
    await Promise.all([put, added]);
  });

  check('a note holds what is so when it is committed, once for each key', async (store) => {
    let value = 1;
    let asked = 0;
    const said = (): string => `${++asked}: ${value}`;
    const first = store.note('a@x', 'upstream', '', () => `never ${said()}`);
    const second = store.note('a@x', 'upstream', '', said);
    const other = store.note('b@x', 'upstream', '', () => 'other');
    value = 2;
    await Promise.all([first, second, other]);
    assert.equal(await store.read('a@x', 'upstream'), [{ key: '', value: '1: 2' }]);
    assert.equal(await store.read('b@x', 'upstream'), [{ key: '', value: 'other' }]);
  });

  check('a write that makes no sense fails alone', async (store) => {
    const good = store.put('a@x', 'meta', 'good', '1');
    assert.is.not(await failure(store.put('a@x', 'meta', 'bad', null as never)), 'was not refused');
    assert.is.not(await failure(store.messages.add('a@x', messageAt(-1))), 'was not refused');
    await good;
    assert.equal(await store.read('a@x', 'meta'), [{ key: 'good', value: '1' }]);
    assert.is(store.trouble, undefined);
  });

  check('close waits for what is written; nothing goes on after it', async (store) => {
    const late = store.put('a@x', 'meta', 'late', '1');
    await store.close();
    await late;
    assert.match(await failure(store.put('a@x', 'meta', 'later', '1')), /closed/);
    assert.match(await failure(store.read('a@x', 'meta')), /closed/);
    assert.match(await failure(store.messages.page('a@x', {}, 1)), /closed/);
  });
}

function messageSuite(check: Check): void {
  check('a message comes back as it was', async ({ messages }) => {
    const full = messageAt(2 ** 51 + 12345, {
      at: 1_700_000_000_123,
      peer: 'zoë@münchen.example',
      resource: 'a/b “c”',
      isSent: true,
      type: 'normal',
      originId: 'o1',
      alias: 'upstream-1',
      client: 'a@x/phone',
      text: '<message><body>\u{1F600} 日本語 &lt;</body></message>',
      body: '\u{1F600} 日本語 <',
    });
    const bare = messageAt(1, { id: undefined, body: undefined, type: 'error' });
    await messages.add('a@x', full);
    await messages.add('a@x', bare);
    assert.equal((await messages.page('a@x', {}, 2)).messages, [bare, full]);
    assert.equal(await messages.find('a@x', { alias: 'upstream-1' }), full);
    assert.equal(await messages.find('a@x', { originId: 'o1', peer: full.peer, isSent: true }), full);
    assert.is(await messages.find('a@x', { originId: 'o1', peer: full.peer, isSent: false }), undefined);
    assert.is(await messages.find('b@x', { alias: 'upstream-1' }), undefined);
  });

  check('the order is that of places, whatever the dates say', async ({ messages }) => {
    for (const [place, at] of [
      [10, 5000],
      [11, 1000], // the clock was set back
      [12, 1001],
      [5, 500], // older ones, learned later
      [4, 400],
    ] as const)
      void messages.add('a@x', messageAt(place, { at }));
    const pages = async (selection: Selection) => placesOf((await messages.page('a@x', selection, 9)).messages);
    assert.equal(await pages({}), [4, 5, 10, 11, 12]);
    assert.equal(await pages({ start: 500, end: 1000 }), [5, 11]);
    assert.equal(await pages({ start: 1001 }), [10, 12]);
    assert.equal(await messages.extent('a@x', { start: 1000 }), {
      count: 3,
      first: { place: 10, at: 5000 },
      last: { place: 12, at: 1001 },
    });
  });

  check('a page says whether there is more in its direction', async ({ messages }) => {
    for (let place = 1; place <= 5; place++) void messages.add('a@x', messageAt(place));
    const page = async (...words: [Selection, number, boolean?]) => {
      const { messages: found, complete } = await messages.page('a@x', ...words);
      return [placesOf(found), complete];
    };
    assert.equal(await page({}, 2), [[1, 2], false]);
    assert.equal(await page({ after: 2 }, 3), [[3, 4, 5], true]);
    assert.equal(await page({ before: 5 }, 2, true), [[3, 4], false]);
    assert.equal(await page({ after: 1, before: 4 }, 2, true), [[2, 3], true]);
    assert.equal(await page({}, 0), [[], false]);
    assert.equal(await page({ peer: 'nobody@x' }, 9), [[], true]);
    assert.equal(await page({ words: '?! -' }, 9), [[], true]);
  });

  check('words are found whatever their case and signs around them, as they are written', async ({ messages }) => {
    await messages.add('a@x', messageAt(1, { body: 'Tonight at the Café, 7-8 pm? “AND” so on*' }));
    const finds = async (words: string) => (await messages.count('a@x', { words })) === 1;
    for (const words of ['cafe', 'CAFÉ tonight', '7-8', 'pm?', '"and"', 'on*', 'and NOT']) {
      const isThere = words !== 'and NOT';
      assert.is(await finds(words), isThere, words);
    }
  });

  check('a place that is taken is written anew, and nothing of the old one is found', async ({ messages }) => {
    for (let place = 1; place <= 600; place++) void messages.add('a@x', messageAt(place));
    for (const place of [1, 300, 600])
      await messages.add('a@x', messageAt(place, { id: 'new', peer: 'carol@x', body: 'changed', alias: 'other' }));
    assert.is(await messages.count('a@x', {}), 600);
    assert.is(await messages.count('a@x', { peer: 'carol@x' }), 3);
    assert.is(await messages.count('a@x', { words: 'changed' }), 3);
    assert.is(await messages.count('a@x', { words: '300' }), 0);
    assert.is(await messages.find('a@x', { id: 'id300', peer: 'bob@x', isSent: false }), undefined);
    assert.is((await messages.find('a@x', { alias: 'other' }))?.place, 600);
  });
}

function modelSuite(check: Check): void {
  check('thousands of messages, changed and asked for at random, are as in a plain list', async ({ messages }) => {
    const below = chance(7);
    const model = new Model();
    const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
    const nouns = ['lunch', 'train', 'Tee', 'Straße', 'lamp'];
    const peers = ['bob@x', 'carol@x', 'room@muc.x'];
    let high = 1_000_000;
    let low = high;
    const add = (place: number): void => {
      const peer = pick(peers);
      const message = messageAt(place, {
        at: place + below(50) * 20,
        peer,
        resource: below(2) === 0 ? pick(['one', 'two']) : undefined,
        type: peer === 'room@muc.x' && below(9) > 0 ? 'groupchat' : 'chat',
        isSent: below(3) === 0,
        id: below(5) === 0 ? 'same' : `id${place}`,
        originId: below(3) === 0 ? `origin${below(400)}` : undefined,
        alias: below(2) === 0 ? `alias${place}` : undefined,
        client: below(4) === 0 ? 'a@x/phone' : undefined,
        body: below(6) === 0 ? undefined : `${pick(nouns)} ${pick(nouns)}`,
      });
      model.add(message);
      void messages.add('a@x', message);
    };
    const above = (): number => {
      high += 1 + below(30);
      return high;
    };
    const beneath = (): number => {
      low -= 1 + below(30);
      return low;
    };
    const some = (): number => low + below(high - low + 1);
    const selection = (): Selection => {
      const one: Selection = {};
      if (below(3) === 0) one.peer = pick(peers);
      if (below(8) === 0) one.resource = 'one';
      if (below(4) === 0) one.start = some();
      if (below(4) === 0) one.end = some();
      if (below(4) === 0) one.after = some();
      if (below(4) === 0) one.before = some();
      if (below(12) === 0)
        one.places = model
          .all({})
          .slice(0, 9)
          .map(({ place }) => place);
      if (below(4) === 0) one.words = pick(nouns);
      if (below(4) === 0) one.groupchat = below(2) === 0;
      if (below(8) === 0) one.isSent = below(2) === 0;
      if (below(8) === 0) one.notBy = 'a@x/phone';
      return one;
    };
    const compare = async (): Promise<void> => {
      const meant = selection();
      const all = model.all(meant);
      const label = JSON.stringify(meant);
      const limit = 1 + below(40);
      assert.equal((await messages.page('a@x', meant, limit)).messages, all.slice(0, limit), label);
      const back = await messages.page('a@x', meant, limit, true);
      assert.equal(back, { messages: all.slice(-limit), complete: all.length <= limit }, label);
      assert.is(await messages.count('a@x', meant), all.length, label);
      const origin = { originId: `origin${below(400)}`, peer: pick(peers), isSent: below(2) === 0 };
      for (const sought of [
        origin,
        { id: 'same', peer: origin.peer, isSent: origin.isSent },
        { alias: `alias${some()}` },
      ])
        assert.equal(await messages.find('a@x', sought), model.find(sought), JSON.stringify(sought));
    };
    for (let round = 0; round < 60; round++) {
      for (let times = below(120); times > 0; times--) add(above());
      if (round % 3 === 0) for (let times = below(90); times > 0; times--) add(beneath());
      for (let times = below(4); times > 0; times--) add(some());
      for (let times = below(9); times > 0; times--) {
        const known = pick(model.all({}))?.place ?? high;
        model.alias(known, `late${known}`);
        void messages.alias('a@x', known, `late${known}`);
      }
      if (round % 4 === 3) {
        const meant = { ...selection(), peer: pick(peers), words: pick(nouns) };
        assert.is(await messages.forget('a@x', meant), model.forget(meant), JSON.stringify(meant));
      }
      for (let times = 0; times < 6; times++) await compare();
    }
    const extent = await messages.extent('a@x');
    assert.is(extent?.count, model.all({}).length);
    assert.is(await messages.forget('a@x', {}), model.all({}).length);
    assert.is(await messages.extent('a@x'), undefined);
  });
}
