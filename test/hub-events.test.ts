/** What the clients can do (XEP-0115), and the events that they want (XEP-0163). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { capsHash } from '../src/xep/disco.ts';
import { account, core, inWorld, like, World } from './lib/hub.ts';

const features = (...names: string[]) => names.map((name) => `<feature var="${name}"/>`).join('');
const hashOf = (...names: string[]) => capsHash({ identities: [], features: names });
const caps = (...names: string[]) =>
  `<c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:app:${names.join('-').replace(/\W/g, '')}" ver="${hashOf(...names)}"/>`;

/** Available with caps, and its question answered. */
function learn(world: World, resource: string, ...names: string[]) {
  const client = world.client(resource);
  client.send(`<presence>${caps(...names)}</presence>`);
  const question = client.take().find((text) => text.includes('disco#info'));
  if (question !== undefined) {
    const id = /id="([^"]+)"/.exec(question)![1];
    const node = /node="([^"]+)"/.exec(question)![1];
    client.send(
      `<iq type="result" id="${id}" to="${account}"><query xmlns="http://jabber.org/protocol/disco#info" node="${node}">${features(...names)}</query></iq>`,
    );
  }
  return client;
}

test(
  'caps upstream are the union, and we answer for them',
  inWorld(async (world) => {
    world.online();
    learn(world, 'phone', 'urn:a', 'mood+notify');
    learn(world, 'desk', 'urn:b');
    const ver = /ver="([^"]+)"/.exec(world.up.at(-1)!)![1];
    world.up.splice(0);
    world.server(
      `<iq type="get" id="d" from="bob@home.example/x" to="${core}"><query xmlns="http://jabber.org/protocol/disco#info" node="urn:xmpproxy#${ver}"/></iq>`,
    );
    await new Promise((resolve) => setImmediate(resolve));
    like(world.up[0], 'var="urn:a"', 'var="urn:b"', 'var="mood+notify"', 'category="client"');
  }),
);

test(
  'an answer for what a client could do before does not undo what it can do now',
  inWorld((world) => {
    world.online();
    learn(world, 'desk', 'urn:new');
    const phone = world.client('phone');
    phone.send(`<presence>${caps('urn:old')}</presence>`);
    const question = phone.take().find((text) => text.includes('disco#info'));
    phone.send(`<presence>${caps('urn:new')}</presence>`);
    world.up.splice(0);
    phone.send(
      `<iq type="result" id="${/id="([^"]+)"/.exec(question!)![1]}" to="${account}"><query xmlns="http://jabber.org/protocol/disco#info">${features('urn:old')}</query></iq>`,
    );
    assert.equal(world.up, []);
  }),
);

const event = (node: string, item: string, body: string, from = 'bob@home.example') =>
  `<message from="${from}" to="${core}" type="headline"><event xmlns="http://jabber.org/protocol/pubsub#event"><items node="${node}"><item id="${item}">${body}</item></items></event></message>`;

test(
  'PEP events go to who wants them; the app that comes second gets the last ones, each once',
  inWorld(async (world) => {
    world.online();
    const phone = learn(world, 'phone', 'mood+notify');
    const plain = learn(world, 'plain', 'urn:x');
    phone.take();
    plain.take();
    world.server(event('mood', 'i1', '<happy/>'));
    world.server(event('tune', 'i1', '<song/>'));
    assert.is(phone.take().length, 1);
    assert.equal(plain.take(), []);
    world.server(event('mood', 'i1', '<happy/>'));
    assert.equal(phone.take(), [], 'a server repeats last items when caps change');
    const desk = learn(world, 'desk', 'mood+notify', 'tune+notify');
    const events = desk.take().filter((text) => text.includes('pubsub#event'));
    assert.is(events.length, 2);
    like(events[0], 'from="bob@home.example"', '<happy/>', `to="${desk.address}"`);
    desk.send('<presence><show>away</show></presence>');
    assert.equal(
      desk.take().filter((text) => text.includes('pubsub#event')),
      [],
    );
    const again = await World.open({}, world.store);
    again.online();
    assert.is(
      learn(again, 'late', 'tune+notify')
        .take()
        .filter((text) => text.includes('<song/>')).length,
      1,
    );
    again.hub.close();
  }),
);

test(
  'a retracted item, a deleted node and a lost subscription end the replay',
  inWorld((world) => {
    world.online();
    world.server(
      '<iq type="set" id="p"><query xmlns="jabber:iq:roster"><item jid="bob@home.example" subscription="both"/></query></iq>',
    );
    for (const node of ['one', 'two', 'three']) world.server(event(node, 'i', '<x/>'));
    world.server(
      `<message from="bob@home.example" to="${core}"><event xmlns="http://jabber.org/protocol/pubsub#event"><items node="one"><retract id="i"/></items></event></message>`,
    );
    world.server(
      `<message from="bob@home.example" to="${core}"><event xmlns="http://jabber.org/protocol/pubsub#event"><delete node="two"/></event></message>`,
    );
    const desk = learn(world, 'desk', 'one+notify', 'two+notify', 'three+notify');
    assert.equal(
      desk
        .take()
        .filter((text) => text.includes('#event'))
        .map((text) => /node="(\w+)"/.exec(text)![1]),
      ['three'],
    );
    world.server(
      '<iq type="set" id="p2"><query xmlns="jabber:iq:roster"><item jid="bob@home.example" subscription="none"/></query></iq>',
    );
    assert.equal(
      learn(world, 'late', 'three+notify')
        .take()
        .filter((text) => text.includes('#event')),
      [],
    );
  }),
);

test(
  'strangers cannot make us keep without end; contacts are kept beside them, and all is passed on',
  inWorld(async (world) => {
    world.online();
    world.server(
      '<iq type="set" id="p"><query xmlns="jabber:iq:roster"><item jid="bob@home.example" subscription="both"/></query></iq>',
    );
    const phone = learn(world, 'phone', 'mood+notify');
    phone.take();
    for (let count = 0; count < 600; count++)
      world.server(event('mood', 'i', '<happy/>', `stranger${count}@evil.example`));
    for (let count = 0; count < 300; count++) world.server(event(`node${count}`, 'i', '<x/>'));
    world.server(event('mood', 'i', `<happy>${'x'.repeat(100_000)}</happy>`, account));
    assert.is(phone.take().length, 601);
    const events = await world.store.read(account, 'pep');
    assert.is(events.filter(({ key }) => key.startsWith('stranger')).length, 500);
    assert.is(events.filter(({ key }) => key.startsWith('bob')).length, 200);
    assert.is(events.length, 700);

    for (let count = 0; count < 1100; count++)
      world.server(
        `<presence type="subscribe" from="s${count}@evil.example" to="${account}"><status>${'x'.repeat(20_000)}</status></presence>`,
      );
    assert.is(phone.take().length, 1100);
    const requests = await world.store.read(account, 'subscription');
    assert.is(requests.length, 1000);
    assert.is(requests[0]!.value, '<presence from="s0@evil.example" type="subscribe"/>');

    for (let count = 0; count < 5100; count++)
      world.server(`<presence from="bot@evil.example/${count}" to="${account}"/>`);
    world.server(`<presence from="bob@home.example/x" to="${account}"/>`);
    assert.is(phone.take().length, 5101);
    const desk = world.client('desk');
    desk.send('<presence/>');
    const shown = desk.take();
    assert.is(shown.filter((text) => text.includes('bot@evil')).length, 5000);
    assert.is(shown.filter((text) => text.includes('from="bob@home.example/x"')).length, 1);
  }),
);

test.run();
