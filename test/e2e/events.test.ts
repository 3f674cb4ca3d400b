/** PEP (XEP-0163): an app that logs in sees what the others were told before, whoever published it. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import type { Element } from '../../src/wire/xml.ts';
import { available, befriend } from '../lib/contacts.ts';
import { login, type RawClient } from '../lib/raw.ts';
import { Scenarios, type World } from '../lib/world.ts';

const mood = 'http://jabber.org/protocol/mood';
const own = 'urn:example:own';
const scenarios = new Scenarios();

const eventOf = (stanza: Element, node: string): Element | undefined => {
  const items = stanza.getChild('event', NS.pubsubEvent)?.getChild('items');
  return items?.attrs.node === node ? items : undefined;
};
const isEvent = (node: string) => (stanza: Element) => eventOf(stanza, node) !== undefined;
const eventsIn = (client: RawClient, node: string): Element[] => client.all.filter(isEvent(node));

const publish = (node: string, item: string, word: string): string =>
  `<iq type="set" id="publish-${item}"><pubsub xmlns="${NS.pubsub}"><publish node="${node}"><item id="${item}"><thing xmlns="${node}">${word}</thing></item></publish></pubsub></iq>`;

async function published(client: RawClient, node: string, item: string, word: string): Promise<void> {
  client.send(publish(node, item, word));
  const answer = await client.received(({ attrs }) => attrs.id === `publish-${item}`);
  assert.is(answer.attrs.type, 'result', String(answer));
}

const wordOf = (stanza: Element, node: string): string | undefined =>
  eventOf(stanza, node)?.getChild('item')?.getChildText('thing') ?? undefined;

async function friends({
  server,
  proxy,
}: World): Promise<{ alice: { jid: string; password: string }; phone: RawClient; bob: RawClient }> {
  const alice = await proxy.account(server, 'alice');
  const bobs = await server.account('bob', server.domains[1]);
  const bob = await login({ ...bobs, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
  const phone = await proxy.login(alice, { resource: 'phone' });
  bob.send('<presence/>');
  available(phone, [`${mood}+notify`, `${own}+notify`]);
  await phone.roundtrip();
  await befriend(phone, bob);
  return { alice, phone, bob };
}

scenarios.add('the app that logs in second sees the items the first saw, and no others', async (world) => {
  const { alice, phone, bob } = await friends(world);
  await published(bob, mood, 'one', 'happy');
  assert.is(wordOf(await phone.received(isEvent(mood)), mood), 'happy');
  await published(phone, own, 'two', 'mine');
  assert.is(wordOf(await phone.received(isEvent(own)), own), 'mine');

  const laptop = await world.proxy.login(alice, { resource: 'laptop' });
  available(laptop, [`${mood}+notify`, `${own}+notify`]);
  const seen = await laptop.received(isEvent(mood));
  assert.is(wordOf(seen, mood), 'happy');
  assert.is(seen.attrs.from, bob.bare);
  assert.is(wordOf(await laptop.received(isEvent(own)), own), 'mine');

  const deaf = await world.proxy.login(alice, { resource: 'deaf' });
  available(deaf, ['urn:xmpp:ping']);
  const half = await world.proxy.login(alice, { resource: 'half' });
  available(half, [`${own}+notify`]);
  await half.received(isEvent(own));
  for (const app of [laptop, deaf, half]) await app.roundtrip(bob.jid);
  assert.is(eventsIn(laptop, mood).length, 1, 'laptop: once');
  assert.is(eventsIn(deaf, mood).length + eventsIn(deaf, own).length, 0, 'who did not ask for events gets none');
  assert.is(eventsIn(half, mood).length, 0, 'who asked for one node gets that alone');

  await published(bob, mood, 'one', 'tired');
  for (const app of [phone, laptop]) assert.is(wordOf(await app.received(isEvent(mood)), mood), 'tired');
  await half.roundtrip(bob.jid);
  assert.is(eventsIn(half, mood).length, 0, 'nor when it changes');
});

scenarios.add(
  'an item that was taken back is not shown again',
  async (world) => {
    const { alice, phone, bob } = await friends(world);
    await published(bob, mood, 'one', 'happy');
    await phone.received(isEvent(mood));
    bob.send(
      `<iq type="set" id="retract"><pubsub xmlns="${NS.pubsub}"><retract node="${mood}" notify="true"><item id="one"/></retract></pubsub></iq>`,
    );
    await phone.received((stanza) => eventOf(stanza, mood)?.getChild('retract') !== undefined, {
      what: 'the retraction',
    });
    const laptop = await world.proxy.login(alice, { resource: 'laptop' });
    available(laptop, [`${mood}+notify`]);
    await laptop.roundtrip(bob.jid);
    await laptop.roundtrip(bob.jid);
    assert.is(eventsIn(laptop, mood).length, 0);
  },
  { without: 'pep-tells-no-retraction' },
);

scenarios.add(
  'slixmpp: what one app publishes, another that logs in later is told',
  async ({ server, proxy, slix }) => {
    const alice = await proxy.account(server, 'alice');
    const phone = slix.client(proxy.slix(alice, 'phone', { mechanism: 'SCRAM-SHA-1' }));
    await phone.connect();
    await phone.interest(own);
    await phone.presence();
    await phone.roundtrip();
    await phone.publish(own, 'item', `<thing xmlns="${own}">kept</thing>`);
    assert.is(wordOf(await phone.received(isEvent(own)), own), 'kept');
    await phone.disconnect();
    const laptop = slix.client(proxy.slix(alice, 'laptop', { mechanism: 'SCRAM-SHA-256', security: 'direct' }));
    await laptop.connect();
    await laptop.interest(own);
    await laptop.presence();
    assert.is(wordOf(await laptop.received(isEvent(own)), own), 'kept');
    await laptop.disconnect();
  },
);

scenarios.run();
