/** Pings, requests, status and markers in rooms: what stays here and what passes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { core, inWorld, like } from './lib/hub.ts';
import { cast, inShort, joining, leaving, room } from './lib/room.ts';

test(
  'other words of the room itself are for those that are in',
  inWorld((world) => {
    const { phone, desk, pad } = cast(world);
    world.server(
      `<message from="${room}" to="${core}" id="v"><x xmlns="${NS.data}" type="form"><field var="FORM_TYPE" type="hidden"><value>http://jabber.org/protocol/muc#request</value></field></x></message>`,
    );
    world.server(
      `<message from="${room}" to="${core}" type="groupchat"><x xmlns="${NS.mucUser}"><status code="172"/></x></message>`,
    );
    assert.is(phone.take().length, 2);
    assert.is(desk.take().length, 2);
    assert.equal(pad.take(), []);
    pad.send(joining('alice'));
    assert.equal(inShort(pad.take()), ['bob', 'carol', 'alice 110 100', 'subject Cauldron'], 'who enters is warned');
    world.server(
      `<message from="${room}" to="${core}" type="groupchat"><x xmlns="${NS.mucUser}"><status code="173"/></x></message>`,
    );
    pad.take();
    pad.send(joining('alice'));
    assert.is(inShort(pad.take())[2], 'alice 110');
  }),
);

test(
  'of equal markers of several clients one leaves; two occupants are two peers',
  inWorld((world) => {
    const { phone, desk } = cast(world);
    const displayed = (to: string, type: string) =>
      `<message to="${to}" type="${type}" id="d"><displayed xmlns="${NS.markers}" id="m1"/></message>`;
    for (const client of [phone, desk]) client.send(displayed(room, 'groupchat'));
    assert.is(world.up.length, 1);
    phone.send(displayed(`${room}/bob`, 'chat'));
    desk.send(displayed(`${room}/bob`, 'chat'));
    phone.send(displayed(`${room}/carol`, 'chat'));
    assert.is(world.up.length, 3);
  }),
);

test(
  'a ping to the own nick (XEP-0410) is answered here, for each client as things stand for it',
  inWorld((world) => {
    const { phone, desk, pad } = cast(world);
    const ping = (nick: string) => `<iq type="get" id="p" to="${room}/${nick}"><ping xmlns="${NS.ping}"/></iq>`;
    for (const client of [phone, desk, pad]) client.send(ping('alice'));
    for (const client of [phone, desk]) {
      const [pong] = client.take();
      like(pong, 'type="result"', `from="${room}/alice"`, 'id="p"');
    }
    assert.equal(inShort(pad.take()), ['iq error']);
    assert.equal(world.up, []);
    phone.send(ping('bob'));
    assert.is(world.up.length, 1, 'to another occupant it is a ping as any');
    phone.send(leaving('alice'));
    phone.take();
    phone.send(ping('alice'));
    like(phone.take()[0], 'type="error"', '<not-acceptable');
    assert.is(world.up.length, 1);
  }),
);

test(
  'requests to the room and its occupants pass, in and out',
  inWorld((world) => {
    const { phone, pad } = cast(world);
    const admin = `<query xmlns="http://jabber.org/protocol/muc#admin"><item nick="bob" role="none"/></query>`;
    phone.send(`<iq type="set" id="a" to="${room}">${admin}</iq>`);
    pad.send(`<iq type="get" id="b" to="${room}/bob"><vCard xmlns="vcard-temp"/></iq>`);
    like(world.up[0], `to="${room}"`, admin);
    world.answer(/muc#admin/, '');
    world.answer(/vcard-temp/, '<vCard xmlns="vcard-temp"/>');
    like(phone.take()[0], 'id="a"', 'type="result"');
    like(pad.take()[0], 'id="b"', '<vCard');
    phone.send(`<iq type="set" id="m" to="${room}"><query xmlns="${NS.mam}" queryid="x"/></iq>`);
    const queryid = /queryid="([\w-]+)"/.exec(world.up.at(-1)!)![1];
    world.server(
      `<message from="${room}" to="${core}"><result xmlns="${NS.mam}" queryid="${queryid}" id="1"><forwarded xmlns="${NS.forward}"><message xmlns="${NS.client}" from="${room}/bob" type="groupchat"><body>old</body></message></forwarded></result></message>`,
    );
    like(phone.take()[0], 'queryid="x"', 'old');
    assert.equal(pad.take(), []);
  }),
);

test(
  "the room sees the account's one presence (§7.7), not each client's",
  inWorld((world) => {
    const { phone, desk, pad } = cast(world);
    pad.leave();
    const toRoom = () => world.up.splice(0).filter((text) => text.includes(room));
    const away = '<show>away</show><status>lunch</status>';
    phone.send(`<presence>${away}</presence>`);
    phone.send(`<presence to="${room}/alice">${away}</presence>`);
    assert.equal(toRoom(), [], 'desk is there');
    desk.send(`<presence>${away}</presence>`);
    const seen = toRoom();
    assert.is(seen.length, 1);
    like(seen[0], `<presence to="${room}/alice"`, away, 'node="urn:xmpproxy"');
    assert.not.ok(seen[0]!.includes('priority'));
    desk.send(`<presence to="${room}/alice">${away}</presence>`);
    assert.equal(toRoom(), [], 'it has that already');
    world.now += 1;
    desk.send('<presence/>');
    assert.is(toRoom().length, 1);
    desk.send(`<presence to="${room}/alice"><status>only here</status></presence>`);
    like(toRoom()[0], 'only here');
    phone.send(`<presence>${away}<priority>1</priority></presence>`);
    assert.equal(toRoom(), [], 'what is seen of the account has not changed');
    phone.send(`<presence to="${room}/alice"><status>nor me</status></presence>`);
    assert.equal(toRoom(), [], 'the account does not speak by that client');
    phone.leave();
    desk.leave();
    like(toRoom().at(-1), '<show>away</show><status>away from the keyboard</status>');
  }),
);

test.run();
