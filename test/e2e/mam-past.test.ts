/** An account with a past at its server, as apps see it here: across the change, and back to its beginning. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import type { Element } from '../../src/wire/xml.ts';
import { isAnswer, isMessage } from '../lib/party.ts';
import { login, type RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { Scenarios, until, type World } from '../lib/world.ts';

const scenarios = new Scenarios();
const unasked = { BACKFILL_DAYS: '0' };

/** One that has no proxy. */
async function direct({ server }: World, account: Account): Promise<RawClient> {
  const client = await login({ ...account, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
  client.send('<presence/>');
  await client.roundtrip();
  return client;
}

interface Page {
  ids: string[];
  bodies: string[];
  /** Undefined where it says nothing of it. */
  complete: string | undefined;
  stable: string | undefined;
}

interface Wish {
  /** XEP-0059. */
  set?: string;
  /** Fields of the form. */
  fields?: Record<string, string>;
}

let count = 0;
/** What comes of a query: a page, or an error. */
async function query(client: RawClient, { set = '', fields = {} }: Wish): Promise<{ id: string; answer: Element }> {
  const id = `past${++count}`;
  const form = Object.entries({ FORM_TYPE: NS.mam, ...fields }).map(
    ([name, value]) => `<field var="${name}"><value>${value}</value></field>`,
  );
  client.send(
    `<iq type="set" id="${id}"><query xmlns="${NS.mam}" queryid="${id}"><x xmlns="${NS.data}" type="submit">${form.join('')}</x><set xmlns="${NS.rsm}">${set}</set></query></iq>`,
  );
  return { id, answer: await client.received(isAnswer(id)) };
}

async function page(client: RawClient, wish: Wish): Promise<Page> {
  const { id, answer } = await query(client, wish);
  const fin = answer.getChild('fin', NS.mam);
  assert.ok(fin, String(answer));
  const results = client.all
    .flatMap((stanza) => stanza.getChild('result', NS.mam) ?? [])
    .filter(({ attrs }) => attrs.queryid === id);
  const bodyOf = (result: (typeof results)[number]): string | null | undefined =>
    result.getChild('forwarded', NS.forward)?.getChild('message', NS.client)?.getChildText('body');
  return {
    ids: results.map(({ attrs }) => attrs.id as string),
    bodies: results.map((result) => bodyOf(result) ?? ''),
    complete: fin.attrs.complete as string | undefined,
    stable: fin.attrs.stable as string | undefined,
  };
}

/** Page after page until one says that it is the last. */
async function there(client: RawClient, from: string, fields: Record<string, string> = {}): Promise<string[]> {
  const found: string[] = [];
  for (let after = from, isOver = false; !isOver; ) {
    const part = await page(client, { set: `<max>50</max>${after}`, fields });
    found.push(...part.bodies);
    after = `<after>${part.ids.at(-1)}</after>`;
    isOver = part.complete === 'true';
  }
  return found;
}

async function back(client: RawClient, fields: Record<string, string> = {}): Promise<string[]> {
  const found: string[] = [];
  for (let before = '<before/>', isOver = false; !isOver; ) {
    const part = await page(client, { set: `<max>70</max>${before}`, fields });
    found.unshift(...part.bodies);
    before = `<before>${part.ids[0]}</before>`;
    isOver = part.complete === 'true';
  }
  return found;
}

interface Past {
  alice: Account;
  bobs: Account;
  bob: RawClient;
  said: string[];
  /** The server's ids of the first of them, and when the first was said, or before. */
  ids: string[];
  since: string;
}

/** Bob has said so much to Alice before she came here. */
async function past(world: World, much: number): Promise<Past> {
  const { server, proxy } = world;
  const since = new Date(Date.now() - 1000).toISOString();
  const alice = await server.account('alice');
  const desk = await direct(world, alice);
  const bobs = await server.account('bob', server.domains[1]);
  const bob = await direct(world, bobs);
  const said = Array.from({ length: much }, (_, index) => `old ${index}`);
  for (const [index, body] of said.entries()) {
    bob.message(alice.jid, body);
    if (index % 50 === 49) await desk.received(isMessage({ body }));
  }
  const { ids, bodies } = await page(desk, { set: '<max>20</max>' });
  assert.equal(bodies, said.slice(0, 20), 'the server has it');
  await desk.close();
  await proxy.add(alice);
  return { alice, bobs, bob, said, ids, since };
}

async function app({ proxy }: World, account: Account, resource: string): Promise<RawClient> {
  const client = await proxy.login(account, { resource });
  client.send('<presence/>');
  await client.roundtrip();
  return client;
}

scenarios.alone(
  'from an id that only the server’s archive knows: all that was said since, in order, once',
  async (world) => {
    const { alice, bob, said, ids } = await past(world, 120);
    const phone = await app(world, alice, 'phone');
    bob.message(alice.jid, 'new');
    await phone.received(isMessage({ body: 'new' }));
    said.push('new');
    assert.equal(await there(phone, `<after>${ids[10]}</after>`), said.slice(11));
    assert.equal(await there(phone, `<after>${ids[5]}</after>`), said.slice(6), 'and from further down');
    await world.proxy.kill();
    await world.proxy.start();
    const again = await app(world, alice, 'phone');
    assert.equal(await there(again, `<after>${ids[0]}</after>`), said.slice(1));
    assert.equal(await back(again), said);
  },
  unasked,
);

scenarios.alone(
  'back from now, below the days that are taken over, to the first message',
  async (world) => {
    const { alice, said, since } = await past(world, 120);
    const phone = await app(world, alice, 'phone');
    assert.equal(await back(phone), said);
    const tablet = await app(world, alice, 'tablet');
    assert.equal(await there(tablet, '', { start: since }), said);
  },
  unasked,
);

scenarios.alone('while the last days are being taken over: back from now, and on from a date', async (world) => {
  const { alice, said, since, bob } = await past(world, 600);
  const [phone, tablet] = [await app(world, alice, 'phone'), await app(world, alice, 'tablet')];
  // what was said in the second of the first login comes as news
  let latest: Page | undefined;
  const look = async () => {
    latest = await page(phone, { set: '<max>1</max><before/>' });
  };
  await until('no gap is open', () => latest !== undefined && latest.stable === undefined, look);
  const [wasSaid, came] = await Promise.all([back(phone), there(tablet, '', { start: since })]);
  assert.equal(wasSaid, said);
  assert.equal(came, said);
  assert.equal(await back(tablet, { with: bob.bare }), said);
  assert.equal(await there(phone, ''), said);
});

scenarios.alone(
  'while the server is away: what is here, and no word that it is all',
  async (world) => {
    const { alice, bobs, bob, said, since } = await past(world, 60);
    const phone = await app(world, alice, 'phone');
    bob.message(alice.jid, 'new');
    await phone.received(isMessage({ body: 'new' }));
    await world.server.stop();
    // some of what came in the second before may be here: servers tell no more of the time
    const latest = await page(phone, { set: '<max>100</max><before/>' });
    assert.equal([latest.bodies.at(-1), latest.complete, latest.stable], ['new', undefined, 'false']);
    const { answer } = await query(phone, { fields: { start: since } });
    assert.ok(answer.getChild('error')?.getChild('remote-server-timeout', NS.stanzas), String(answer));
    await world.server.start();
    const again = await direct(world, bobs);
    phone.message(bobs.jid, 'back');
    await again.received(isMessage({ body: 'back' }), { within: 60_000 });
    assert.equal(await back(phone), [...said, 'new', 'back']);
  },
  unasked,
);

scenarios.run();
