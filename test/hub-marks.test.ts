/** Read marks (XEP-0490) between apps that know our ids and a server that knows its own. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stanzaIdOf } from '../src/hub/place.ts';
import { NS } from '../src/wire/ns.ts';
import { bob, fill, placed } from './lib/archive.ts';
import { account, inWorld, like, type TestClient, World } from './lib/hub.ts';

const room = 'tea@rooms.example';
const idOf = (index: number): string => stanzaIdOf(placed(index));

const item = (chat: string, id: string, by: string = account): string =>
  `<item id="${chat}"><displayed xmlns="${NS.displayed}"><stanza-id xmlns="${NS.sid}" by="${by}" id="${id}"/></displayed></item>`;
const publish = (id: string, ...items: string[]): string =>
  `<iq type="set" id="${id}"><pubsub xmlns="${NS.pubsub}"><publish node="${NS.displayed}">${items.join('')}</publish></pubsub></iq>`;
const event = (...items: string[]): string =>
  `<message type="headline"><event xmlns="${NS.pubsubEvent}"><items node="${NS.displayed}">${items.join('')}</items></event></message>`;

/** Bob said two things, we one that the server has no name for yet. */
const talk = [{ body: 'one' }, { body: 'two' }, { body: 'mine', isSent: true, alias: undefined }];

/** An app that wants to hear of marks. */
function interested(world: World, resource: string): TestClient {
  const client = world.client(resource);
  client.send('<presence><c xmlns="http://jabber.org/protocol/caps" hash="x" node="urn:app" ver="1"/></presence>');
  const question = client.take().find((text) => text.includes('disco#info'));
  if (question !== undefined)
    client.send(
      `<iq type="result" id="${/id="([^"]+)"/.exec(question)![1]}" to="${account}"><query xmlns="${NS.discoInfo}" node="urn:app#1"><feature var="${NS.displayed}+notify"/></query></iq>`,
    );
  for (const each of world.clients) each.take();
  world.up.splice(0);
  return client;
}

/** Resolves when that holds: ids are looked up beside the hub. */
async function when(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise(setImmediate);
  }
}
/** All that could follow has followed. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}

test(
  'what an app publishes carries the server’s id, what comes back ours',
  inWorld(async (world) => {
    await fill(world.store, talk);
    world.online();
    const [phone, desk] = [interested(world, 'phone'), interested(world, 'desk')];
    phone.send(publish('p', item(bob, idOf(1))));
    await when(() => world.up.length > 0, 'published');
    like(world.up[0], `id="server-1"`, `by="${account}"`, `<item id="${bob}">`, `node="${NS.displayed}"`);
    world.answer(/publish/, '');
    like(phone.take()[0], 'id="p"', 'type="result"');
    world.server(event(item(bob, 'server-1')));
    await when(() => desk.received.length > 0 && phone.received.length > 0, 'told');
    for (const app of [phone, desk]) like(app.take()[0], `id="${idOf(1)}"`, `by="${account}"`, `<item id="${bob}">`);
  }),
);

test(
  'items that are asked for come with our ids; ids that nobody knows, and those of rooms, stay',
  inWorld(async (world) => {
    await fill(world.store, talk);
    world.online();
    const phone = interested(world, 'phone');
    phone.send(`<iq type="get" id="g"><pubsub xmlns="${NS.pubsub}"><items node="${NS.displayed}"/></pubsub></iq>`);
    const items = [item(bob, 'server-0'), item('old@home.example', 'older'), item(room, 'server-0', room)];
    world.answer(
      /items/,
      `<pubsub xmlns="${NS.pubsub}"><items node="${NS.displayed}">${items.join('')}</items></pubsub>`,
    );
    await when(() => phone.received.length > 0, 'answered');
    const [answer] = phone.take();
    like(answer, 'id="g"', `by="${account}" id="${idOf(0)}"`, 'id="older"', `by="${room}" id="server-0"`);
    phone.send(publish('p', item(room, idOf(0), room)));
    await when(() => world.up.length > 1, 'published');
    like(world.up[1], `by="${room}" id="${idOf(0)}"`);
  }),
);

test(
  'marks keep their order, and errors reach the app that published',
  inWorld(async (world) => {
    await fill(world.store, talk);
    world.online();
    const phone = interested(world, 'phone');
    phone.send(publish('p0', item(bob, idOf(0))));
    phone.send(publish('p1', item(bob, idOf(1))));
    await when(() => world.up.length > 1, 'published');
    like(world.up[0], 'server-0');
    like(world.up[1], 'server-1');
    const id = /id="([^"]+)"/.exec(world.up[0]!)![1];
    world.server(`<iq type="error" id="${id}"><error type="cancel"><conflict xmlns="${NS.stanzas}"/></error></iq>`);
    like(phone.take()[0], 'id="p0"', 'conflict');
  }),
);

test(
  'a message that the server has no name for: the one before it stands for it until it has one',
  inWorld(async (world) => {
    await fill(world.store, talk);
    world.online();
    const phone = interested(world, 'phone');
    phone.send(publish('p', item(bob, idOf(2))));
    await when(() => world.up.length > 0, 'published');
    like(world.up[0], 'id="server-1"');
    world.answer(/publish/, '');
    world.up.splice(0);
    world.server(event(item(bob, 'server-1'))); // its echo
    world.hub.sweep();
    await quiet();
    assert.equal(world.up, [], 'no better name yet');
    await world.store.messages.alias(account, placed(2), 'server-2');
    world.hub.sweep();
    await when(() => world.up.length > 0, 'published again');
    like(world.up[0], 'id="server-2"', '<value>whitelist</value>');
    world.answer(/publish/, '');
    world.up.splice(0);
    world.hub.sweep();
    await quiet();
    assert.equal(world.up, []);
    assert.equal(await world.store.read(account, 'mark'), []);
  }),
);

test(
  'a mark that somebody else has moved on is not taken back',
  inWorld(async (world) => {
    await fill(world.store, [...talk, { body: 'three' }]);
    world.online();
    const phone = interested(world, 'phone');
    phone.send(publish('p', item(bob, idOf(2))));
    await when(() => world.up.length > 0, 'published');
    world.answer(/publish/, '');
    world.up.splice(0);
    world.server(event(item(bob, 'server-3')));
    await world.store.messages.alias(account, placed(2), 'server-2');
    await quiet();
    world.hub.sweep();
    await quiet();
    assert.equal(world.up, []);
  }),
);

test('while the server is away marks are kept, told to the other apps, and published when it is back', async () => {
  const world = await World.open();
  await fill(world.store, talk);
  const [phone, desk] = [interested(world, 'phone'), interested(world, 'desk')];
  phone.send(publish('p', item(bob, idOf(1))));
  phone.send(publish('q', item('carol@home.example', 'c1')));
  await when(() => phone.received.some((text) => text.includes('id="q"')), 'answered');
  assert.ok(phone.take().filter((text) => text.includes('type="result"')).length === 2);
  like(desk.take()[0], `id="${idOf(1)}"`, 'type="headline"', `from="${account}"`);
  const next = await world.again();
  next.online();
  next.hub.online(`${account}/x` as never, false);
  const known = `<pubsub xmlns="${NS.pubsub}"><items node="${NS.displayed}">${item(bob, 'server-0')}${item('carol@home.example', 'c0')}</items></pubsub>`;
  next.answer(/get.*<items/, known);
  await when(() => next.up.filter((text) => text.includes('<publish ')).length === 2, 'published');
  const told = next.up.filter((text) => text.includes('<publish ')).join();
  like(told, 'id="server-1"', 'id="c1"');
  await world.close();
});

test(
  'what is newer at the server stays',
  inWorld(async (world) => {
    await fill(world.store, talk);
    const phone = interested(world, 'phone');
    phone.send(publish('p', item(bob, idOf(0))));
    await when(() => phone.received.length > 0, 'kept');
    world.hub.online(`${account}/x` as never, false);
    world.answer(
      /get.*<items/,
      `<pubsub xmlns="${NS.pubsub}"><items node="${NS.displayed}">${item(bob, 'server-1')}</items></pubsub>`,
    );
    await quiet();
    assert.equal(
      world.up.filter((text) => text.includes('<publish ')),
      [],
    );
    assert.equal(await world.store.read(account, 'mark'), []);
  }),
);

test(
  'a message with a mark leaves without it, and the mark is published',
  inWorld(async (world) => {
    await fill(world.store, talk);
    world.online();
    const [phone, desk] = [interested(world, 'phone'), interested(world, 'desk')];
    desk.send('<iq type="set" id="c"><enable xmlns="urn:xmpp:carbons:2"/></iq>');
    desk.take();
    phone.send(
      `<message to="${bob}" id="r"><displayed xmlns="${NS.markers}" id="m1"/><displayed xmlns="${NS.displayed}"><stanza-id xmlns="${NS.sid}" by="${account}" id="${idOf(1)}"/></displayed></message>`,
    );
    await when(() => world.up.length > 1, 'published');
    const message = world.up.find((text) => text.startsWith('<message'));
    like(message, `to="${bob}"`, NS.markers);
    assert.not.match(message!, NS.displayed);
    assert.not.match(desk.take().join(), NS.displayed, 'nor does the copy have it');
    like(
      world.up.find((text) => text.startsWith('<iq')),
      `<item id="${bob}">`,
      'id="server-1"',
      '<value>whitelist</value>',
    );
    world.answer(/<publish /, '');
    await quiet();
    assert.equal(await world.store.read(account, 'mark'), []);
  }),
);

test(
  'a server that does not take every option gets the mark with those that matter',
  inWorld(async (world) => {
    await fill(world.store, talk);
    world.online();
    const phone = interested(world, 'phone');
    const read = (index: number): void =>
      phone.send(
        `<message to="${bob}"><body>ok</body><displayed xmlns="${NS.displayed}"><stanza-id xmlns="${NS.sid}" by="${account}" id="${idOf(index)}"/></displayed></message>`,
      );
    read(0);
    const publications = (): string[] => world.up.filter((text) => text.includes('<publish '));
    await when(() => publications().length > 0, 'published');
    like(publications()[0], 'pubsub#max_items');
    const id = /id="([^"]+)"/.exec(publications()[0]!)![1];
    world.server(
      `<iq type="error" id="${id}"><error type="wait"><resource-constraint xmlns="${NS.stanzas}"/></error></iq>`,
    );
    await when(() => publications().length > 1, 'published again');
    assert.not.match(publications()[1]!, 'max_items');
    like(publications()[1], 'id="server-0"', 'whitelist');
    read(1);
    await when(() => publications().length > 2, 'the next one');
    assert.not.match(publications()[2]!, 'max_items');
  }),
);

test.run();
