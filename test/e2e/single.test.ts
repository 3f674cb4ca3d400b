/** The single-account view: an app logged in as user+label@proxy beside one that is logged in as the account itself. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, elements, serialize, xml } from '../../src/wire/xml.ts';
import { askRoster, available, befriend } from '../lib/contacts.ts';
import { carbon, isMessage, isPresence } from '../lib/party.ts';
import { login, type RawClient } from '../lib/raw.ts';
import { cast, enableCarbons } from '../lib/single.ts';
import { Scenarios } from '../lib/world.ts';

const scenarios = new Scenarios();
const names = (client: RawClient, address: string): boolean =>
  client.all.some((stanza) => serialize(stanza).includes(address));

scenarios.add('messages, each app under its own address; carbons both ways', async (world) => {
  const { alice, phone, tablet, bob } = await cast(world);
  for (const app of [phone, tablet]) await enableCarbons(app);
  bob.message(alice.jid, 'to alice');
  for (const app of [phone, tablet]) {
    const got = await app.received(isMessage({ body: 'to alice' }));
    assert.is(got.attrs.to, app.jid);
    assert.is(got.attrs.from, bob.jid);
  }

  tablet.message(bob.jid, 'from the tablet');
  assert.is((await bob.received(isMessage({ body: 'from the tablet' }))).attrs.from.split('/')[0], alice.jid);
  const seen = await phone.received((stanza) => carbon(stanza, 'sent')?.getChildText('body') === 'from the tablet');
  assert.is(seen.attrs.from, alice.jid);
  assert.is(carbon(seen, 'sent')!.attrs.from.split('/')[0], alice.jid);

  phone.message(bob.jid, 'from the phone');
  const copy = await tablet.received((stanza) => carbon(stanza, 'sent')?.getChildText('body') === 'from the phone');
  assert.is(copy.attrs.from, tablet.bare);
  assert.is(copy.attrs.to, tablet.jid);
  assert.is(carbon(copy, 'sent')!.attrs.from.split('/')[0], tablet.bare);
  assert.is.not(carbon(copy, 'sent')!.attrs.from, tablet.jid);
  assert.is(carbon(copy, 'sent')!.attrs.to, bob.jid);

  const { host, port, ca } = world.server;
  const direct = await login({ ...alice, resource: 'direct', host, port, ca });
  await enableCarbons(direct);
  direct.send('<presence><priority>9</priority></presence>');
  await direct.roundtrip();
  bob.message(direct.jid, 'to the direct one');
  const received = await tablet.received((stanza) => carbon(stanza, 'received') !== undefined);
  assert.is(received.attrs.from, tablet.bare);
  assert.is(carbon(received, 'received')!.attrs.to.split('/')[0], tablet.bare);
  direct.message(bob.jid, 'from the direct one');
  const sent = await tablet.received(
    (stanza) => carbon(stanza, 'sent')?.getChildText('body') === 'from the direct one',
  );
  assert.is(carbon(sent, 'sent')!.attrs.from.split('/')[0], tablet.bare);

  for (const app of [phone, tablet]) await app.roundtrip();
  assert.not.ok(names(tablet, alice.jid), 'the account’s address is nowhere');
  assert.not.ok(names(phone, tablet.bare), 'nor the proxy’s');
  assert.is(tablet.bodies().filter((body) => body.includes('→')).length, 0);
  for (const client of [phone, tablet, bob, direct]) await client.close();
});

scenarios.add('a message to oneself, and one app to the other', async (world) => {
  const { phone, tablet } = await cast(world);
  tablet.message(tablet.bare, 'note');
  for (const app of [phone, tablet])
    assert.is((await app.received(isMessage({ body: 'note' }))).attrs.from.split('/')[0], app.bare);
  const isSibling = (stanza: Element) => isPresence({ from: tablet.bare })(stanza) && stanza.attrs.from !== tablet.jid;
  const shown = tablet.all.find(isSibling)!.attrs.from;
  tablet.message(shown, 'psst');
  const heard = await phone.received(isMessage({ body: 'psst' }));
  phone.message(heard.attrs.from, 'yes?');
  assert.is((await tablet.received(isMessage({ body: 'yes?' }))).attrs.from, shown);
  assert.is((await tablet.iq('get', shown, xml('ping', NS.ping))).attrs.from, shown);
});

scenarios.add('roster and presence: contacts under their own addresses, the other app under ours', async (world) => {
  const { alice, phone, tablet, bob } = await cast(world);
  await askRoster(phone);
  const roster = (await askRoster(tablet)).getChild('query', NS.roster)!;
  assert.equal(
    elements(roster).map(({ attrs }) => attrs.jid),
    [world.proxy.root],
  );
  await befriend(phone, bob);
  const push = await tablet.received(
    ({ attrs, children }) => attrs.type === 'set' && String(children[0]).includes('both'),
  );
  assert.is(push.attrs.from, tablet.bare);
  const shown = await tablet.iq('set', undefined, xml('query', NS.roster, xml('item', { jid: bob.bare, name: 'Bob' })));
  assert.is(shown.attrs.type, 'result');
  const named = await tablet.received(
    (stanza) => stanza.attrs.type === 'set' && serialize(stanza).includes('name="Bob"'),
  );
  assert.ok(named.attrs.from === undefined || named.attrs.from === tablet.bare);

  phone.send('<presence><show>away</show></presence>');
  const sibling = await tablet.received(
    (stanza) => isPresence({ from: tablet.bare })(stanza) && stanza.getChildText('show') === 'away',
  );
  assert.is.not(sibling.attrs.from, tablet.jid);
  tablet.send('<presence><show>dnd</show></presence>');
  const own = await tablet.received(
    (stanza) => isPresence({ from: tablet.jid })(stanza) && stanza.getChildText('show') === 'dnd',
  );
  assert.is(own.attrs.from, tablet.jid);
  const busy = await phone.received((stanza) => stanza.getChildText('show') === 'dnd');
  assert.is(busy.attrs.from.split('/')[0], alice.jid);
  assert.is.not(busy.attrs.from, phone.jid);
  const atBob = await bob.received(
    (stanza) => isPresence({ from: alice.jid })(stanza) && stanza.getChildText('show') === 'dnd',
  );
  assert.is(atBob.attrs.from.split('/')[0], alice.jid);
});

scenarios.add('what one app publishes the other is told, each from its own address', async (world) => {
  const { alice, phone, tablet, bob } = await cast(world, [
    `${avatar}+notify`,
    `${devices}+notify`,
    `${devices2}+notify`,
  ]);
  await befriend(phone, bob);
  available(bob, [`${avatar}+notify`, `${devices}+notify`]);
  await bob.roundtrip();
  for (const [publisher, node] of [
    [tablet, avatar],
    [phone, avatar],
    [tablet, devices],
  ] as const) {
    const word = `${node} ${publisher.jid}`;
    const published = await publisher.iq('set', undefined, publication(node, word));
    assert.is(published.attrs.type, 'result', String(published));
    for (const app of [phone, tablet]) {
      const event = await app.received((stanza) => wordOf(stanza, node) === word);
      assert.is(event.attrs.from, app.bare);
    }
    assert.is((await bob.received((stanza) => wordOf(stanza, node) === word)).attrs.from, alice.jid);
  }
  const items = await tablet.iq('get', tablet.bare, xml('pubsub', NS.pubsub, xml('items', { node: devices })));
  assert.is(items.attrs.from ?? tablet.bare, tablet.bare);
  assert.ok(serialize(items).includes(`${devices} ${tablet.jid}`));
});

scenarios.add('encryption with addresses inside it is not there', async (world) => {
  const { alice, phone, tablet } = await cast(world, [`${avatar}+notify`, `${devices2}+notify`]);
  assert.is((await phone.iq('set', undefined, publication(devices2, 'two'))).attrs.type, 'result');
  await phone.received((stanza) => wordOf(stanza, devices2) === 'two');
  const refused = await tablet.iq('set', undefined, publication(devices2, 'mine'));
  assert.ok(refused.getChild('error')?.getChild('not-acceptable', NS.stanzas), String(refused));
  assert.ok(refused.getChild('error')?.getChildText('text')?.includes(alice.jid));
  const asked = await tablet.iq('get', tablet.bare, xml('pubsub', NS.pubsub, xml('items', { node: devices2 })));
  assert.ok(asked.getChild('error')?.getChild('item-not-found', NS.stanzas));
  await tablet.iq('set', undefined, publication(avatar, 'a picture'));
  const nodesOf = async (app: RawClient): Promise<string[]> => {
    const found = await app.iq('get', app.bare, xml('query', NS.discoItems));
    return elements(found.getChild('query', NS.discoItems)!).map(({ attrs }) => attrs.node);
  };
  assert.ok((await nodesOf(phone)).includes(devices2));
  assert.not.ok((await nodesOf(tablet)).includes(devices2));
  assert.ok((await nodesOf(tablet)).includes(avatar));
  assert.is(tablet.all.filter((stanza) => wordOf(stanza, devices2) !== undefined).length, 0);
});

scenarios.add('archive and block list', async (world) => {
  const { alice, phone, tablet, bob } = await cast(world);
  tablet.message(tablet.bare, 'to myself');
  await tablet.received(isMessage({ body: 'to myself' }));
  bob.message(alice.jid, 'archived');
  await tablet.received(isMessage({ body: 'archived' }));
  for (const [peer, body] of [
    [bob.bare, 'archived'],
    [tablet.bare, 'to myself'],
  ] as const) {
    const form = xml('x', { xmlns: NS.data, type: 'submit' }, field('FORM_TYPE', NS.mam), field('with', peer));
    const answer = await tablet.iq('set', undefined, xml('query', { xmlns: NS.mam, queryid: 'q' }, form));
    assert.is(answer.attrs.type, 'result', String(answer));
    const result = await tablet.received(
      (stanza) => serialize(stanza).includes(`>${body}</body>`) && stanza.getChild('result', NS.mam) !== undefined,
    );
    assert.is(result.attrs.from ?? tablet.bare, tablet.bare);
    const inner = result.getChild('result', NS.mam)!.getChild('forwarded', NS.forward)!.getChild('message')!;
    assert.is((inner.attrs.to ?? tablet.bare).split('/')[0], tablet.bare);
    assert.is(inner.attrs.from.split('/')[0], peer);
  }
  for (const app of [phone, tablet]) await app.iq('get', undefined, xml('blocklist', NS.blocking));
  await tablet.iq('set', undefined, xml('block', NS.blocking, xml('item', { jid: bob.bare })));
  for (const app of [phone, tablet]) {
    const push = await app.received(
      ({ attrs, children }) => attrs.type === 'set' && String(children[0]).includes('<block '),
    );
    assert.ok(push.attrs.from === undefined || push.attrs.from === app.bare);
    assert.ok(serialize(push).includes(bob.bare));
  }
  assert.not.ok(names(tablet, alice.jid));
});

scenarios.add('rooms: each app sees its own full address where the room shows it', async (world) => {
  const { alice, phone, tablet, bob } = await cast(world);
  const room = `room-${alice.jid.split('@')[0]}@rooms.${world.server.domain}`;
  const join = (app: RawClient) => app.send(`<presence to="${room}/alice"><x xmlns="${NS.muc}"/></presence>`);
  const entered = (app: RawClient) =>
    app.received((stanza) => isPresence({ from: `${room}/alice` })(stanza) && serialize(stanza).includes('"110"'));
  const itemOf = (presence: Element) => presence.getChild('x', NS.mucUser)!.getChild('item')!;
  join(tablet);
  assert.is(itemOf(await entered(tablet)).attrs.jid, tablet.jid);
  const form = xml('x', { xmlns: NS.data, type: 'submit' });
  const made = await tablet.iq('set', room, xml('query', NS.mucOwner, form));
  assert.is(made.attrs.type, 'result', String(made));
  join(phone);
  assert.is(itemOf(await entered(phone)).attrs.jid, phone.jid);
  tablet.send(`<message type="groupchat" to="${room}" id="g1"><body>hello</body></message>`);
  for (const app of [phone, tablet])
    assert.is((await app.received(isMessage({ body: 'hello' }))).attrs.from, `${room}/alice`);
  const members = await tablet.iq('get', room, xml('query', NS.mucAdmin, xml('item', { affiliation: 'owner' })));
  assert.is(members.getChild('query', NS.mucAdmin)!.getChild('item')!.attrs.jid.split('/')[0], tablet.bare);
  tablet.send(
    `<message to="${room}"><x xmlns="${NS.mucUser}"><invite to="${bob.bare}"><reason>come</reason></invite></x></message>`,
  );
  const invited = await bob.received((stanza) => serialize(stanza).includes('<invite'));
  assert.not.ok(serialize(invited).includes(world.proxy.domain));
  assert.not.ok(names(tablet, alice.jid));
});

const avatar = 'urn:xmpp:avatar:metadata';
const devices = 'eu.siacs.conversations.axolotl.devicelist';
const devices2 = 'urn:xmpp:omemo:2:devices';

const field = (name: string, value: string) => xml('field', { var: name }, xml('value', {}, value));
const publication = (node: string, word: string): Element =>
  xml(
    'pubsub',
    NS.pubsub,
    xml('publish', { node }, xml('item', { id: 'current' }, xml('thing', 'urn:example:thing', word))),
  );
const wordOf = (stanza: Element, node: string): string | undefined => {
  const items = stanza.getChild('event', NS.pubsubEvent)?.getChild('items');
  return items?.attrs.node === node ? (items.getChild('item')?.getChildText('thing') ?? undefined) : undefined;
};

scenarios.run();
