/** What a client missed is given to it from the archive: once, in order, with its date. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { bodiesOf, chat, isLive, known } from './lib/archived.ts';
import { account, core, inWorld, like } from './lib/hub.ts';

test(
  'a client gets what came since what it acknowledged, oldest first, with date and id; not again when it has that',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world);
    world.server(chat('one'));
    const ids = /id="x[^"]*"/.exec(phone.take()[0]!)![0]; // written to a dead socket
    phone.leave();
    world.now += 60_000;
    world.server(chat('two', { to: account }));
    world.now += 60_000;
    const back = world.client('phone');
    back.send('<presence/>');
    assert.equal(back.messages(), []);
    await world.settled();
    const got = back.messages();
    assert.equal(bodiesOf(got), ['one', 'two']);
    like(got[0], ids, '<delay xmlns="urn:xmpp:delay" from="alice@work.example" stamp="2026-01-02T03:04:15Z"/>');
    like(got[1], 'stamp="2026-01-02T03:05:15Z"', `to="${back.address}"`, 'from="bob@home.example/x"');
    world.server(chat('live'));
    assert.ok(isLive(back.take()[0]!));
    back.acknowledge().leave();
    const third = world.client('phone').available();
    await world.settled();
    assert.equal(third.messages(), []);
  }),
);

test(
  'also after a restart, with what was kept',
  inWorld(async (world) => {
    world.online();
    await known(world);
    world.server(chat('one'));
    await world.store.settled();
    const again = await world.again();
    again.online();
    const back = again.client('phone').available();
    await again.settled();
    assert.equal(bodiesOf(back.acknowledge().messages()), ['one']);
    await world.store.settled();
    const third = await again.again();
    const last = third.client('phone').available();
    await third.settled();
    assert.equal(last.messages(), []);
  }),
);

test(
  'a client never seen before gets, after ten seconds, what nobody has seen',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world);
    world.server(chat('seen'));
    phone.acknowledge().leave();
    world.server(chat('unseen'));
    const desk = world.client('desk').available();
    world.server(chat('behind it'));
    world.pass(9_999);
    await world.settled();
    assert.equal(desk.messages(), []);
    world.pass(1);
    await world.settled();
    assert.equal(bodiesOf(desk.messages()), ['unseen', 'behind it']);
  }),
);

test(
  'who has missed nothing gets at once what comes while that is looked up',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send('<message to="bob@home.example" type="chat" id="o1"><body>mine</body></message>');
    phone.leave();
    const back = world.client('phone').available();
    world.server(chat('meanwhile'));
    assert.equal(back.messages(), []);
    await world.settled();
    assert.equal(bodiesOf(back.messages()), ['meanwhile']);
    world.server(chat('live'));
    assert.equal(bodiesOf(back.messages()), ['live']);
  }),
);

test(
  'who has missed only its own words waits for nothing',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send('<message to="bob@home.example" type="chat" id="o1"><body>mine</body></message>');
    phone.leave();
    const back = world.client('phone').available();
    await world.settled();
    world.server(chat('live'));
    assert.equal(bodiesOf(back.messages()), ['live']);
  }),
);

test(
  'and so many of those that others have seen as the user wants',
  inWorld(
    async (world) => {
      world.online();
      const phone = await known(world);
      for (const body of ['a', 'b', 'c']) world.server(chat(body));
      phone.acknowledge();
      const desk = world.client('desk').available();
      world.pass(10_000);
      await world.settled();
      assert.equal(bodiesOf(desk.messages()), ['b', 'c']);
    },
    { backlog: 2 },
  ),
);

const query = `<iq type="set" id="q"><query xmlns="${NS.mam}"/></iq>`;

test(
  'a query of the archive is the end of it, for ever; what came since the client is there is given',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone');
    world.server(chat('missed'));
    phone.available();
    world.server(chat('waits'));
    assert.equal(phone.take(), []);
    phone.send(query);
    await world.settled();
    const plain = phone.messages().filter((text) => !text.includes(NS.mam));
    assert.equal(bodiesOf(plain), ['waits']);
    world.server(chat('live'));
    assert.ok(isLive(phone.take()[0]!));
    phone.leave();
    world.server(chat('later'));
    const again = await world.again();
    again.online();
    const back = again.client('phone').available();
    again.server(chat('at once'));
    assert.equal(bodiesOf(back.messages()), ['at once']);
    again.pass(10_000);
    await again.settled();
    assert.equal(back.messages(), []);
  }),
);

test(
  'what comes meanwhile waits behind, in order, for that client and no other',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world);
    const desk = await known(world, 'desk');
    phone.acknowledge().leave();
    for (let number = 0; number < 250; number++) world.server(chat(`m${number}`));
    desk.take();
    const back = world.client('phone');
    back.send('<presence/>');
    for (let round = 0; round < 20; round++) {
      world.server(chat(`live ${round}`));
      world.server(
        `<message from="bob@home.example/x" to="${core}" type="chat"><body>not stored ${round}</body><no-store xmlns="${NS.hints}"/></message>`,
      );
      await world.settled();
      world.pass(3);
    }
    const got = bodiesOf(back.messages()) as string[];
    const stored = got.filter((body) => !body.startsWith('not'));
    assert.equal(
      stored.slice(0, 250),
      Array.from({ length: 250 }, (_, number) => `m${number}`),
    );
    assert.equal(
      stored.slice(250),
      Array.from({ length: 20 }, (_, round) => `live ${round}`),
    );
    assert.is(got.filter((body) => body.startsWith('not')).length, 20);
    assert.is(desk.messages().length, 40);
  }),
);

test(
  'it rests while the client cannot take more, and goes on where it was',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world);
    phone.leave();
    for (let number = 0; number < 150; number++) world.server(chat(`m${number}`));
    const back = world.client('phone');
    back.send('<presence/>');
    await world.settled();
    world.hub.flow(back.sid, false);
    const first = back.messages().length;
    assert.is(first, 100);
    world.pass(3);
    await world.settled();
    assert.equal(back.messages(), []);
    world.hub.flow(back.sid, true);
    await world.settled();
    assert.is(back.messages().length, 50);
  }),
);

test(
  'a negative priority gets nothing; when it rises the client gets what it missed',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world);
    phone.send('<presence><priority>-1</priority></presence>');
    world.server(chat('one', { to: account }));
    phone.take();
    await world.settled();
    assert.equal(phone.messages(), []);
    phone.send('<presence><priority>1</priority></presence>');
    await world.settled();
    assert.equal(bodiesOf(phone.messages()), ['one']);
  }),
);

test(
  'at most 200 clients are remembered, for 90 days',
  inWorld(async (world) => {
    world.online();
    await known(world, 'first');
    await world.store.settled();
    for (let number = 0; number < 200; number++) {
      world.now += 1000;
      world.client(`c${number}`).available().leave();
    }
    await world.settled();
    await world.store.settled();
    const cursors = await world.store.read(account, 'cursor');
    assert.is(cursors.length, 200);
    assert.not.ok(cursors.some(({ key }) => key === 'first'));
    const again = await world.again();
    again.now += 90 * 24 * 3600_000 + 1000;
    const later = await again.again();
    await later.store.settled();
    assert.is((await later.store.read(account, 'cursor')).length, 200, 'their clock is set back');
    later.hub.close();
  }),
);

test.run();
