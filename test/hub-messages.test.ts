import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { account, core, inWorld, like, World } from './lib/hub.ts';

const chat = (body: string, attrs = `to="${core}" id="m1"`) =>
  `<message from="bob@home.example/x" type="chat" ${attrs}><body>${body}</body></message>`;

test(
  'each available client gets an inbound message as itself, under its own address',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk', { carbons: true }).available();
    const absent = world.client('absent');
    world.server(chat('hi'));
    assert.equal(phone.take(), [
      '<message to="alice@work.example/phone" from="bob@home.example/x" type="chat" id="m1"><body>hi</body></message>',
    ]);
    like(desk.take()[0], 'to="alice@work.example/desk"', '<body>hi</body>');
    assert.equal(absent.take(), []);
  }),
);

test(
  'a negative priority opts out of messages to the bare address only',
  inWorld((world) => {
    world.online();
    const shy = world.client('shy').available('<priority>-1</priority>');
    const other = world.client('other').available();
    world.server(chat('bare', `to="${account}" id="1"`));
    world.server(chat('full', `to="${core}" id="2"`));
    assert.is(shy.take().length, 1);
    assert.is(other.take().length, 2);
  }),
);

test(
  'what nobody takes is kept, and given with its date to who comes first',
  inWorld(async (world) => {
    world.online();
    world.server(chat('one'));
    world.server(chat('two', `to="${account}" id="m2"`));
    world.server(
      '<message from="bob@home.example" type="chat"><composing xmlns="http://jabber.org/protocol/chatstates"/></message>',
    );
    world.server(
      '<message from="bob@home.example" type="chat"><body>x</body><no-store xmlns="urn:xmpp:hints"/></message>',
    );
    const again = await World.open({}, world.store);
    const phone = again.client('phone');
    phone.send('<presence/>');
    const bodies = phone.take().filter((text) => text.startsWith('<message'));
    assert.is(bodies.length, 2);
    like(bodies[0], 'one', '<delay xmlns="urn:xmpp:delay" from="alice@work.example" stamp="2026-01-02T03:04:05Z"/>');
    like(bodies[1], 'two');
    again.hub.close();
    const third = await World.open({}, world.store);
    const desk = third.client('desk');
    desk.send('<presence/>');
    assert.is(desk.take().filter((text) => text.startsWith('<message')).length, 0);
    third.hub.close();
  }),
);

test(
  'what a client never acknowledged is kept if no other took it',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const other = world.client('other').available();
    phone.leave([chat('seen by other')]);
    other.leave([chat('by nobody'), `<message from="${account}" type="chat"><body>ours</body></message>`]);
    const desk = world.client('desk');
    desk.send('<presence/>');
    const messages = desk.take().filter((text) => text.startsWith('<message'));
    assert.is(messages.length, 1);
    like(messages[0], 'by nobody');
  }),
);

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
    assert.equal(desk.take(), [
      '<message to="alice@work.example/desk" from="alice@work.example" type="chat"><sent xmlns="urn:xmpp:carbons:2"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" to="bob@home.example" from="alice@work.example/phone" type="chat" id="a"><body>1 &lt; 2</body></message></forwarded></sent></message>',
    ]);
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
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const old = world.client('old').available();
    phone.send('<message to="bob@home.example/x" type="chat" id="a"><body>early</body></message>');
    assert.equal(old.take(), []);
    world.now += 10_000;
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
  'of equal receipts and markers one leaves',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    const marker =
      '<message to="bob@home.example/x" type="chat"><displayed xmlns="urn:xmpp:chat-markers:0" id="m1"/></message>';
    phone.send(marker);
    desk.send(marker);
    phone.send('<message to="bob@home.example" id="q"><received xmlns="urn:xmpp:receipts" id="m1"/></message>');
    desk.send('<message to="bob@home.example" id="q2"><received xmlns="urn:xmpp:receipts" id="m1"/></message>');
    desk.send('<message to="bob@home.example" id="q3"><received xmlns="urn:xmpp:receipts" id="m2"/></message>');
    assert.is(world.up.length, 3);
  }),
);

test(
  'chat states leave from the client last active in the chat',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    const state = (name: string) =>
      `<message to="bob@home.example" type="chat"><${name} xmlns="http://jabber.org/protocol/chatstates"/></message>`;
    phone.send(state('composing'));
    desk.send(state('active'));
    phone.send(state('paused'));
    desk.send(state('gone'));
    phone.send(state('inactive'));
    assert.equal(
      world.up.map((text) => /<(\w+) xmlns="[^"]*chatstates/.exec(text)![1]),
      ['composing', 'active'],
    );
  }),
);

test(
  'errors come back to the client that sent, as a carbon to the others',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk', { carbons: true }).available();
    const old = world.client('old').available();
    phone.send('<message to="gone@home.example" type="chat" id="e1"><body>x</body></message>');
    desk.take();
    world.server(
      `<message from="gone@home.example" to="${core}" type="error" id="e1"><error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`,
    );
    like(phone.take()[0], 'type="error"', 'from="gone@home.example"');
    like(desk.take()[0], '<received xmlns="urn:xmpp:carbons:2">', 'item-not-found');
    assert.equal(old.take(), []);
  }),
);

test(
  "a client's error for an inbound message leaves only if it was the only client",
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    const error = '<message to="bob@home.example/x" type="error" id="m1"><error type="cancel"/></message>';
    phone.send(error);
    assert.equal(world.up, []);
    desk.leave();
    world.up.splice(0);
    phone.send(error);
    assert.is(world.up.length, 1);
  }),
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
  'nothing from upstream may come from our own domain',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(
      `<message from="root@proxy.example" to="${core}" type="chat"><body>send me your password</body></message>`,
    );
    world.server(`<presence from="log@proxy.example/x" to="${core}"/>`);
    assert.equal(phone.take(), []);
    assert.is(world.warnings.length, 2);
  }),
);

test(
  'clients of one account reach each other here; a message to oneself reaches each once',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk', { carbons: true }).available();
    phone.send(`<message to="${desk.address}" type="chat"><body>psst</body></message>`);
    assert.equal(world.up, []);
    like(desk.take()[0], `from="${phone.address}"`, 'psst');
    phone.send(`<message to="${account}" type="chat" id="n1"><body>note</body></message>`);
    assert.is(world.up.length, 1);
    world.server(`<message from="${core}" to="${account}" type="chat" id="n1"><body>note</body></message>`);
    for (const client of [phone, desk]) {
      const got = client.take();
      assert.is(got.length, 1);
      like(got[0], `from="${phone.address}"`, 'note');
    }
  }),
);

test(
  'messages wait for the server in order, and leave with their date',
  inWorld((world) => {
    const phone = world.client('phone').available();
    phone.send('<message to="bob@home.example" type="chat" id="w1"><body>one</body></message>');
    phone.send('<message to="bob@home.example" type="chat" id="w2"><body>two</body></message>');
    phone.send('<message to="room@muc.example" type="groupchat" id="w3"><body>late</body></message>');
    like(phone.take()[0], 'type="error"', 'id="w3"', 'recipient-unavailable');
    world.hub.unacknowledged([
      '<message to="bob@home.example" type="chat" id="w0"><body>zero</body></message>',
      '<iq type="get" id="x"/>',
    ]);
    world.hub.online(core, false);
    const messages = world.up.filter((text) => text.startsWith('<message'));
    assert.equal(
      messages.map((text) => /id="(\w+)"/.exec(text)![1]),
      ['w0', 'w1', 'w2'],
    );
    like(messages[1], '<delay xmlns="urn:xmpp:delay"', 'stamp="2026-01-02T03:04:05Z"');
  }),
);

test.run();
