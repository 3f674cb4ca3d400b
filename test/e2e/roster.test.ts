/** Contacts: requests that wait, changes from both sides, presence, and the ones that are blocked. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import type { Element } from '../../src/wire/xml.ts';
import { askRoster, befriend } from '../lib/contacts.ts';
import { isMessage, isPresence, type Party } from '../lib/party.ts';
import { login, type RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { Scenarios, type World } from '../lib/world.ts';

const scenarios = new Scenarios();

const direct = ({ server }: World, account: Account, resource: string): Promise<RawClient> =>
  login({ ...account, resource, host: server.host, port: server.port, ca: server.ca });

async function bobAt(world: World): Promise<RawClient> {
  const bob = await direct(world, await world.server.account('bob', world.server.domains[1]), 'desk');
  await askRoster(bob);
  bob.send('<presence/>');
  await bob.roundtrip();
  return bob;
}

async function app({ proxy }: World, account: Account, resource: string, presence = '<presence/>'): Promise<RawClient> {
  const client = await proxy.login(account, { resource });
  client.send(presence);
  await client.roundtrip();
  return client;
}

const items = (answer: Element): Map<string, Element> => {
  const children = answer.getChild('query', NS.roster)?.getChildren('item') ?? [];
  return new Map(children.map((item) => [item.attrs.jid as string, item]));
};
const roster = async (client: Party) => items(await askRoster(client));
const isPush = (jid: string) => (stanza: Element) => stanza.attrs.type === 'set' && items(stanza).has(jid);

scenarios.add(
  'a request for subscription that came while no app was connected waits until it is answered',
  async (world) => {
    const alice = await world.proxy.account(world.server, 'alice');
    const bob = await bobAt(world);
    bob.send(`<presence type="subscribe" to="${alice.jid}"/>`);
    await bob.roundtrip();
    await bob.roundtrip();
    const asks = isPresence({ type: 'subscribe', from: bob.bare });

    const phone = await app(world, alice, 'phone');
    await phone.received(asks);
    const laptop = await app(world, alice, 'laptop');
    await laptop.received(asks);
    await laptop.close();
    const again = await app(world, alice, 'laptop');
    await again.received(asks);

    again.send(`<presence type="subscribed" to="${bob.bare}"/>`);
    await bob.received(isPresence({ type: 'subscribed', from: alice.jid }));
    await bob.received(isPresence({ type: null, from: alice.jid }));
    const late = await app(world, alice, 'tablet');
    await late.roundtrip(bob.jid);
    assert.is(late.all.filter(asks).length, 0, 'answered is answered');
    assert.is(phone.all.filter(asks).length, 1, 'asked once a session');
  },
);

scenarios.add('a change of the roster reaches every app, from inside and from outside', async (world) => {
  const alice = await world.proxy.account(world.server, 'alice');
  const [phone, laptop] = [await app(world, alice, 'phone'), await app(world, alice, 'laptop')];
  const elsewhere = await direct(world, alice, 'elsewhere');
  for (const client of [phone, laptop, elsewhere]) await roster(client);
  const set = (jid: string, name: string) =>
    `<iq type="set" id="set-${name}"><query xmlns="${NS.roster}"><item jid="${jid}" name="${name}"><group>Friends</group></item></query></iq>`;

  phone.send(set('carol@home.example', 'Carol'));
  for (const client of [phone, laptop, elsewhere]) {
    const push = await client.received(isPush('carol@home.example'));
    assert.is(items(push).get('carol@home.example')?.attrs.name, 'Carol');
    client.send(`<iq type="result" id="${push.attrs.id}"/>`);
  }
  elsewhere.send(set('dave@home.example', 'Dave'));
  for (const client of [phone, laptop]) {
    const push = await client.received(isPush('dave@home.example'));
    assert.is(push.attrs.to, client.jid);
    assert.is(items(push).get('dave@home.example')?.getChildText('group'), 'Friends');
    client.send(`<iq type="result" id="${push.attrs.id}"/>`);
  }

  phone.send(
    `<iq type="set" id="rm"><query xmlns="${NS.roster}"><item jid="dave@home.example" subscription="remove"/></query></iq>`,
  );
  const removal = await laptop.received(isPush('dave@home.example'));
  assert.is(items(removal).get('dave@home.example')?.attrs.subscription, 'remove');
  const late = await world.proxy.login(alice, { resource: 'late' });
  const names = [...(await roster(late)).keys()].sort();
  assert.equal(names, ['carol@home.example', world.proxy.root].sort());
  for (const client of [phone, laptop]) {
    await client.roundtrip(elsewhere.jid);
    assert.is(client.all.filter(isPush('carol@home.example')).length, 1, 'one push each');
  }
});

scenarios.add('presence: contacts see one, the busiest; apps see contacts at once, and each other', async (world) => {
  const alice = await world.proxy.account(world.server, 'alice');
  const bob = await bobAt(world);
  const phone = await app(world, alice, 'phone');
  await befriend(phone, bob);
  bob.rest();
  const shows = async (show: string | null, status: string | null = null) => {
    const seen = await bob.received(
      (stanza) =>
        isPresence({ from: alice.jid, type: null })(stanza) &&
        stanza.getChildText('show') === show &&
        (status === null || stanza.getChildText('status') === status),
      { what: `alice as ${show} ${status ?? ''}` },
    );
    return seen.attrs.from as string;
  };
  phone.send('<presence><show>away</show><status>walking</status></presence>');
  const address = await shows('away', 'walking');
  const laptop = await app(world, alice, 'laptop', '<presence><show>dnd</show><status>talk</status></presence>');
  assert.is(await shows('dnd', 'talk'), address, 'one resource for all');
  laptop.send('<presence type="unavailable"/>');
  await shows('away', 'walking');
  phone.send('<presence><priority>7</priority></presence>');
  await shows(null);

  bob.send('<presence><show>xa</show><status>lunch</status></presence>');
  await phone.received((stanza) => isPresence({ from: bob.jid })(stanza) && stanza.getChildText('status') === 'lunch');
  const tablet = await world.proxy.login(alice, { resource: 'tablet' });
  tablet.send('<presence/>');
  const kept = await tablet.received(isPresence({ from: bob.jid, type: null }));
  assert.is(kept.getChildText('show'), 'xa');
  await tablet.received(isPresence({ from: `${alice.jid}/phone`, type: null }));
  await phone.received(isPresence({ from: `${alice.jid}/tablet`, type: null }));

  await tablet.close();
  await phone.received(isPresence({ from: `${alice.jid}/tablet`, type: 'unavailable' }));
  bob.rest();
  const before = bob.all.length;
  await phone.close();
  await shows('away');
  assert.is(bob.all.slice(before).filter(isPresence({ from: alice.jid, type: 'unavailable' })).length, 0, 'never gone');
  bob.send('<presence type="unavailable"/>');
  await bob.roundtrip();
  const back = await app(world, alice, 'phone');
  await back.roundtrip(bob.jid); // what bob sent before has come now
  const late = await app(world, alice, 'laptop');
  await late.roundtrip(bob.jid);
  assert.is(late.all.filter(isPresence({ from: bob.bare, type: null })).length, 0, 'whoever left is not shown');
});

scenarios.add('a contact that one app blocks is blocked for all', async (world) => {
  const alice = await world.proxy.account(world.server, 'alice');
  const bob = await bobAt(world);
  const [phone, laptop] = [await app(world, alice, 'phone'), await app(world, alice, 'laptop')];
  const blocked = async (client: RawClient): Promise<string[]> => {
    client.send(`<iq type="get" id="list"><blocklist xmlns="${NS.blocking}"/></iq>`);
    const answer = await client.received(({ attrs }) => attrs.id === 'list');
    return (answer.getChild('blocklist', NS.blocking)?.getChildren('item') ?? []).map(
      ({ attrs }) => attrs.jid as string,
    );
  };
  for (const client of [phone, laptop]) assert.equal(await blocked(client), []);
  phone.send(`<iq type="set" id="b1"><block xmlns="${NS.blocking}"><item jid="${bob.bare}"/></block></iq>`);
  assert.is((await phone.received(({ attrs }) => attrs.id === 'b1')).attrs.type, 'result');
  const push = await laptop.received((stanza) => stanza.getChild('block', NS.blocking) !== undefined);
  assert.is(push.attrs.type, 'set');
  assert.equal(await blocked(laptop), [bob.bare]);

  bob.message(alice.jid, 'can you hear me?');
  await bob.roundtrip();
  // Without the block it would have come before this.
  const carol = await bobAt(world);
  carol.message(alice.jid, 'barrier');
  for (const client of [phone, laptop]) {
    await client.received(isMessage({ body: 'barrier' }));
    assert.ok(!client.bodies().includes('can you hear me?'));
  }
  laptop.send(`<iq type="set" id="b2"><unblock xmlns="${NS.blocking}"><item jid="${bob.bare}"/></unblock></iq>`);
  await phone.received((stanza) => stanza.getChild('unblock', NS.blocking) !== undefined);
  bob.message(alice.jid, 'and now?');
  for (const client of [phone, laptop]) await client.received(isMessage({ body: 'and now?' }));
});

scenarios.add('slixmpp has the roster with root in it, and the block list', async ({ server, proxy, slix }) => {
  const alice = await proxy.account(server, 'alice');
  const phone = slix.client(proxy.slix(alice, 'phone', { mechanism: 'SCRAM-SHA-256' }));
  await phone.connect();
  await phone.presence();
  await phone.setContact('carol@home.example', 'Carol', ['Friends']);
  const contacts = await phone.roster();
  assert.is(contacts['carol@home.example']?.name, 'Carol');
  assert.equal(contacts['carol@home.example']?.groups, ['Friends']);
  assert.is(contacts[proxy.root]?.subscription, 'both');
  await phone.block('mallory@home.example');
  assert.equal(await phone.blocked(), ['mallory@home.example']);
  await phone.unblock('mallory@home.example');
  assert.equal(await phone.blocked(), []);
  await phone.disconnect();
});

scenarios.alone('an app that logs in while the real server is away gets the whole roster', async (world) => {
  const { server, proxy } = world;
  const alice = await proxy.account(server, 'alice');
  const phone = await app(world, alice, 'phone');
  const many = Array.from({ length: 30 }, (_, index) => `contact-${index}@home.example`);
  for (const jid of many) {
    phone.send(
      `<iq type="set" id="${jid}"><query xmlns="${NS.roster}"><item jid="${jid}" name="${jid}"/></query></iq>`,
    );
    assert.is((await phone.received(({ attrs }) => attrs.id === jid)).attrs.type, 'result');
  }
  await server.stop();
  const laptop = await proxy.login(alice, { resource: 'laptop' });
  assert.equal([...(await roster(laptop)).keys()].sort(), [...many, proxy.root].sort());
  laptop.send('<presence/>');
  await laptop.received(isPresence({ from: proxy.root }));
  // And so after a restart of the proxy that has never reached the server.
  await proxy.stop();
  await proxy.start();
  const tablet = await proxy.login(alice, { resource: 'tablet' });
  assert.equal([...(await roster(tablet)).keys()].sort(), [...many, proxy.root].sort());
  await server.start();
});

scenarios.run();
