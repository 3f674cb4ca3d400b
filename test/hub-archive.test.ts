/** What goes into an account's archive: each message once, under a place of its own. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Places, placeOf, stanzaIdOf } from '../src/hub/place.ts';
import { NS } from '../src/wire/ns.ts';
import { alias, archived, bodiesIn, carbon, chat, idIn } from './lib/archived.ts';
import { account, core, inWorld, like } from './lib/hub.ts';

test('a place is a text and back, and rises although the clock was set back', () => {
  let now = 1_700_000_000_000;
  let kept = { first: 0, last: 0 };
  const places = new Places(
    () => now,
    (reach) => {
      kept = reach;
    },
  );
  places.load(undefined, undefined);
  const [one, two] = [places.next(), places.next()];
  assert.is(one, now * 1000);
  assert.is(two, one + 1);
  now -= 3600_000;
  const three = places.next();
  assert.is(three, two + 1);
  assert.is(places.older(), one - 1);
  assert.is(placeOf(stanzaIdOf(three)), three);
  for (const odd of ['', 'x', 'x0', 'X12', 'y12', 'x12 ', 'xzzzzzzzzzzzz']) assert.is(placeOf(odd), undefined, odd);
  places.settle();
  const again = new Places(
    () => now,
    () => {},
  );
  again.load(undefined, kept); // all was deleted meanwhile
  assert.is(again.next(), three + 1);
  assert.is(again.older(), one - 2);
});

test(
  'both directions, with the addresses a person knows; live messages bear the place',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk', { carbons: true }).available();
    world.server(chat('in'));
    phone.send('<message to="bob@home.example" type="chat" id="o1"><body>out</body></message>');
    const [received, sent] = await archived(world);
    assert.is(received!.text, chat('in', { to: account }).replace(/from="([^"]*)" to="([^"]*)"/, 'to="$2" from="$1"'));
    assert.equal(
      [received!.peer, received!.resource, received!.isSent, received!.id, received!.body, received!.client],
      ['bob@home.example', 'x', false, 'in', 'in', undefined],
    );
    assert.equal([sent!.peer, sent!.isSent, sent!.client], ['bob@home.example', true, phone.address]);
    like(sent!.text, `from="${phone.address}"`);
    const [live, copy] = desk.take();
    assert.is(idIn(live), stanzaIdOf(received!.place));
    assert.is(idIn(copy), stanzaIdOf(sent!.place));
    assert.is(desk.place, sent!.place);
    assert.is(idIn(world.up.at(-1)), undefined, 'contacts do not learn it');
    world.now -= 3600_000;
    world.server(chat('clock'));
    assert.equal(await bodiesIn(world), ['in', 'out', 'clock']);
    const last = (await archived(world))[2]!;
    assert.is(last.at, world.now);
    assert.ok(last.place > sent!.place);
  }),
);

test(
  'chat states, what is not to be stored, headlines without words and events are none',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const hint = (name: string) => `<${name} xmlns="${NS.hints}"/>`;
    const others = [
      chat('secret', { inside: hint('no-store') }),
      chat('passing', { inside: hint('no-permanent-store') }),
      `<message from="bob@home.example" type="chat"><composing xmlns="${NS.chatStates}"/><thread>t</thread></message>`,
      `<message from="bob@home.example" type="chat"><active xmlns="${NS.chatStates}"/>${hint('no-copy')}</message>`,
      `<message from="news.example" type="headline"><x xmlns="other"/></message>`,
      '<message from="bob@home.example" type="error" id="nobody-knows"><error type="cancel"/></message>',
    ];
    for (const other of others) world.server(other);
    phone.send(`<message to="bob@home.example" type="chat"><paused xmlns="${NS.chatStates}"/></message>`);
    assert.equal(await archived(world), []);
    assert.is(phone.take().filter((text) => idIn(text) !== undefined).length, 0);
    world.server(`<message from="bob@home.example" id="r"><received xmlns="${NS.receipts}" id="o"/></message>`);
    world.server(`<message from="bob@home.example" type="chat">${hint('store')}</message>`);
    world.server('<message from="news.example" type="headline"><body>news</body></message>');
    assert.is((await archived(world)).length, 3);
  }),
);

test(
  'nobody else says what we call a message; the server’s id is the alias, the sender’s own stays',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const origin = `<origin-id xmlns="${NS.sid}" id="bobs"/>`;
    const room = alias('r9', 'room@muc.example');
    world.server(chat('one', { inside: `${origin}${room}${alias('s-1')}` }));
    const [text] = phone.take();
    like(text, origin, room);
    assert.is([...text!.matchAll(new RegExp(`by="${account}"`, 'g'))].length, 1);
    const [message] = await archived(world);
    assert.equal([message!.alias, message!.originId, idIn(text)], ['s-1', 'bobs', stanzaIdOf(message!.place)]);
    assert.not.ok(message!.text.includes(`by="${account}"`));
    world.server(chat('two', { inside: alias('s-2', 'ALICE@work.example') }));
    assert.is([...phone.take()[0]!.matchAll(/alice@work.example" id=/gi)].length, 1);
  }),
);

test(
  'errors about what is in the archive are archived; for who sent it, be it later',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send('<message to="gone@home.example" type="chat" id="e1"><body>x</body></message>');
    phone.acknowledge().leave();
    const error = '<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>';
    world.server(`<message from="gone@home.example" to="${core}" type="error" id="e1">${error}</message>`);
    assert.equal(
      (await archived(world)).map(({ type }) => type),
      ['chat', 'error'],
    );
    const back = world.client('phone').available();
    world.pass(10_000);
    await world.settled();
    like(back.messages()[0], 'type="error"', 'item-not-found');
  }),
);

test(
  'what another resource of the account sends and receives is archived once',
  inWorld(async (world) => {
    world.online();
    const desk = world.client('desk', { carbons: true }).available();
    world.server(carbon('sent', chat('mine', { from: `${account}/direct`, to: 'bob@home.example' })));
    world.server(carbon('received', chat('his', { to: `${account}/direct` })));
    const found = await archived(world);
    assert.equal(
      found.map(({ body, isSent, peer, client }) => [body, isSent, peer, client]),
      [
        ['mine', true, 'bob@home.example', undefined],
        ['his', false, 'bob@home.example', undefined],
      ],
    );
    assert.equal(
      desk.messages().map(idIn),
      found.map(({ place }) => stanzaIdOf(place)),
    );
  }),
);

test(
  'while nothing can be kept, new messages come back with a reason',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk', { carbons: true }).available();
    Object.defineProperty(world.store, 'trouble', {
      configurable: true,
      get: () => ({ reason: 'the disk is full', since: 0 }),
    });
    const message = '<message to="bob@home.example" type="chat" id="t1"><body>x</body></message>';
    phone.send(message);
    like(phone.take()[0], 'type="error"', 'type="wait"', 'resource-constraint', 'id="t1"');
    assert.equal([...world.up, ...desk.take()], []);
    phone.send(`<message to="bob@home.example" type="chat"><composing xmlns="${NS.chatStates}"/></message>`);
    assert.is(world.up.length, 1);
    desk.take();
    Object.defineProperty(world.store, 'trouble', { configurable: true, get: () => undefined });
    phone.send(message);
    assert.is(world.up.length, 2);
    assert.is(desk.take().length, 1);
  }),
);

test.run();
