/** Who is given an archive's pages, and when. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openMemoryStore } from '../src/archive/store.ts';
import { Hub } from '../src/hub/hub.ts';
import { stanzaIdOf } from '../src/hub/place.ts';
import type { FullJid } from '../src/wire/jid.ts';
import { NS } from '../src/wire/ns.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import type { Element } from '../src/wire/xml.ts';
import { all, bodiesIn, fill, placed, query, room, talk, withoutPast, withTalk } from './lib/archive.ts';
import { account, core, inWorld, like, settings, World } from './lib/hub.ts';

test(
  'results go to the client that asked, and wait while it takes no more',
  inWorld(async (world) => {
    withoutPast(world);
    await fill(world.store, talk);
    const [phone, desk] = [world.client('phone').available(), world.client('desk').available()];
    world.hub.flow(phone.sid, false);
    phone.send(`<iq type="set" id="first"><query xmlns="${NS.mam}"/></iq>`);
    assert.equal(bodiesIn(await query(world, desk)), all);
    assert.equal(phone.received, [], 'nothing while it is full');
    world.hub.flow(phone.sid, true);
    for (let turn = 0; phone.received.length < 9 && turn < 1000; turn++) await new Promise(setImmediate);
    assert.is(phone.received.length, 9);
    like(phone.take().at(-1), '<iq', 'id="first"', 'complete="true"');
    assert.equal(desk.take(), []);
  }),
);

test(
  'queries of one client are answered in order; too many at once are refused; one that left gets nothing',
  inWorld(async (world) => {
    withoutPast(world);
    await fill(world.store, talk);
    const phone = world.client('phone').available();
    const queries = Array.from(
      { length: 60 },
      (_, index) => `<iq type="set" id="m${index}"><query xmlns="${NS.mam}"/></iq>`,
    );
    for (const text of queries) phone.send(text);
    const refusals = phone.take();
    assert.is(refusals.length, 9, 'one is under way, 50 wait');
    like(refusals[0], 'resource-constraint', 'type="error"', 'id="m51"');
    const answered = async (id: string): Promise<void> => {
      const isIt = (text: string) => text.startsWith('<iq') && text.includes(`id="${id}"`);
      for (let turn = 0; !phone.received.some(isIt); turn++) {
        assert.ok(turn < 1000, `${id} has no answer`);
        await new Promise(setImmediate);
      }
      await new Promise(setImmediate);
      assert.ok(isIt(phone.take().at(-1)!), 'and nothing after it');
    };
    await answered('m0');
    world.pass(25);
    await answered('m1');
    phone.leave();
    world.pass(25);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    assert.equal(phone.received, []);
  }),
);

test(
  'archives of others, and of nodes, are theirs',
  withTalk(async (_, world) => {
    const desk = world.client('desk').available();
    desk.send(`<iq type="set" id="r" to="${room}"><query xmlns="${NS.mam}" queryid="x"/></iq>`);
    desk.send(`<iq type="set" id="s" to="work.example"><query xmlns="${NS.mam}"/></iq>`);
    desk.send(`<iq type="set" id="n"><query xmlns="${NS.mam}" node="urn:example:node"/></iq>`);
    assert.is(world.up.length, 3);
    assert.equal(desk.take(), []);
  }),
);

test('while a gap is being filled pages say that something may come in between', async () => {
  const store = await openMemoryStore();
  await fill(store, talk);
  const world = await World.open({}, store);
  world.hub.online(core, false);
  const phone = world.client('phone');
  assert.is((await query(world, phone)).fin!.attrs.stable, 'false');
  world.answer(/queryid="u/, `<fin xmlns="${NS.mam}" complete="true"><set xmlns="${NS.rsm}"/></fin>`);
  assert.is((await query(world, phone)).fin!.attrs.stable, undefined);
  await world.close();
});

test(
  'while the server is away nobody says that it does not know an id of its own',
  inWorld(async (world) => {
    const phone = world.client('phone').available();
    const after = async (id: string): Promise<Element> =>
      (await query(world, phone, `<set xmlns="${NS.rsm}"><after>${id}</after></set>`)).answer.getChild('error')!;
    assert.ok((await after('servers')).getChild('remote-server-timeout', NS.stanzas));
    assert.ok((await after(stanzaIdOf(placed(1)))).getChild('item-not-found', NS.stanzas));
  }),
);

test(
  'an id that an app was given in our last moments is where it goes on',
  inWorld(async (world) => {
    world.online();
    const said = (body: string) =>
      `<message from="bob@home.example/x" to="${core}" type="chat" id="${body}"><body>${body}</body></message>`;
    world.server(said('kept'));
    world.now += 1000;
    const lost = stanzaIdOf(world.now * 1000);
    world.now += 1000;
    world.server(said('next'));
    await world.settled();
    const phone = world.client('phone').available();
    const given = async (set: string) => (await query(world, phone, `<set xmlns="${NS.rsm}">${set}</set>`)).results;
    assert.is((await given(`<after>${lost}</after>`)).length, 1);
    assert.is((await given(`<before>${lost}</before>`)).length, 1);
  }),
);

test('in the merged view there is no archive', async () => {
  const store = await openMemoryStore();
  const sent: string[] = [];
  const hub = await Hub.open({
    ...{ account, settings, store, isLocal: true, passwordChanged() {} },
    outlet: { deliver() {}, facts() {} },
    send: (text) => sent.push(text),
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });
  hub.online(core, false);
  const known = { carbons: false, interested: false, blocklist: false, inactive: false, presence: undefined };
  hub.attach(1, { address: `${account}/phone` as FullJid, directed: [], rooms: [], ...known });
  sent.splice(0);
  hub.fromClient(1, Stanza.of(parseElement(`<iq type="set" id="q"><query xmlns="${NS.mam}"/></iq>`)));
  hub.fromClient(1, Stanza.of(parseElement(`<iq type="get" id="p"><prefs xmlns="${NS.mam}"/></iq>`)));
  assert.is(sent.length, 2, 'its server says so');
  hub.close();
  await store.close();
});

test.run();
