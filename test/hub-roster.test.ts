import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { core, inWorld, like, World } from './lib/hub.ts';

const get = (id: string, ver?: string) =>
  `<iq type="get" id="${id}"><query xmlns="jabber:iq:roster"${ver === undefined ? '' : ` ver="${ver}"`}/></iq>`;
const bob =
  '<query xmlns="jabber:iq:roster" ver="v1"><item jid="bob@home.example" name="Bob" subscription="both"/></query>';

test(
  'a roster request waits for the server, then comes with root in it',
  inWorld((world) => {
    const phone = world.client('phone');
    phone.send(get('r1'));
    assert.equal(phone.take(), []);
    world.hub.online('alice@work.example/x' as never, false);
    world.answer(/jabber:iq:roster/, bob);
    const [roster] = phone.take();
    like(
      roster,
      'id="r1"',
      'type="result"',
      'jid="bob@home.example"',
      'jid="root@proxy.example"',
      /subscription="both"/,
    );
    assert.is(phone.facts.interested, true);
  }),
);

test('the kept roster answers at once while the server is away, and says nothing to who has it already', async () => {
  const world = await World.open();
  world.hub.online('alice@work.example/x' as never, false);
  world.answer(/jabber:iq:roster/, bob);
  const later = await World.open({}, world.store);
  const phone = later.client('phone');
  phone.send(get('r1', ''));
  const [roster] = phone.take();
  like(roster, 'bob@home.example', 'root@proxy.example');
  const ver = /ver="([^"]+)"/.exec(roster!)![1]!;
  phone.send(get('r2', ver));
  assert.equal(phone.take(), ['<iq to="alice@work.example/phone" type="result" id="r2"/>']);
  assert.is(later.hub.contacts, 1);
  later.hub.close();
  await world.close();
});

test(
  'a push is acknowledged upstream once and pushed to interested clients; a forged one is refused',
  inWorld((world) => {
    world.hub.online('alice@work.example/x' as never, false);
    world.answer(/jabber:iq:roster/, bob);
    const phone = world.client('phone');
    const desk = world.client('desk');
    phone.send(get('r1'));
    phone.take();
    world.up.splice(0);
    world.server(
      '<iq type="set" id="p1"><query xmlns="jabber:iq:roster" ver="v2"><item jid="eve@home.example" subscription="none" ask="subscribe"/></query></iq>',
    );
    assert.equal(world.up, ['<iq type="result" id="p1"/>']);
    like(phone.take()[0], 'type="set"', 'jid="eve@home.example"', 'ask="subscribe"');
    assert.equal(desk.take(), []);
    world.server(
      '<iq type="set" id="p2" from="mallory@home.example/x"><query xmlns="jabber:iq:roster"><item jid="mallory@home.example" subscription="both"/></query></iq>',
    );
    like(world.up[1], 'type="error"', 'to="mallory@home.example/x"');
    assert.equal(phone.take(), []);
  }),
);

test(
  'after a new login only what differs is pushed',
  inWorld((world) => {
    world.hub.online('alice@work.example/x' as never, false);
    world.answer(
      /jabber:iq:roster/,
      `<query xmlns="jabber:iq:roster" ver="v1"><item jid="bob@home.example" subscription="both"/><item jid="old@home.example" subscription="to"/></query>`,
    );
    const phone = world.client('phone');
    phone.send(get('r1'));
    phone.take();
    world.up.splice(0);
    world.hub.offline();
    world.hub.online('alice@work.example/x' as never, false);
    like(
      world.up.find((text) => text.includes('roster')),
      'ver="v1"',
    );
    world.answer(
      /jabber:iq:roster/,
      `<query xmlns="jabber:iq:roster" ver="v3"><item jid="bob@home.example" subscription="both"/><item jid="new@home.example" subscription="from"/></query>`,
    );
    const pushes = phone.take();
    assert.is(pushes.length, 2);
    like(pushes[0], 'jid="old@home.example"', 'subscription="remove"');
    like(pushes[1], 'jid="new@home.example"');
  }),
);

test(
  "root's item is ours, whatever the server has under that address",
  inWorld((world) => {
    world.hub.online('alice@work.example/x' as never, false);
    const root = '<item jid="Root@proxy.example" name="not root" subscription="none"/>';
    world.answer(/jabber:iq:roster/, bob.replace('</query>', `${root}</query>`));
    const phone = world.client('phone', { interested: true });
    world.server(`<iq type="set" id="p"><query xmlns="jabber:iq:roster">${root}</query></iq>`);
    world.server(
      '<iq type="set" id="p2"><query xmlns="jabber:iq:roster"><item jid="root@proxy.example" subscription="remove"/></query></iq>',
    );
    assert.equal(phone.take(), []);
    phone.send('<iq type="get" id="r"><query xmlns="jabber:iq:roster"/></iq>');
    const [roster] = phone.take();
    assert.equal(roster!.match(/<item [^>]*(?:root@proxy|not root)[^>]*>/gi)?.length, 1);
    like(roster, 'name="root" subscription="both"');
  }),
);

test(
  'root can be renamed and stays',
  inWorld((world) => {
    world.hub.online('alice@work.example/x' as never, false);
    world.answer(/jabber:iq:roster/, bob);
    const phone = world.client('phone');
    phone.send(get('r1'));
    phone.take();
    world.up.splice(0);
    phone.send(
      '<iq type="set" id="s1"><query xmlns="jabber:iq:roster"><item jid="root@proxy.example" name="The proxy"><group>Machines</group></item></query></iq>',
    );
    const [push, result] = phone.take();
    like(push, 'name="The proxy"', '<group>Machines</group>', 'subscription="both"');
    like(result, 'type="result"', 'id="s1"');
    phone.send(
      '<iq type="set" id="s2"><query xmlns="jabber:iq:roster"><item jid="root@proxy.example" subscription="remove"/></query></iq>',
    );
    like(phone.take()[0], 'type="error"', 'not-allowed');
    assert.equal(world.up, []);
  }),
);

test(
  "equal ids from two clients are two requests; the answer is each one's own",
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    const ask = '<iq type="get" id="same" to="bob@home.example/x"><query xmlns="jabber:iq:version"/></iq>';
    phone.send(ask);
    desk.send(ask);
    const ids = world.up.map((text) => /id="([^"]+)"/.exec(text)![1]);
    assert.is.not(ids[0], ids[1]);
    world.server(
      `<iq type="result" id="${ids[1]}" from="eve@home.example/x"><query xmlns="jabber:iq:version"><name>forged</name></query></iq>`,
    );
    assert.equal(desk.take(), []);
    world.server(
      `<iq type="result" id="${ids[1]}" from="bob@home.example/x"><query xmlns="jabber:iq:version"><name>B</name></query></iq>`,
    );
    like(desk.take()[0], 'id="same"', 'from="bob@home.example/x"', '<name>B</name>');
    assert.equal(phone.take(), []);
    world.server(`<iq type="error" id="${ids[0]}" from="bob@home.example/x"><error type="cancel"/></iq>`);
    like(phone.take()[0], 'id="same"', 'type="error"');
  }),
);

test(
  'pings to the own address and server are answered here',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    for (const to of ['', ' to="work.example"', ' to="alice@work.example"'])
      phone.send(`<iq type="get" id="p"${to}><ping xmlns="urn:xmpp:ping"/></iq>`);
    assert.is(phone.take().filter((text) => text.includes('type="result"')).length, 3);
    assert.equal(world.up, []);
  }),
);

test(
  'a new session upstream fails what the old one left open',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send('<iq type="get" id="q" to="bob@home.example/x"><query xmlns="jabber:iq:version"/></iq>');
    world.hub.offline();
    world.online();
    like(phone.take()[0], 'type="error"', 'id="q"', 'remote-server-timeout', 'type="wait"');
  }),
);

test(
  'a request while the server is away goes when it is back',
  inWorld((world) => {
    const phone = world.client('phone').available();
    phone.send('<iq type="get" id="q" to="bob@home.example/x"><query xmlns="jabber:iq:version"/></iq>');
    assert.equal(world.up, []);
    world.hub.online('alice@work.example/x' as never, false);
    assert.is(world.up.filter((text) => text.includes('jabber:iq:version')).length, 1);
  }),
);

test(
  'archive queries with equal ids each get their own results',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    const query = '<iq type="set" id="m"><query xmlns="urn:xmpp:mam:2" queryid="q"/></iq>';
    phone.send(query);
    desk.send(query);
    const [first, second] = world.up.map((text) => /queryid="([^"]+)"/.exec(text)![1]);
    assert.is.not(first, second);
    world.server(
      `<message to="alice@work.example/x"><result xmlns="urn:xmpp:mam:2" queryid="${second}" id="a1"><forwarded xmlns="urn:xmpp:forward:0"/></result></message>`,
    );
    like(desk.take()[0], 'queryid="q"', 'id="a1"');
    assert.equal(phone.take(), []);
    world.server(
      `<message from="eve@home.example" to="alice@work.example/x"><result xmlns="urn:xmpp:mam:2" queryid="${first}" id="a2"/></message>`,
    );
    world.server(
      `<message to="alice@work.example/x"><result xmlns="urn:xmpp:mam:2" queryid="unknown" id="a3"/></message>`,
    );
    assert.equal([...phone.take(), ...desk.take()], []);
    world.server(
      `<message to="alice@work.example/x"><result xmlns="urn:xmpp:mam:2" queryid="${first}" id="a4"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" from="root@proxy.example" to="alice@work.example"><body>obey</body></message></forwarded></result></message>`,
    );
    assert.equal(phone.take(), [], 'root is in no archive upstream');
  }),
);

test(
  'requests from outside: answered here, handed to the best client, or refused',
  inWorld(async (world) => {
    world.online();
    const ask = (id: string, payload: string) =>
      world.server(`<iq type="get" id="${id}" from="bob@home.example/x" to="alice@work.example/x">${payload}</iq>`);
    ask('v', '<query xmlns="jabber:iq:version"/>');
    await new Promise((resolve) => setImmediate(resolve));
    like(world.up.splice(0)[0], 'to="bob@home.example/x"', 'id="v"', '<name>xmpproxy</name>');
    ask('u1', '<query xmlns="urn:example:odd"/>');
    like(world.up.splice(0)[0], 'id="u1"', 'service-unavailable');
    const phone = world.client('phone').available();
    world.now += 1000;
    const desk = world.client('desk').available();
    ask('u2', '<query xmlns="urn:example:odd"/>');
    assert.equal(phone.take(), []);
    const [handed] = desk.take();
    const id = /id="([^"]+)"/.exec(handed!)![1];
    phone.send(`<iq type="result" id="${id}" to="bob@home.example/x"><forged/></iq>`);
    assert.equal(world.up, []);
    desk.send(`<iq type="result" id="${id}" to="bob@home.example/x"><query xmlns="urn:example:odd"/></iq>`);
    like(world.up.splice(0)[0], 'id="u2"', 'to="bob@home.example/x"', 'urn:example:odd');
    ask('u3', '<query xmlns="urn:example:odd"/>');
    desk.leave();
    like(
      world.up.find((text) => text.includes('u3')),
      'service-unavailable',
    );
  }),
);

test(
  'answers and words about subscriptions reach the server although its stream broke',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(`<iq type="get" id="v" from="bob@home.example/x" to="${core}"><vCard xmlns="vcard-temp"/></iq>`);
    const id = /id="([^"]+)"/.exec(phone.take()[0]!)![1];
    phone.send('<presence type="subscribed" to="carol@home.example"/>');
    const lost = world.up.splice(0);
    world.hub.offline();
    phone.send(`<iq type="result" id="${id}" to="bob@home.example/x"/>`);
    assert.equal(world.up, []);
    world.hub.online(core, true);
    assert.ok(world.up.splice(0).includes('<iq to="bob@home.example/x" type="result" id="v"/>'), 'resumed');
    world.hub.offline();
    world.hub.unacknowledged([
      ...lost,
      '<iq to="bob@home.example/x" type="result" id="w"/>',
      '<iq type="get" id="p"/>',
    ]);
    world.hub.online(core, false);
    const again = world.up.filter((text) => /carol@|id="[wp]"/.test(text));
    assert.equal(again, [...lost, '<iq to="bob@home.example/x" type="result" id="w"/>']);
  }),
);

test(
  'an answer shows the address that was asked and no other',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(
      `<iq type="set" id="j" from="bob@home.example/x" to="${core}"><jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" sid="s" responder="${core}"/></iq>`,
    );
    like(phone.take()[0], `responder="${phone.address}"`);
    phone.leave();
    like(world.up.at(-1), 'service-unavailable', `responder="${core}"`);
    assert.not.match(world.up.at(-1)!, phone.address);
  }),
);

test(
  'a changed password is told; removing the account is not allowed',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send('<iq type="set" id="x" to="work.example"><query xmlns="jabber:iq:register"><remove/></query></iq>');
    like(phone.take()[0], 'not-allowed');
    phone.send(
      '<iq type="set" id="c" to="work.example"><query xmlns="jabber:iq:register"><username>alice</username><password>new one</password></query></iq>',
    );
    assert.equal(world.passwords, []);
    world.answer(/jabber:iq:register/, '');
    assert.equal(world.passwords, ['new one']);
    like(phone.take()[0], 'id="c"', 'type="result"');
  }),
);

test(
  'block pushes go to clients that asked for the list',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    phone.send('<iq type="get" id="b"><blocklist xmlns="urn:xmpp:blocking"/></iq>');
    world.server('<iq type="set" id="k1"><block xmlns="urn:xmpp:blocking"><item jid="spam@x.example"/></block></iq>');
    like(phone.take()[0], '<block', 'spam@x.example', 'type="set"');
    assert.equal(desk.take(), []);
    assert.ok(world.up.includes('<iq type="result" id="k1"/>'));
  }),
);

test(
  'Jingle goes to the client that took the call, with our address exchanged',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    world.now += 1000;
    const desk = world.client('desk').available();
    phone.send('<message to="bob@home.example/x"><proceed xmlns="urn:xmpp:jingle-message:0" id="call1"/></message>');
    desk.take();
    world.up.splice(0);
    world.server(
      '<iq type="set" id="j1" from="bob@home.example/x" to="alice@work.example/xmpproxy-1"><jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" sid="call1" initiator="bob@home.example/x"/></iq>',
    );
    assert.equal(desk.take(), []);
    like(phone.take()[0], 'sid="call1"');
    phone.send(
      `<iq type="set" id="j2" to="bob@home.example/x"><jingle xmlns="urn:xmpp:jingle:1" action="session-accept" sid="call1" responder="${phone.address}"/></iq>`,
    );
    like(world.up[0], 'responder="alice@work.example/xmpproxy-1"');
  }),
);

test.run();
