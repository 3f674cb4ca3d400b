/** Every message once and in order: to two apps, one with carbons and one without, and from both of them. */
import * as assert from 'uvu/assert';
import type { SlixClient } from '../lib/client.ts';
import { carbon, isMessage, type Party } from '../lib/party.ts';
import { allSettings, Scenarios, until, type World } from '../lib/world.ts';

const many = 500;
const numbers = (what: string): string[] => Array.from({ length: many }, (_, index) => `${what} ${index}`);

const scenarios = new Scenarios(allSettings);

interface Cast {
  /** With carbons. */
  phone: SlixClient;
  /** Without. */
  laptop: SlixClient;
  peer: SlixClient;
}

async function cast({ server, proxy, slix }: World): Promise<Cast> {
  const alice = await proxy.account(server, 'alice');
  const bob = await server.account('bob', server.domains[1]);
  const phone = slix.client(proxy.slix(alice, 'phone', { mechanism: 'SCRAM-SHA-256' }));
  const laptop = slix.client(proxy.slix(alice, 'laptop', { mechanism: 'PLAIN', security: 'direct' }));
  const peer = slix.client({ ...bob, jid: `${bob.jid}/desk`, host: server.host, port: server.port, ca: server.ca });
  for (const client of [laptop, phone, peer]) assert.is(await client.connect(), 'session');
  await phone.enableCarbons();
  for (const client of [laptop, phone, peer]) {
    await client.presence();
    await client.roundtrip();
  }
  return { phone, laptop, peer };
}

/** Bodies in the carbons that came. */
const carbons = (client: Party, direction: 'sent' | 'received'): string[] =>
  client.all.map((stanza) => carbon(stanza, direction)?.getChildText('body') ?? '').filter((body) => body !== '');

const untilBody = (client: Party, body: string) => client.received(isMessage({ body }), { within: 60_000, what: body });

/** Copies go to an app without carbons once it has had the time to enable them. */
async function countsAsWithoutCarbons({ phone, laptop, peer }: Cast): Promise<void> {
  const copied = () => laptop.bodies().some((body) => body.startsWith('→ are you there'));
  await until('inline copies', copied, async () => {
    await phone.say(peer.jid, 'are you there');
    await peer.received(isMessage({ body: 'are you there' }));
    await laptop.roundtrip();
    await new Promise((resolve) => setTimeout(resolve, 500));
  });
  for (const client of [phone, laptop, peer]) {
    await client.roundtrip();
    client.rest();
    client.all.length = 0;
  }
}

scenarios.add('500 messages each way at once: each seen once and in order by every app', async (world) => {
  const everybody = await cast(world);
  const { phone, laptop, peer } = everybody;
  await countsAsWithoutCarbons(everybody);
  const [inward, fromPhone, fromLaptop] = [numbers('to alice'), numbers('from phone'), numbers('from laptop')];
  for (let index = 0; index < many; index++) {
    peer.message(phone.bare, inward[index]!);
    phone.message(peer.jid, fromPhone[index]!);
    laptop.message(peer.jid, fromLaptop[index]!);
  }
  const last = many - 1;
  await Promise.all([
    untilBody(phone, `to alice ${last}`),
    untilBody(laptop, `to alice ${last}`),
    untilBody(laptop, `→ from phone ${last}`),
    untilBody(peer, `from phone ${last}`),
    untilBody(peer, `from laptop ${last}`),
    phone.received((stanza) => carbon(stanza, 'sent')?.getChildText('body') === `from laptop ${last}`, {
      within: 60_000,
    }),
  ]);
  // Whatever came a second time came before these barriers.
  await peer.roundtrip();
  for (const app of [phone, laptop]) {
    await app.roundtrip(peer.jid);
    await app.roundtrip();
  }

  assert.equal(phone.bodies(), inward, 'phone: messages');
  assert.equal(carbons(phone, 'sent'), fromLaptop, 'phone: carbons of what the laptop sent');
  assert.equal(carbons(phone, 'received'), [], 'phone: no carbons of what came as itself');
  const [copies, messages] = [laptop.bodies(peer.bare), laptop.bodies(peer.jid)];
  assert.equal(
    messages.filter((body) => !body.startsWith('→ ')),
    inward,
    'laptop: messages',
  );
  assert.equal(
    copies.filter((body) => body.startsWith('→ ')),
    fromPhone.map((body) => `→ ${body}`),
    'laptop: copies',
  );
  assert.is(copies.length, 2 * many, 'laptop: nothing else');
  assert.equal([...carbons(laptop, 'sent'), ...carbons(laptop, 'received')], [], 'laptop: no carbons');
  const heard = peer.bodies();
  assert.equal(
    heard.filter((body) => body.startsWith('from phone')),
    fromPhone,
    'peer: from the phone',
  );
  assert.equal(
    heard.filter((body) => body.startsWith('from laptop')),
    fromLaptop,
    'peer: from the laptop',
  );
  assert.is(heard.length, 2 * many, 'peer: nothing else');
  for (const client of [phone, laptop, peer]) await client.disconnect();
});

scenarios.run();
