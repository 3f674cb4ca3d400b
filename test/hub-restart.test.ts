/** A hub in place of one that died: clients are as they were, and what it had not finished is. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openMemoryStore } from '../src/archive/store.ts';
import type { Store } from '../src/archive/types.ts';
import type { Attachment } from '../src/hub/hub.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { core, inWorld, like, settings, type TestClient, World } from './lib/hub.ts';

const stanza = (text: string): Stanza => Stanza.of(parseElement(text));
const saying = (id: string): Stanza => stanza(`<message to="bob@home.example" id="${id}"><body>${id}</body></message>`);
const hour = 3_600_000;
const restored = { presence: '<presence><priority>3</priority><show>dnd</show></presence>', interested: true };

/** Lives of one account: hubs that open one store after the other; all are closed at the end. */
class Lives {
  readonly store: Store;
  readonly #worlds: World[] = [];
  constructor(store: Store) {
    this.store = store;
  }
  async next(known: Partial<Attachment> = restored): Promise<{ world: World; phone: TestClient }> {
    const world = await World.open({}, this.store);
    this.#worlds.push(world);
    return { world, phone: world.client('phone', known) };
  }
  async close(): Promise<void> {
    for (const { hub } of this.#worlds) hub.close();
    await this.store.close();
  }
}

const inLives = (run: (lives: Lives) => Promise<void>) => async (): Promise<void> => {
  const lives = new Lives(await openMemoryStore());
  try {
    await run(lives);
  } finally {
    await lives.close();
  }
};

test(
  'a client that comes back with its unit is available as before, and nobody hears of it',
  inWorld((world) => {
    const phone = world.client('phone', restored);
    const laptop = world.client('laptop', { ...restored, presence: '<presence/>', carbons: true });
    assert.equal([...phone.take(), ...laptop.take()], []);
    world.online();
    world.server('<message from="bob@home.example/x" type="chat"><body>hello</body></message>');
    like(phone.take()[0], '<body>hello');
    like(laptop.take()[0], '<body>hello');
    phone.send('<message to="bob@home.example" type="chat"><body>hi</body></message>');
    like(laptop.take()[0], '<sent xmlns="urn:xmpp:carbons:2">', '<body>hi');
    laptop.send('<message to="bob@home.example" type="chat"><body>hey</body></message>');
    like(phone.take()[0], '<body>→ hey'); // it has had all the time to enable carbons
    phone.send('<presence type="unavailable"/>');
    like(laptop.take()[0], 'type="unavailable"', 'alice@work.example/phone');
  }),
);

test(
  'the server hears our presence, and who had directed presence hears it again',
  inWorld((world) => {
    world.client('phone', { ...restored, directed: ['eve@home.example/x'] });
    world.hub.online(core, false);
    like(
      world.up.find((text) => text.startsWith('<presence>')),
      '<show>dnd</show>',
      '<priority>3</priority>',
    );
    const directed = world.up.filter((text) => text.includes('to="eve@home.example/x"'));
    assert.is(directed.length, 1);
    like(directed[0], '<show>dnd</show>');
  }),
);

test(
  'events and requests for subscription that a client had seen are not shown again; new ones are',
  inLives(async (lives) => {
    const caps = '<c xmlns="http://jabber.org/protocol/caps" node="n" ver="v"/>';
    const tune = (title: string) =>
      `<message from="bob@home.example"><event xmlns="http://jabber.org/protocol/pubsub#event"><items node="tune"><item id="1"><tune>${title}</tune></item></items></event></message>`;
    const { world: first } = await lives.next({});
    first.online();
    first.server(tune('old'));
    first.server('<presence from="eve@home.example" type="subscribe"/>');
    first.hub.close();

    const { world: second, phone } = await lives.next({ ...restored, presence: `<presence>${caps}</presence>` });
    const asked = phone.take();
    assert.is(asked.length, 1, String(asked));
    const id = /id="([^"]+)"/.exec(asked[0]!)![1];
    phone.send(
      `<iq type="result" id="${id}" to="alice@work.example"><query xmlns="http://jabber.org/protocol/disco#info"><feature var="tune+notify"/></query></iq>`,
    );
    assert.equal(phone.take(), []);
    second.online();
    second.server(tune('old')); // the server repeats it for a new session
    assert.equal(phone.take(), []);
    second.server(tune('new'));
    like(phone.take()[0], '<tune>new</tune>');
  }),
);

const ids = (world: World): string[] =>
  world.up.filter((text) => text.startsWith('<message')).map((text) => /id="([^"]+)"/.exec(text)![1]!);

const waiting = async (lives: Lives): Promise<number> =>
  (await lives.store.read('alice@work.example', 'outbox')).length;

test(
  'what is sent is kept until the server has it, whether it had to wait or not',
  inLives(async (lives) => {
    const { world, phone } = await lives.next();
    for (const id of ['a', 'b']) world.hub.fromClient(phone.sid, saying(id));
    world.hub.online(core, false);
    world.hub.fromClient(phone.sid, saying('c'));
    assert.equal(ids(world), ['a', 'b', 'c']);
    const last = world.sequence;
    world.hub.fromClient(phone.sid, saying('d'));
    assert.is(await waiting(lives), 4);
    world.hub.handled(2 ** 32 + 1, last);
    assert.is(await waiting(lives), 1);
    world.acknowledge();
    assert.is(await waiting(lives), 0);
  }),
);

test(
  'what the server may have got goes again when the session is over, dated, before what waited',
  inLives(async (lives) => {
    const { world, phone } = await lives.next();
    world.hub.online(core, false);
    for (const id of ['a', 'b']) world.hub.fromClient(phone.sid, saying(id));
    world.up.splice(0);
    world.hub.offline();
    world.hub.fromClient(phone.sid, saying('c'));
    world.hub.online(core, false);
    assert.equal(ids(world), [], 'the server may have them');
    world.archived();
    assert.equal(ids(world), ['a', 'b', 'c']);
    for (const text of world.up.filter((one) => one.startsWith('<message'))) like(text, '<delay xmlns');
    assert.is(await waiting(lives), 3);
    world.acknowledge();
    assert.is(await waiting(lives), 0);
  }),
);

test(
  'a session that goes on: what was sent in it is on its way',
  inLives(async (lives) => {
    const { world, phone } = await lives.next();
    world.hub.online(core, false);
    world.hub.fromClient(phone.sid, saying('a'));
    world.hub.offline();
    world.hub.fromClient(phone.sid, saying('b'));
    world.up.splice(0);
    world.hub.online(core, true);
    assert.equal(ids(world), ['b']);
  }),
);

test(
  'a hub that inherits the session: what the server has is known by its number, the rest goes once more, in order',
  inLives(async (lives) => {
    const { world, phone } = await lives.next();
    world.hub.online(core, false);
    const before = world.sequence;
    for (const id of ['a', 'b', 'c']) world.hub.fromClient(phone.sid, saying(id));
    world.hub.close();
    const { world: next, phone: again } = await lives.next();
    next.sequence = before + 1;
    next.hub.fromClient(again.sid, saying('d'));
    next.hub.handled(2 ** 32 + 1, before + 1);
    assert.is(await waiting(lives), 3);
    next.hub.online(core, true, true);
    assert.equal(ids(next), ['b', 'c', 'd']);
    next.acknowledge();
    assert.is(await waiting(lives), 0);
  }),
);

test(
  'a hub that inherits the session asks who is there',
  inLives(async (lives) => {
    const { world } = await lives.next({});
    world.hub.online(core, false);
    const items = ['both', 'to', 'from'].map((how) => `<item jid="${how}@home.example" subscription="${how}"/>`);
    world.answer(/jabber:iq:roster/, `<query xmlns="jabber:iq:roster">${items.join('')}</query>`);
    assert.not.ok(
      world.up.some((text) => text.includes('probe')),
      'a new session is told by the server',
    );
    world.hub.close();
    const { world: next } = await lives.next({});
    next.hub.online(core, true, true);
    const probes = next.up.filter((text) => text.includes('type="probe"')).map((text) => /to="(\w+)@/.exec(text)![1]);
    assert.equal(probes.sort(), ['both', 'to']);
    next.up.splice(0);
    next.hub.offline();
    next.hub.online(core, true, false);
    assert.equal(next.up, []);
  }),
);

test(
  'what waited too long comes back as an error, to all that saw it leave; root says so',
  inLives(async (lives) => {
    const { world, phone } = await lives.next();
    const laptop = world.client('laptop', { presence: '<presence/>', carbons: true });
    world.hub.fromClient(phone.sid, saying('old'));
    world.pass(23 * hour);
    world.hub.fromClient(phone.sid, saying('new'));
    world.hub.sweep();
    for (const client of [phone, laptop]) client.take();
    world.pass(hour + 1000);
    world.hub.sweep();
    like(phone.take()[0], 'type="error"', 'id="old"', 'from="bob@home.example"', 'remote-server-timeout');
    like(laptop.take()[0], '<received xmlns="urn:xmpp:carbons:2">', 'type="error"', 'id="old"');
    assert.is(world.told.length, 1);
    like(world.told[0], 'bob@home.example');
    assert.is(await waiting(lives), 1);
    world.hub.online(core, false);
    assert.equal(ids(world), ['new']);
    world.pass(48 * hour);
    world.hub.sweep();
    assert.is(world.told.length, 1, 'it is on its way');
  }),
);

test(
  'the limit is the person’s, and a hub that starts anew knows how long a message has waited',
  inLives(async (lives) => {
    const { world, phone } = await lives.next();
    world.hub.fromClient(phone.sid, saying('old'));
    world.hub.close();
    const { world: next, phone: again } = await lives.next();
    next.hub.settings = { ...settings, expiry: 2 * hour };
    next.pass(2 * hour - 1000);
    next.hub.sweep();
    assert.equal(next.told, []);
    next.pass(2000);
    next.hub.sweep();
    assert.is(next.told.length, 1);
    like(again.take().at(-1), 'type="error"', 'id="old"');
  }),
);

test(
  'what died on its way keeps its place: before what waited then, behind what was sent before it',
  inLives(async (lives) => {
    const before = await lives.next();
    // sent, and put behind others, by a hub that dies before the server or the disk has all of it
    for (const order of [101, 104]) before.world.hub.fromClient(before.phone.sid, saying(`m${order}`), order);
    before.world.hub.close();
    const { world, phone } = await lives.next();
    for (const order of [102, 103, 105]) world.hub.fromClient(phone.sid, saying(`m${order}`), order, true);
    world.hub.fromClient(phone.sid, saying('m104'), 104, true); // nobody knew that it was safe
    world.hub.fromClient(phone.sid, saying('m106'), 106);
    world.hub.online(core, false);
    assert.equal(ids(world), ['m101', 'm102', 'm103', 'm104', 'm105', 'm106']);
    for (const text of world.up.filter((one) => one.startsWith('<message')))
      like(text, '<delay xmlns="urn:xmpp:delay" from="alice@work.example"');
  }),
);

/** Timers of that length run when the test says so. */
async function withTimers(milliseconds: number, run: (elapse: () => void) => Promise<void>): Promise<void> {
  const real = globalThis.setTimeout;
  const due: (() => void)[] = [];
  const fake = (work: () => void, after: number) => {
    if (after !== milliseconds) return real(work, after);
    due.push(work);
    return real(() => {}, 0);
  };
  globalThis.setTimeout = fake as typeof setTimeout;
  try {
    await run(() => {
      for (const work of due.splice(0)) work();
    });
  } finally {
    globalThis.setTimeout = real;
  }
}

test('contacts that went while nobody looked are not shown for ever', () =>
  withTimers(15_000, (elapse) =>
    inWorld((world) => {
      const phone = world.client('phone', restored);
      world.hub.online(core, false);
      const item = (name: string, subscription: string) =>
        `<item jid="${name}@home.example" subscription="${subscription}"/>`;
      const items = item('bob', 'both') + item('eve', 'to') + item('carl', 'from');
      world.answer(/jabber:iq:roster/, `<query xmlns="jabber:iq:roster">${items}</query>`);
      world.server('<presence from="bob@home.example/x"/>');
      phone.take();
      elapse();
      assert.equal(phone.take(), [
        '<presence to="alice@work.example/phone" from="eve@home.example" type="unavailable"/>',
      ]);
    })(),
  ));

test(
  'what is sent a second time is not shown a second time',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone', restored);
    const laptop = world.client('laptop', { ...restored, carbons: true });
    world.hub.fromClient(phone.sid, saying('again'), 100, true);
    assert.equal(ids(world), ['again']);
    assert.equal(laptop.take(), []);
    world.hub.fromClient(phone.sid, saying('fresh'), 101);
    like(laptop.take()[0], '<sent xmlns="urn:xmpp:carbons:2">');
    const local = stanza('<message to="alice@work.example/laptop" id="x"><body>x</body></message>');
    world.hub.fromClient(phone.sid, local, 102, true);
    assert.equal(laptop.take(), [], 'the other client has had it');
  }),
);

test.run();
