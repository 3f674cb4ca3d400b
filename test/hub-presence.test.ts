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
  "a client that comes gets contacts' presence, root and its siblings, without a word upstream",
  inWorld((world) => {
    world.online();
    world.server(`<presence from="bob@home.example/x" to="${account}"><show>dnd</show></presence>`);
    const phone = world.client('phone').available();
    const desk = world.client('desk');
    world.up.splice(0);
    desk.send('<presence/>');
    const got = desk.take();
    for (const from of ['bob@home.example/x', 'root@proxy.example/xmpproxy', phone.address, desk.address])
      assert.ok(
        got.some((text) => text.includes(`from="${from}"`)),
        `nothing from ${from}`,
      );
    like(phone.take()[0], `from="${desk.address}"`);
    assert.equal(
      world.up.filter((text) => !text.startsWith('<presence')),
      [],
    );
    desk.send('<presence type="unavailable"/>');
    like(phone.take()[0], 'type="unavailable"', `from="${desk.address}"`);
  }),
);

test(
  'one presence upstream: the highest show with its status, highest priority; away without clients',
  inWorld((world) => {
    world.hub.online(core, false);
    like(world.up.at(-1), '<show>away</show>', '<status>away from the keyboard</status>', '<priority>0</priority>');
    const phone = world.client('phone');
    phone.send('<presence><show>away</show><status>walking</status><priority>-5</priority></presence>');
    like(world.up.at(-1), '<show>away</show>', 'walking', '<priority>0</priority>');
    const desk = world.client('desk');
    desk.send('<presence><priority>7</priority><status>working</status></presence>');
    assert.not.match(world.up.at(-1)!, '<show>');
    like(world.up.at(-1), 'working', '<priority>7</priority>');
    phone.send('<presence><show>dnd</show><status>quiet</status></presence>');
    like(world.up.at(-1), '<show>dnd</show>', 'quiet', '<priority>7</priority>');
    desk.send('<presence><show>odd</show><priority>7</priority></presence>');
    like(world.up.at(-1), '<show>dnd</show>', 'quiet');
    const count = world.up.length;
    phone.send('<presence><show>dnd</show><status>quiet</status></presence>');
    assert.is(world.up.length, count, 'the same presence is not sent twice');
    phone.leave();
    desk.leave();
    like(world.up.at(-1), '<show>away</show>', 'away from the keyboard');
  }),
);

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

test(
  'a subscription request is kept until any client answers it',
  inWorld(async (world) => {
    world.online();
    world.server(
      `<presence type="subscribe" from="carol@home.example" to="${account}"><status>hello</status></presence>`,
    );
    const again = await World.open({}, world.store);
    again.online();
    const phone = again.client('phone');
    phone.send('<presence/>');
    like(
      phone.take().find((text) => text.includes('subscribe')),
      'from="carol@home.example"',
      'hello',
    );
    const desk = again.client('desk');
    desk.send('<presence/>');
    like(
      desk.take().find((text) => text.includes('subscribe')),
      'carol@home.example',
    );
    again.up.splice(0);
    desk.send('<presence type="subscribed" to="carol@home.example"/>');
    assert.equal(again.up, ['<presence to="carol@home.example" type="subscribed"/>']);
    const third = again.client('third');
    third.send('<presence/>');
    assert.equal(
      third.take().filter((text) => text.includes('subscribe')),
      [],
    );
    again.hub.close();
  }),
);

test(
  'a request answered elsewhere is settled by the roster push',
  inWorld((world) => {
    world.online();
    world.server(`<presence type="subscribe" from="carol@home.example" to="${account}"/>`);
    world.server(
      '<iq type="set" id="p"><query xmlns="jabber:iq:roster"><item jid="carol@home.example" subscription="from"/></query></iq>',
    );
    const phone = world.client('phone');
    phone.send('<presence/>');
    assert.equal(
      phone.take().filter((text) => text.includes('type="subscribe"')),
      [],
    );
  }),
);

test(
  'directed presence ends when the last client that sent it goes',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    phone.send('<presence to="gate.example"/>');
    desk.send('<presence to="gate.example"/>');
    assert.equal(world.up, ['<presence to="gate.example"/>']);
    phone.leave();
    assert.equal(
      world.up.filter((text) => text.includes('unavailable')),
      [],
    );
    desk.leave();
    assert.equal(
      world.up.filter((text) => text.includes('unavailable')),
      ['<presence to="gate.example" type="unavailable"/>'],
    );
  }),
);

test(
  'directed presence that changed while the server was away is told when it is back',
  inWorld((world) => {
    const directed = () => world.up.splice(0).filter((text) => text.includes('to="'));
    world.online();
    const phone = world.client('phone').available();
    phone.send('<presence to="bob@home.example/x"/>');
    phone.send('<presence to="gate.example"/>');
    world.hub.offline();
    world.up.splice(0);
    phone.send('<presence to="bob@home.example/x" type="unavailable"/>');
    phone.send('<presence to="eve@home.example/y"/>');
    world.hub.online(core, true);
    assert.equal(directed(), [
      '<presence to="bob@home.example/x" type="unavailable"/>',
      '<presence to="eve@home.example/y"/>',
    ]);
    world.hub.offline();
    phone.send('<presence to="gate.example" type="unavailable"/>');
    world.hub.online(core, false);
    assert.equal(
      directed().filter((text) => text.startsWith('<presence')),
      ['<presence to="eve@home.example/y"/>'],
    );
  }),
);

test(
  'the server is told inactive while every client is inactive or absent',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    assert.is(world.inactive, false);
    const desk = world.client('desk').available();
    world.hub.activity(phone.sid, true);
    assert.is(world.inactive, false, 'desk looks');
    world.hub.activity(desk.sid, true);
    assert.is(world.inactive, true);
    world.hub.activity(desk.sid, false);
    assert.is(world.inactive, false);
    desk.leave();
    assert.is(world.inactive, true);
    world.hub.activity(phone.sid, false);
    phone.send('<presence type="unavailable"/>');
    assert.is(world.inactive, true);
  }),
);

test(
  'facts about a client suffice to attach it again',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone', { carbons: true, presence: '<presence><show>chat</show></presence>' });
    like(world.up.at(-1), '<show>chat</show>');
    world.server(`<message from="bob@home.example" to="${core}" type="chat"><body>x</body></message>`);
    assert.is(phone.take().filter((text) => text.includes('<body>x')).length, 1);
  }),
);

test.run();
