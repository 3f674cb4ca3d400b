/** What a client missed is given to it from the archive: once, in order, with its date. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stanzaIdOf } from '../src/hub/place.ts';
import { NS } from '../src/wire/ns.ts';
import { account, core, inWorld, like, type TestClient, type World } from './lib/hub.ts';
import { enter, joining, room } from './lib/room.ts';

const chat = (body: string, { to = core as string, inside = '' } = {}) =>
  `<message from="bob@home.example/x" to="${to}" type="chat" id="${body}"><body>${body}</body>${inside}</message>`;
const bodies = (texts: readonly string[]) => texts.map((text) => /<body>([^<]*)</.exec(text)?.[1]);
const isLive = (text: string) => !text.includes(`<delay xmlns="${NS.delay}"`);

/** A client that is known not to ask the archive, and has all until now. */
async function known(world: World, resource = 'phone', attached = {}): Promise<TestClient> {
  const client = world.client(resource, attached).available();
  world.pass(10_000);
  await world.settled();
  world.server(chat(`hello ${resource}`));
  client.acknowledge().take();
  return client;
}

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
    assert.equal(bodies(got), ['one', 'two']);
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
    assert.equal(bodies(back.acknowledge().messages()), ['one']);
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
    assert.equal(bodies(desk.messages()), ['unseen', 'behind it']);
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
      assert.equal(bodies(desk.messages()), ['b', 'c']);
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
    assert.equal(bodies(plain), ['waits']);
    world.server(chat('live'));
    assert.ok(isLive(phone.take()[0]!));
    phone.leave();
    world.server(chat('later'));
    const again = await world.again();
    again.online();
    const back = again.client('phone').available();
    again.server(chat('at once'));
    assert.equal(bodies(back.messages()), ['at once']);
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
      world.pass(4);
    }
    const got = bodies(back.messages()) as string[];
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
    world.pass(4);
    await world.settled();
    assert.equal(back.messages(), []);
    world.hub.flow(back.sid, true);
    await world.settled();
    assert.is(back.messages().length, 50);
  }),
);

test(
  'what other clients sent comes as a sent carbon with its date, or as a copy; what it sent itself does not',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world, 'phone', { carbons: true });
    const old = await known(world, 'old');
    phone.acknowledge();
    old.send('<message to="bob@home.example" type="chat" id="s0"><body>mine</body></message>');
    phone.leave();
    const at = world.now;
    const desk = world.client('desk').available();
    desk.send('<message to="bob@home.example" type="chat" id="s1"><body>from desk</body></message>');
    desk.send(
      `<message to="bob@home.example" type="chat" id="s2"><body>private</body><private xmlns="${NS.carbons}"/></message>`,
    );
    old.acknowledge().leave();
    world.now += 60_000;
    desk.send('<message to="bob@home.example" type="chat" id="s3"><body>later</body></message>');
    const back = world.client('phone', { carbons: true }).available();
    const older = world.client('old').available();
    await world.settled();
    const got = back.messages();
    assert.equal(bodies(got), ['mine', 'from desk', 'later']);
    const stamp = new Date(at).toISOString().replace('.000', '');
    const place = /by="alice@work.example" id="(x[^"]+)"/.exec(got[1]!)![1];
    like(
      got[1],
      `<sent xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}"><delay xmlns="${NS.delay}" from="${account}" stamp="${stamp}"/>` +
        `<message xmlns="jabber:client" to="bob@home.example" from="${desk.address}" type="chat" id="s1"><body>from desk</body>`,
    );
    const copies = older.messages();
    assert.equal(bodies(copies), ['→ later']);
    like(copies[0], `<delay xmlns="${NS.delay}"`, 'from="bob@home.example"');
    assert.is(back.place, Math.max(back.place, older.place));
    assert.ok(place !== stanzaIdOf(back.place));
  }),
);

test(
  'a client that enabled carbons last time has ten seconds to do so before it is given what it missed',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world, 'phone', { carbons: true });
    const desk = await known(world, 'desk');
    phone.acknowledge().leave();
    desk.send('<message to="bob@home.example" type="chat" id="s1"><body>mine</body></message>');
    const back = world.client('phone').available();
    await world.settled();
    assert.equal(back.messages(), []);
    back.send(`<iq type="set" id="c"><enable xmlns="${NS.carbons}"/></iq>`);
    await world.settled();
    like(back.messages()[0], `<sent xmlns="${NS.carbons}">`, 'mine');
  }),
);

test(
  'what another resource received comes as it would have come then',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world, 'phone', { carbons: true });
    const old = await known(world, 'old');
    phone.acknowledge().leave();
    old.leave();
    world.server(
      `<message from="${account}" to="${core}"><received xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}"><message xmlns="jabber:client" from="bob@home.example/x" to="${account}/direct" type="chat" id="r1"><body>there</body></message></forwarded></received></message>`,
    );
    const back = world.client('phone', { carbons: true }).available();
    const older = world.client('old').available();
    await world.settled();
    like(back.messages()[0], `<received xmlns="${NS.carbons}">`, '<delay ', `to="${account}/direct"`);
    like(older.messages()[0], `to="${account}/old" from="bob@home.example/x"`, '<delay ');
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
    assert.equal(bodies(phone.messages()), ['one']);
  }),
);

test(
  'between clients of the account a message goes to the one that it was sent to, be it later',
  inWorld(async (world) => {
    world.online();
    const desk = await known(world, 'desk');
    const phone = await known(world);
    desk.acknowledge();
    phone.send(`<message to="${desk.address}" type="chat" id="l1"><body>lost</body></message>`);
    desk.leave();
    phone.leave();
    const back = world.client('desk').available();
    const other = world.client('phone').available();
    await world.settled();
    const [got] = back.messages();
    like(got, 'lost', `from="${account}/phone"`, '<delay ');
    assert.equal(other.messages(), []);
  }),
);

test(
  'a client that its unit had before goes on where it was',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world);
    world.server(chat('given'));
    const delivered = phone.place;
    world.server(chat('on its way')); // the unit dies
    const again = await world.again();
    again.online();
    const back = again.client('phone', { presence: '<presence/>', delivered });
    again.server(chat('new'));
    await again.settled();
    assert.equal(bodies(back.messages()), ['on its way', 'new']);
    const all = again.client('tablet', { presence: '<presence/>', delivered: back.place });
    await again.settled();
    assert.equal(all.messages(), []);
  }),
);

test(
  'a client that ends at once leaves nothing behind',
  inWorld(async (world) => {
    world.online();
    world.server(chat('kept'));
    world.client('phone', { presence: '<presence/>' }).leave();
    const desk = world.client('desk').available();
    world.pass(10_000);
    await world.settled();
    assert.equal(bodies(desk.messages()), ['kept']);
  }),
);

test(
  'private messages of a room’s occupants are for the clients that were in the room',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world);
    const desk = await known(world, 'desk');
    phone.acknowledge();
    enter(world, phone);
    const psst = (body: string) =>
      `<message from="${room}/bob" to="${core}" type="chat" id="${body}"><body>${body}</body></message>`;
    world.server(psst('heard by nobody')); // the phone's socket is dead
    phone.leave();
    world.server(psst('waits'));
    desk.leave();
    const back = world.client('phone').available();
    const other = world.client('desk').available();
    await world.settled();
    assert.equal(bodies(other.messages()), []);
    assert.equal(bodies(back.messages()), ['heard by nobody']);
    back.send(joining('alice'));
    const got = back.messages().filter((text) => text.includes('type="chat"'));
    assert.equal(bodies(got), ['waits']);
    back.acknowledge().leave();
    const third = world.client('phone').available();
    await world.settled();
    assert.equal(third.messages(), []);
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
