/** What is said in rooms (XEP-0045 §7.4, §7.5, §7.8): who hears it, who may say it, and what comes back. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { account, core, inWorld, like } from './lib/hub.ts';
import { admits, cast, inShort, joining, occupant, room, said } from './lib/room.ts';

const groupchat = (body: string, id = body): string =>
  `<message to="${room}" type="groupchat" id="${id}"><body>${body}</body></message>`;
const whisper = (nick: string, body: string, inside = `<x xmlns="${NS.mucUser}"/>`): string =>
  `<message from="${room}/${nick}" to="${core}" type="chat" id="${body}"><body>${body}</body>${inside}</message>`;
const failure = (condition: string, id: string, from = room): string =>
  `<message from="${from}" to="${core}" type="error" id="${id}"><error type="cancel"><${condition} xmlns="${NS.stanzas}"/></error></message>`;

test(
  'what is said in the room is heard by every client in it, with the id of who said it',
  inWorld((world) => {
    const { phone, desk, pad } = cast(world);
    phone.send(groupchat('hello', 'mine'));
    assert.equal(world.up, [`<message to="${room}" type="groupchat" id="mine"><body>hello</body></message>`]);
    assert.equal([...phone.take(), ...desk.take()], []);
    world.server(said('alice', 'hello', { id: 'mine', sid: 's1' }));
    for (const client of [phone, desk]) {
      const came = client.take();
      assert.is(came.length, 1);
      like(came[0], `to="${client.address}"`, `from="${room}/alice"`, 'id="mine"', 'id="s1"');
    }
    assert.equal(pad.take(), []);
  }),
);

test(
  'a private message is for the clients in the room, as itself and never as a carbon',
  inWorld((world) => {
    const { phone, desk, pad } = cast(world);
    const reader = world.client('reader', { carbons: true }).available();
    world.server(whisper('bob', 'psst'));
    for (const client of [phone, desk]) {
      const came = client.take();
      assert.is(came.length, 1);
      like(came[0], `<message to="${client.address}" from="${room}/bob" type="chat"`, 'psst');
    }
    assert.equal([...pad.take(), ...reader.take()], []);
    const inner = `<message xmlns="${NS.client}" from="${room}/bob" to="${account}/elsewhere" type="chat" id="c"><body>copy</body></message>`;
    world.server(
      `<message from="${account}" to="${core}" type="chat"><received xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}">${inner}</forwarded></received></message>`,
    );
    for (const client of [phone, desk, pad, reader]) assert.equal(client.take(), []);
  }),
);

test(
  'private messages that no client was in the room for wait for the first that is, also over a restart',
  inWorld(async (world) => {
    const { phone, desk, pad } = cast(world);
    phone.leave();
    desk.leave();
    world.server(whisper('bob', 'psst'));
    world.server(
      `<message from="${room}/bob" to="${core}" type="chat"><composing xmlns="${NS.chatStates}"/><x xmlns="${NS.mucUser}"/></message>`,
    );
    assert.not.ok(pad.take().some((text) => text.includes(room)));
    const again = await world.again();
    again.online();
    const late = again.client('late').available();
    late.send(joining('alice'));
    again.server(occupant('alice', { codes: [110] }));
    again.server(`<message from="${room}" to="${core}" type="groupchat"><subject/></message>`);
    const came = late.take();
    assert.equal(inShort(came), ['alice 110', 'subject', 'bob: psst']);
    like(came.at(-1), `<delay xmlns="${NS.delay}" from="${account}"`);
    late.send(joining('alice'));
    assert.equal(inShort(late.take()), ['alice 110', 'subject'], 'once');
  }),
);

test(
  'strangers cannot make us keep without end: the last 50 private messages, and not too many characters',
  inWorld((world) => {
    const { phone, desk, pad } = cast(world);
    phone.leave();
    desk.leave();
    for (let number = 0; number < 60; number++) world.server(whisper('bob', `w${number}`));
    pad.take();
    pad.send(joining('alice'));
    const told = inShort(pad.take()).filter((text) => text.startsWith('bob: w'));
    assert.equal([told.length, told[0]], [50, 'bob: w10']);
    pad.send('<presence type="unavailable"/>');
    for (const body of ['x', 'y']) world.server(whisper('bob', body.repeat(100_000)));
    pad.take();
    pad.send(joining('alice'));
    assert.is(inShort(pad.take()).filter((text) => /^bob: [xy]/.test(text)).length, 1);
  }),
);

test(
  'a private message that a client sends is copied to the clients in that room, and to no others',
  inWorld((world) => {
    const { phone, desk, pad } = cast(world);
    const [reader, outside] = [world.client('reader'), world.client('outside', { carbons: true }).available()];
    reader.available();
    reader.send(`<iq type="set" id="c"><enable xmlns="${NS.carbons}"/></iq>`);
    reader.send(joining('alice'));
    reader.take();
    world.now += 10_000;
    phone.send(`<message to="${room}/bob" type="chat" id="w"><body>psst</body></message>`);
    assert.equal(world.up, [`<message to="${room}/bob" type="chat" id="w"><body>psst</body></message>`]);
    const [carbon] = reader.take();
    like(carbon, `<sent xmlns="${NS.carbons}">`, `to="${room}/bob"`, `from="${phone.address}"`);
    like(carbon, `<x xmlns="${NS.mucUser}"/>`);
    const [copy] = desk.take();
    like(copy, `from="${room}/bob"`, '<body>→ psst</body>');
    assert.equal([...pad.take(), ...outside.take(), ...phone.take()], []);
    phone.send(`<message to="${room}/bob" type="chat" id="v"><body>two</body><x xmlns="${NS.mucUser}"/></message>`);
    assert.is(reader.take().length, 1, 'marked as private by its sender');
    phone.send(
      `<message to="${room}/bob" type="chat" id="u"><body>three</body><private xmlns="${NS.carbons}"/></message>`,
    );
    assert.equal(reader.take(), []);
  }),
);

test(
  'who is not in the room cannot speak in it, nor can anybody while we are out of it',
  inWorld((world) => {
    const { phone, pad } = cast(world);
    pad.send(groupchat('hello'));
    pad.send(`<message to="${room}/bob" type="chat" id="p"><body>psst</body></message>`);
    assert.equal(inShort(pad.take()), ['error not-acceptable', 'error not-acceptable']);
    pad.send(`<message to="${room}" id="d"><x xmlns="${NS.mucUser}"><decline to="bob@home.example"/></x></message>`);
    assert.is(world.up.length, 1, 'an answer to an invitation needs nobody to be in');
    world.hub.online(core, false);
    world.up.splice(0);
    phone.send(groupchat('too early'));
    assert.equal(inShort(phone.take()), ['error recipient-unavailable']);
    assert.equal(world.up, []);
  }),
);

test(
  'an error goes to the client whose message it is about, and to no other',
  inWorld((world) => {
    const { phone } = cast(world);
    const reader = world.client('reader', { carbons: true }).available();
    reader.send(joining('alice'));
    reader.take();
    phone.send(groupchat('hello'));
    world.server(failure('forbidden', 'hello'));
    assert.equal(inShort(phone.take()), ['error forbidden']);
    assert.equal(reader.take(), []);
    assert.is(world.up.length, 1);
  }),
);

test(
  'an error that says that we are not in: we enter again, once',
  inWorld((world) => {
    const { phone, desk } = cast(world);
    phone.send(groupchat('one'));
    phone.send(`<message to="${room}/bob" type="chat" id="two"><body>two</body></message>`);
    world.up.splice(0);
    world.server(failure('not-acceptable', 'two', `${room}/bob`));
    assert.equal(world.up, [], 'a private message may be refused for other reasons');
    world.server(failure('not-acceptable', 'one'));
    assert.equal(inShort(phone.take()), ['error not-acceptable', 'error not-acceptable']);
    assert.is(world.up.length, 1);
    like(world.up[0], `<presence to="${room}/alice"`, `<x xmlns="${NS.muc}"><history since="2026-`);
    admits(world, 'alice');
    assert.equal([...phone.take(), ...desk.take()], [], 'nothing has changed for them');
    world.up.splice(0);
    world.server(failure('not-acceptable', 'one'));
    assert.equal(world.up, [], 'not again at once');
    world.now += 60_000;
    world.server(failure('not-acceptable', 'one'));
    assert.is(world.up.length, 1);
  }),
);

const invitations = {
  mediated: `<message from="${room}" to="${account}" id="i"><x xmlns="${NS.mucUser}"><invite from="bob@home.example/x"><reason>Hey</reason></invite></x></message>`,
  direct: `<message from="bob@home.example/x" to="${account}" id="i"><x xmlns="${NS.conference}" jid="${room}"/></message>`,
};
for (const [kind, invitation] of Object.entries(invitations)) {
  test(
    `a ${kind} invitation is for every available client, in the room or not`,
    inWorld((world) => {
      const { phone, pad } = cast(world);
      world.server(invitation);
      for (const client of [phone, pad]) {
        const came = client.take();
        assert.is(came.length, 1);
        like(came[0], kind === 'mediated' ? '<invite from="bob@home.example/x">' : `jid="${room}"`);
      }
    }),
  );
  test(
    `a ${kind} invitation waits while no client is available`,
    inWorld(async (world) => {
      world.online();
      world.server(invitation);
      const phone = world.client('phone').available();
      world.pass(10_000);
      await world.settled();
      assert.is(phone.take().filter((text) => text.includes(room)).length, 1);
    }),
  );
}

test.run();
