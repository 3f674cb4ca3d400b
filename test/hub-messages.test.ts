import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { account, core, inWorld, like } from './lib/hub.ts';

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
    const [one, ...more] = phone.take();
    assert.equal(more, []);
    const id = /<stanza-id xmlns="urn:xmpp:sid:0" by="alice@work.example" id="x[0-9a-z]+"\/>/.exec(one!)?.[0];
    assert.is(
      one,
      `<message to="alice@work.example/phone" from="bob@home.example/x" type="chat" id="m1"><body>hi</body>${id}</message>`,
    );
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
    world.archived();
    const messages = world.up.filter((text) => text.startsWith('<message'));
    assert.equal(
      messages.map((text) => /id="(\w+)"/.exec(text)![1]),
      ['w0', 'w1', 'w2'],
    );
    like(messages[1], '<delay xmlns="urn:xmpp:delay"', 'stamp="2026-01-02T03:04:05Z"');
  }),
);

test.run();
