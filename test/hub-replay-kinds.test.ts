/** How a client gets what it missed: as it would have got it then. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stanzaIdOf } from '../src/hub/place.ts';
import { NS } from '../src/wire/ns.ts';
import { bodiesOf, known } from './lib/archived.ts';
import { account, core, inWorld, like } from './lib/hub.ts';
import { enter, joining, room } from './lib/room.ts';

test(
  'what other clients sent comes as a sent carbon with its date, or as a copy; what it sent itself does not',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world, 'phone', { carbons: true });
    const old = await known(world, 'old');
    phone.acknowledge();
    old.send('<message to="bob@home.example" type="chat" id="s0"><body>mine</body></message>');
    phone.leave();
    const at = world.now;
    const desk = world.client('desk').available();
    desk.send('<message to="bob@home.example" type="chat" id="s1"><body>from desk</body></message>');
    desk.send(
      `<message to="bob@home.example" type="chat" id="s2"><body>private</body><private xmlns="${NS.carbons}"/></message>`,
    );
    old.acknowledge().leave();
    world.now += 60_000;
    desk.send('<message to="bob@home.example" type="chat" id="s3"><body>later</body></message>');
    const back = world.client('phone', { carbons: true }).available();
    const older = world.client('old').available();
    await world.settled();
    const got = back.messages();
    assert.equal(bodiesOf(got), ['mine', 'from desk', 'later']);
    const stamp = new Date(at).toISOString().replace('.000', '');
    const place = /by="alice@work.example" id="(x[^"]+)"/.exec(got[1]!)![1];
    like(
      got[1],
      `<sent xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}"><delay xmlns="${NS.delay}" from="${account}" stamp="${stamp}"/>` +
        `<message xmlns="jabber:client" to="bob@home.example" from="${desk.address}" type="chat" id="s1"><body>from desk</body>`,
    );
    const copies = older.messages();
    assert.equal(bodiesOf(copies), ['→ later']);
    like(copies[0], `<delay xmlns="${NS.delay}"`, 'from="bob@home.example"');
    assert.is(back.place, Math.max(back.place, older.place));
    assert.ok(place !== stanzaIdOf(back.place));
  }),
);

test(
  'a client that enabled carbons last time has ten seconds to do so before it is given what it missed',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world, 'phone', { carbons: true });
    const desk = await known(world, 'desk');
    phone.acknowledge().leave();
    desk.send('<message to="bob@home.example" type="chat" id="s1"><body>mine</body></message>');
    const back = world.client('phone').available();
    await world.settled();
    assert.equal(back.messages(), []);
    back.send(`<iq type="set" id="c"><enable xmlns="${NS.carbons}"/></iq>`);
    await world.settled();
    like(back.messages()[0], `<sent xmlns="${NS.carbons}">`, 'mine');
  }),
);

test(
  'what another resource received comes as it would have come then',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world, 'phone', { carbons: true });
    const old = await known(world, 'old');
    phone.acknowledge().leave();
    old.leave();
    world.server(
      `<message from="${account}" to="${core}"><received xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}"><message xmlns="jabber:client" from="bob@home.example/x" to="${account}/direct" type="chat" id="r1"><body>there</body></message></forwarded></received></message>`,
    );
    const back = world.client('phone', { carbons: true }).available();
    const older = world.client('old').available();
    await world.settled();
    like(back.messages()[0], `<received xmlns="${NS.carbons}">`, '<delay ', `to="${account}/direct"`);
    like(older.messages()[0], `to="${account}/old" from="bob@home.example/x"`, '<delay ');
  }),
);

test(
  'between clients of the account a message goes to the one that it was sent to, be it later',
  inWorld(async (world) => {
    world.online();
    const desk = await known(world, 'desk');
    const phone = await known(world);
    desk.acknowledge();
    phone.send(`<message to="${desk.address}" type="chat" id="l1"><body>lost</body></message>`);
    desk.leave();
    phone.leave();
    const back = world.client('desk').available();
    const other = world.client('phone').available();
    await world.settled();
    const [got] = back.messages();
    like(got, 'lost', `from="${account}/phone"`, '<delay ');
    assert.equal(other.messages(), []);
  }),
);

test(
  'private messages of a room’s occupants are for the clients that were in the room',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world);
    const desk = await known(world, 'desk');
    phone.acknowledge();
    enter(world, phone);
    const psst = (body: string) =>
      `<message from="${room}/bob" to="${core}" type="chat" id="${body}"><body>${body}</body></message>`;
    world.server(psst('heard by nobody')); // the phone's socket is dead
    phone.leave();
    world.server(psst('waits'));
    desk.leave();
    const back = world.client('phone').available();
    const other = world.client('desk').available();
    await world.settled();
    assert.equal(bodiesOf(other.messages()), []);
    assert.equal(bodiesOf(back.messages()), ['heard by nobody']);
    back.send(joining('alice'));
    const got = back.messages().filter((text) => text.includes('type="chat"'));
    assert.equal(bodiesOf(got), ['waits']);
    back.acknowledge().leave();
    const third = world.client('phone').available();
    await world.settled();
    assert.equal(third.messages(), []);
  }),
);

test.run();
