import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bodiesOf, known } from './lib/archived.ts';
import { account, core, inWorld, like, World } from './lib/hub.ts';

const chat = (body: string, attrs = `to="${core}" id="m1"`) =>
  `<message from="bob@home.example/x" type="chat" ${attrs}><body>${body}</body></message>`;

test(
  'a message goes upstream without from, and as a sent carbon to who enabled them',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    desk.send('<iq type="set" id="c" ><enable xmlns="urn:xmpp:carbons:2"/></iq>');
    like(desk.take()[0], 'type="result"', 'id="c"');
    assert.is(desk.facts.carbons, true);
    phone.send('<message to="bob@home.example" type="chat" id="a"><body>1 &lt; 2</body></message>');
    assert.equal(world.up, ['<message to="bob@home.example" type="chat" id="a"><body>1 &lt; 2</body></message>']);
    const [carbon, ...more] = desk.take();
    assert.equal(more, []);
    const id = /<stanza-id xmlns="urn:xmpp:sid:0" by="alice@work.example" id="x[0-9a-z]+"\/>/.exec(carbon!)?.[0];
    assert.is(
      carbon,
      `<message to="alice@work.example/desk" from="alice@work.example" type="chat"><sent xmlns="urn:xmpp:carbons:2"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" to="bob@home.example" from="alice@work.example/phone" type="chat" id="a"><body>1 &lt; 2</body>${id}</message></forwarded></sent></message>`,
    );
    assert.equal(phone.take(), []);
  }),
);

test(
  'private messages and those with no-copy are not mirrored',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk', { carbons: true }).available();
    phone.send(
      '<message to="bob@home.example" type="chat"><body>x</body><private xmlns="urn:xmpp:carbons:2"/></message>',
    );
    phone.send('<message to="bob@home.example" type="chat"><body>x</body><no-copy xmlns="urn:xmpp:hints"/></message>');
    phone.send('<message to="room@muc.example" type="groupchat"><body>x</body></message>');
    assert.is(world.up.length, 3);
    assert.equal(desk.take(), []);
  }),
);

test(
  'a client without carbons gets an inline copy, 10 s after its first presence',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const old = world.client('old').available();
    phone.send('<message to="bob@home.example/x" type="chat" id="a"><body>early</body></message>');
    world.pass(9_999);
    await world.settled();
    assert.equal(old.take(), []);
    world.pass(1);
    await world.settled();
    like(old.take()[0], '<body>→ early</body>');
    phone.send(
      '<message to="bob@home.example/x" type="chat" id="b"><body>late</body><request xmlns="urn:xmpp:receipts"/></message>',
    );
    const [copy] = old.take();
    like(copy, 'from="bob@home.example"', '<body>→ late</body>', /id="xmpproxy-copy-/);
    assert.not.ok(copy!.includes('receipts'));
    const id = /id="([^"]+)"/.exec(copy!)![1];
    world.up.splice(0);
    old.send(`<message to="bob@home.example" id="r"><received xmlns="urn:xmpp:receipts" id="${id}"/></message>`);
    old.send(`<message to="bob@home.example" type="error" id="${id}"><error type="cancel"/></message>`);
    assert.equal(world.up, [], 'what names a copy ends here');
  }),
);

test(
  'a client that enables carbons within 10 s, or goes, gets no inline copy of what was said meanwhile',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    const brief = world.client('brief').available();
    phone.send('<message to="bob@home.example" type="chat" id="a"><body>early</body></message>');
    desk.send('<iq type="set" id="c"><enable xmlns="urn:xmpp:carbons:2"/></iq>');
    brief.send('<presence type="unavailable"/>');
    for (const client of [desk, brief]) client.take();
    world.pass(10_000);
    assert.equal([...desk.take(), ...brief.take()], []);
  }),
);

test(
  'a copy that waits is not passed by: what comes after it waits, too, and both are given after a restart',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone', { carbons: true }).available();
    const old = world.client('old').available();
    world.server(chat('before'));
    phone.send('<message to="bob@home.example" type="chat" id="a"><body>early</body></message>');
    world.server(chat('after', `to="${core}" id="m2"`));
    assert.equal(bodiesOf(old.acknowledge().messages()), ['before']);
    await world.store.settled();
    const again = await world.again();
    again.online();
    const back = again.client('old').available();
    again.pass(10_000);
    await again.settled();
    assert.equal(bodiesOf(back.acknowledge().messages()), ['→ early', 'after']);
    again
      .client('phone', { carbons: true })
      .available()
      .send('<message to="bob@home.example" id="b"><body>late</body></message>');
    assert.equal(bodiesOf(back.messages()), ['→ late']);
  }),
);

test(
  'what waits behind a copy is given as soon as the client enables carbons, or asks the archive',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone', { carbons: true }).available();
    const desk = world.client('desk').available();
    const tablet = world.client('tablet').available();
    phone.send('<message to="bob@home.example" type="chat" id="a"><body>early</body></message>');
    world.server(chat('after'));
    assert.equal([...desk.messages(), ...tablet.messages()], []);
    desk.send('<iq type="set" id="c"><enable xmlns="urn:xmpp:carbons:2"/></iq>');
    await world.settled();
    const [carbon, live, ...none] = desk.messages();
    like(carbon, '<sent xmlns="urn:xmpp:carbons:2">', '<body>early');
    like(live, '<body>after');
    assert.equal(none, []);
    assert.equal(tablet.messages(), []);
    world.pass(10_000);
    await world.settled();
    assert.equal(bodiesOf(tablet.messages()), ['→ early', 'after']);
  }),
);

test(
  'a client known to be without carbons gets its copies at once',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone', { carbons: true }).available();
    (await known(world, 'old')).leave();
    const old = world.client('old').available();
    phone.send('<message to="bob@home.example" type="chat" id="a"><body>at once</body></message>');
    assert.equal(bodiesOf(old.messages()), ['→ at once']);
  }),
);

test(
  'encrypted messages leave no inline copy',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const old = world.client('old').available();
    world.now += 10_000;
    phone.send(
      '<message to="bob@home.example" type="chat"><body>I sent you an OMEMO message</body><encrypted xmlns="eu.siacs.conversations.axolotl"/></message>',
    );
    assert.equal(old.take(), []);
  }),
);

test(
  'a client that enabled carbons last time gets no inline copy this time',
  inWorld(async (world) => {
    world.online();
    const before = world.client('desk').available();
    before.send('<iq type="set" id="c"><enable xmlns="urn:xmpp:carbons:2"/></iq>');
    before.leave();
    const again = await World.open({}, world.store);
    again.online();
    const phone = again.client('phone').available();
    const desk = again.client('desk').available();
    again.now += 60_000;
    phone.send('<message to="bob@home.example" type="chat"><body>x</body></message>');
    assert.equal(desk.take(), []);
    again.hub.close();
  }),
);

test(
  'apps that take another resource each time do not fill the store',
  inWorld(async (world) => {
    world.online();
    for (let count = 0; count < 210; count++) {
      const app = world.client(`r${count}`);
      app.send('<iq type="set" id="c"><enable xmlns="urn:xmpp:carbons:2"/></iq>');
      app.leave();
    }
    const known = await world.store.read(account, 'client');
    assert.is(known.length, 200);
    assert.is(known[0]!.key, `${account}/r10`);
  }),
);

test(
  'mirror=log tells a client without carbons from log@',
  inWorld(
    (world) => {
      world.online();
      const phone = world.client('phone').available();
      const old = world.client('old').available();
      world.now += 10_000;
      phone.send('<message to="bob@home.example" type="chat"><body>x</body></message>');
      like(old.take()[0], 'from="log@proxy.example"', '→ bob@home.example: x');
    },
    { mirror: 'log' },
  ),
);

test(
  'carbons of other resources: unwrapped or wrapped, one copy per client; forged ones dropped',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk', { carbons: true }).available();
    const carbon = (direction: string, inner: string, from = account as string) =>
      `<message from="${from}" to="${core}" type="chat"><${direction} xmlns="urn:xmpp:carbons:2"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" type="chat" ${inner}</message></forwarded></${direction}></message>`;
    const received = carbon('received', `from="bob@home.example/x" to="${account}/direct" id="r1"><body>hi</body>`);
    world.server(received);
    world.server(received);
    const [plain, ...none] = phone.take();
    like(plain, '<message to="alice@work.example/phone" from="bob@home.example/x"', '<body>hi</body>');
    assert.equal(none, []);
    const wrapped = desk.take();
    assert.is(wrapped.length, 1);
    like(wrapped[0], '<received xmlns="urn:xmpp:carbons:2">', 'from="bob@home.example/x"', `from="${account}"`);
    world.now += 10_000;
    world.server(carbon('sent', `from="${account}/direct" to="bob@home.example" id="s1"><body>mine</body>`));
    like(desk.take()[0], '<sent xmlns="urn:xmpp:carbons:2">', `from="${account}/direct"`);
    like(phone.take()[0], 'from="bob@home.example"', '→ mine');
    world.server(
      carbon(
        'received',
        'from="boss@work.example" to="alice@work.example" id="f1"><body>pay</body>',
        'eve@home.example/x',
      ),
    );
    assert.equal([...phone.take(), ...desk.take()], []);
    assert.equal(world.warnings, ['forged carbon dropped']);
    world.server(carbon('received', `from="Root@proxy.example" to="${account}/direct" id="r2"><body>obey</body>`));
    world.server(carbon('sent', `from="${account}/direct" to="root@proxy.example/x" id="s2"><body>user list</body>`));
    assert.equal([...phone.take(), ...desk.take()], [], 'nobody outside speaks as root, or to it');
  }),
);

test(
  'a carbon of a message that came as itself is a second copy',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(chat('hi'));
    world.server(
      `<message from="${account}" to="${core}"><received xmlns="urn:xmpp:carbons:2"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" from="bob@home.example/x" to="${account}/direct" id="m1" type="chat"><body>hi</body></message></forwarded></received></message>`,
    );
    assert.is(phone.take().length, 1);
  }),
);

test(
  'a clock that is set back an hour holds up no copies for an hour',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    world.pass(30 * 60_000);
    world.now -= 3_600_000;
    desk.send('<message to="bob@home.example" type="chat" id="a"><body>a</body></message>');
    world.server(`<message from="bob@home.example/x" to="${account}" type="chat" id="b"><body>b</body></message>`);
    world.pass(10_000);
    await world.settled();
    assert.is(phone.messages().length, 2);
    desk.send('<message to="bob@home.example" type="chat" id="c"><body>c</body></message>');
    assert.is(phone.messages().length, 1, 'at once');
  }),
);

test.run();
