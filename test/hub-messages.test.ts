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
  'what came for a client that never answered again goes to the one that came since, with its date',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const lost = chat('into the tunnel', `to="${core}" id="t1"`);
    world.server(lost);
    world.now += 60_000;
    const desk = world.client('desk').available();
    const seen = chat('seen', `to="${core}" id="t2"`);
    world.server(seen);
    desk.take();
    world.now += 240_000;
    phone.leave([lost, seen]);
    const messages = desk.take().filter((text) => text.startsWith('<message'));
    assert.is(messages.length, 1);
    like(messages[0], 'into the tunnel', '<delay ', 'stamp="2026-01-02T03:04:05Z"');
  }),
);

test(
  'what waits is not given to a client that is attached again only to end',
  inWorld(async (world) => {
    world.online();
    world.server(chat('kept'));
    const again = await world.again();
    again.client('phone', { presence: '<presence/>' }).leave();
    const desk = again.client('desk', { presence: '<presence/>' });
    await Promise.resolve();
    const got = desk.take().filter((text) => text.startsWith('<message'));
    assert.is(got.length, 1);
    like(got[0], 'kept', '<delay ');
  }),
);

test(
  'an inline copy of an own message is not kept as if it were the contact’s',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    world.now += 60_000;
    phone.send('<message to="bob@home.example" type="chat" id="o1"><body>mine</body></message>');
    const [copy] = desk.take();
    like(copy, '→ mine');
    phone.leave();
    desk.leave([copy!]);
    const third = world.client('third');
    third.send('<presence/>');
    assert.equal(
      third.take().filter((text) => text.startsWith('<message')),
      [],
    );
  }),
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
    world.online();
    const phone = world.client('phone').available();
    const composing =
      '<message to="bob@home.example" type="chat" id="c"><composing xmlns="http://jabber.org/protocol/chatstates"/></message>';
    phone.send(composing); // nobody is to hear of that later
    phone.send('<message to="bob@home.example" type="chat" id="w0"><body>zero</body></message>');
    world.up.splice(0);
    world.hub.offline();
    phone.send('<message to="bob@home.example" type="chat" id="w1"><body>one</body></message>');
    phone.send('<message to="bob@home.example" type="chat" id="w2"><body>two</body></message>');
    phone.send('<message to="room@muc.example" type="groupchat" id="w3"><body>late</body></message>');
    like(phone.take()[0], 'type="error"', 'id="w3"', 'recipient-unavailable');
    phone.send(composing);
    world.hub.unacknowledged([composing, '<iq type="get" id="x"/>']);
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
