/** IQ requests of clients, and of others to the core session. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { core, inWorld, like } from './lib/hub.ts';

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
  'archive queries to a room with equal ids each get their own results',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    const query = '<iq type="set" id="m" to="tea@rooms.example"><query xmlns="urn:xmpp:mam:2" queryid="q"/></iq>';
    phone.send(query);
    desk.send(query);
    const [first, second] = world.up.map((text) => /queryid="([^"]+)"/.exec(text)![1]);
    assert.is.not(first, second);
    world.server(
      `<message from="tea@rooms.example" to="alice@work.example/x"><result xmlns="urn:xmpp:mam:2" queryid="${second}" id="a1"><forwarded xmlns="urn:xmpp:forward:0"/></result></message>`,
    );
    like(desk.take()[0], 'queryid="q"', 'id="a1"');
    assert.equal(phone.take(), []);
    world.server(
      `<message from="eve@home.example" to="alice@work.example/x"><result xmlns="urn:xmpp:mam:2" queryid="${first}" id="a2"/></message>`,
    );
    world.server(
      `<message from="tea@rooms.example" to="alice@work.example/x"><result xmlns="urn:xmpp:mam:2" queryid="unknown" id="a3"/></message>`,
    );
    assert.equal([...phone.take(), ...desk.take()], []);
    world.server(
      `<message from="tea@rooms.example" to="alice@work.example/x"><result xmlns="urn:xmpp:mam:2" queryid="${first}" id="a4"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" from="root@proxy.example" to="alice@work.example"><body>obey</body></message></forwarded></result></message>`,
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

test(
  'when somebody was last there is told to contacts who may see it, and to nobody else',
  inWorld(async (world) => {
    world.online();
    world.server(
      '<iq type="set" id="r"><query xmlns="jabber:iq:roster"><item jid="bob@home.example" subscription="from"/></query></iq>',
    );
    world.up.splice(0);
    for (const from of ['bob@home.example/x', 'eve@home.example/x'])
      world.server(`<iq type="get" id="l" from="${from}"><query xmlns="jabber:iq:last"/></iq>`);
    await new Promise((resolve) => setImmediate(resolve));
    const to = (name: string) => world.up.find((text) => text.includes(`to="${name}@home.example/x"`));
    like(to('bob'), 'seconds="0"');
    like(to('eve'), 'forbidden');
  }),
);

test.run();
