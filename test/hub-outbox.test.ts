/** Messages of clients on their way to the server: kept until it has them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../src/hub/context.ts';
import { Outbox } from '../src/hub/outbox.ts';
import type { FullJid } from '../src/wire/jid.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { account, core, inWorld, like, settings, type World } from './lib/hub.ts';
import { inLives, type Lives, restored } from './lib/lives.ts';

const hour = 3_600_000;
const saying = (id: string): Stanza =>
  Stanza.of(parseElement(`<message to="bob@home.example" id="${id}"><body>${id}</body></message>`));

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
    world.archived();
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
    for (const order of [102, 103, 105]) world.hub.fromClient(phone.sid, saying(`m${order}`), order, 'taken');
    world.hub.fromClient(phone.sid, saying('m104'), 104, 'taken'); // nobody knew that it was safe
    world.hub.fromClient(phone.sid, saying('m106'), 106);
    world.hub.online(core, false);
    assert.equal(ids(world), ['m101', 'm102', 'm103', 'm104', 'm105', 'm106']);
    for (const text of world.up.filter((one) => one.startsWith('<message')))
      like(text, '<delay xmlns="urn:xmpp:delay" from="alice@work.example"');
    const { messages } = await world.store.messages.page(account, {}, 10);
    assert.equal(messages.map(({ id }) => id).sort(), ['m101', 'm102', 'm103', 'm104', 'm105', 'm106']);
  }),
);

test(
  'what the server turned out to have does not leave again when it is told once more',
  inLives(async (lives) => {
    const before = await lives.next();
    before.world.online();
    for (const order of [101, 102]) before.world.hub.fromClient(before.phone.sid, saying(`m${order}`), order);
    const { sequence } = before.world;
    before.world.hub.close();
    const { world, phone } = await lives.next();
    world.sequence = sequence;
    world.hub.handled(2 ** 32 + 1, sequence);
    world.hub.online(core, true, true);
    world.hub.fromClient(phone.sid, saying('m101'), 101, 'taken');
    world.hub.fromClient(phone.sid, saying('m102'), 102, 'told');
    world.hub.fromClient(phone.sid, saying('m103'), 103);
    assert.equal(ids(world), ['m103']);
  }),
);

test(
  'what is sent a second time is not shown a second time',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone', restored);
    const laptop = world.client('laptop', { ...restored, carbons: true });
    world.hub.fromClient(phone.sid, saying('again'), 100, 'taken');
    assert.equal(ids(world), ['again']);
    assert.equal(laptop.take(), []);
    world.hub.fromClient(phone.sid, saying('fresh'), 101);
    like(laptop.take()[0], '<sent xmlns="urn:xmpp:carbons:2">');
    const local = Stanza.of(parseElement('<message to="alice@work.example/laptop" id="x"><body>x</body></message>'));
    world.hub.fromClient(phone.sid, local, 102, 'taken');
    assert.equal(laptop.take(), [], 'the other client has had it');
  }),
);

test('what was asked after and has waited for too long meanwhile does not leave, nor take another with it', async () => {
  const posted: string[] = [];
  const context = {
    ...{ account, now: () => 1000 },
    kept: { read: async () => [], put() {}, remove() {}, removeTo() {} },
    up: { post: (text: string) => posted.push(text) },
  };
  const outbox = new Outbox(context as unknown as Context);
  await outbox.load();
  const said = (id: string) => `<message to="coven@muc.example" id="${id}"/>`;
  const client = `${account}/phone` as FullJid;
  outbox.wait(said('old'), client);
  const tells: ((isMissing: boolean) => void)[] = [];
  outbox.flush((_, tell) => tells.push(tell) > 0);
  outbox.close();
  assert.is(outbox.expire(2000).length, 1);
  outbox.wait(said('new'), client);
  for (const isMissing of [false, true]) tells[0]!(isMissing);
  assert.equal(posted, []);
  outbox.flush(() => false);
  assert.equal(
    posted.map((text) => / id="(\w+)"/.exec(text)![1]),
    ['new'],
  );
});

test.run();
