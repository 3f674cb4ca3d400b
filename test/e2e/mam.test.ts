/** The archive (XEP-0313) and read marks (XEP-0490), as apps see them before a real server. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, xml } from '../../src/wire/xml.ts';
import { available } from '../lib/contacts.ts';
import { carbon, isAnswer, isMessage } from '../lib/party.ts';
import { login, type RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { enableCarbons, singleLogin } from '../lib/single.ts';
import { Scenarios, type World } from '../lib/world.ts';

const scenarios = new Scenarios();
const interest = [`${NS.displayed}+notify`];

async function direct({ server }: World, account: Account, interests: string[] = []): Promise<RawClient> {
  const client = await login({ ...account, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
  if (interests.length > 0) available(client, interests);
  else client.send('<presence/>');
  await client.roundtrip();
  return client;
}

async function app({ proxy }: World, account: Account, resource: string): Promise<RawClient> {
  const client = await proxy.login(account, { resource });
  available(client, interest);
  await client.roundtrip();
  return client;
}

/** Alice's phone and laptop, both with carbons, and Bob, who has no proxy. */
async function people(world: World): Promise<{ alice: Account; phone: RawClient; laptop: RawClient; bob: RawClient }> {
  const alice = await world.proxy.account(world.server, 'alice');
  const [phone, laptop] = [await app(world, alice, 'phone'), await app(world, alice, 'laptop')];
  for (const client of [phone, laptop]) await enableCarbons(client);
  const bob = await direct(world, await world.server.account('bob', world.server.domains[1]));
  await phone.roundtrip(bob.jid); // the server has taken the presence
  return { alice, phone, laptop, bob };
}

interface Page {
  /** Archive id and message, as they came. */
  messages: { id: string; message: Element }[];
  fin: Element;
}

let count = 0;
async function page(client: RawClient, set = '', form: Record<string, string> = {}, more = ''): Promise<Page> {
  const id = `page${++count}`;
  const fields = Object.entries({ FORM_TYPE: NS.mam, ...form }).map(
    ([name, value]) => `<field var="${name}"><value>${value}</value></field>`,
  );
  client.send(
    `<iq type="set" id="${id}"><query xmlns="${NS.mam}" queryid="${id}"><x xmlns="${NS.data}" type="submit">${fields.join('')}</x><set xmlns="${NS.rsm}">${set}</set>${more}</query></iq>`,
  );
  const answer = await client.received(isAnswer(id));
  const before = client.all.slice(0, client.all.indexOf(answer));
  const results = before.flatMap((stanza) => stanza.getChild('result', NS.mam) ?? []);
  const messages = results
    .filter(({ attrs }) => attrs.queryid === id)
    .map((result) => ({
      id: result.attrs.id as string,
      message: result.getChild('forwarded', NS.forward)!.getChild('message', NS.client)!,
    }));
  const fin = answer.getChild('fin', NS.mam);
  assert.ok(fin, String(answer));
  return { messages, fin };
}

const bodies = ({ messages }: Page): string[] => messages.map(({ message }) => message.getChildText('body') ?? '');
const idsIn = ({ messages }: Page): string[] => messages.map(({ id }) => id);
const ownIds = (message: Element, by: string): string[] =>
  message.getChildren('stanza-id', NS.sid).flatMap(({ attrs }) => (attrs.by === by ? [attrs.id as string] : []));
const rsm = ({ fin }: Page, name: string): string => fin.getChild('set', NS.rsm)!.getChildText(name)!;

/** Bob and Alice say so many things in turn; all of it has come everywhere. Her phone says every third. */
async function talk(phone: RawClient, laptop: RawClient, bob: RawClient, much: number): Promise<string[]> {
  const said = Array.from({ length: much }, (_, index) => `word ${index}`);
  for (const [index, body] of said.entries()) {
    if (index % 3 === 2) {
      phone.message(bob.bare, body);
      await bob.received(isMessage({ body }));
      await laptop.received((stanza) => carbon(stanza, 'sent')?.getChildText('body') === body);
    } else {
      bob.message(phone.bare, body);
      for (const client of [phone, laptop]) await client.received(isMessage({ body }));
    }
  }
  return said;
}

scenarios.add('two apps, one archive: what both said and heard, by the ids that live messages had', async (world) => {
  const { phone, laptop, bob } = await people(world);
  const said = await talk(phone, laptop, bob, 9);
  const [first, second] = [await page(phone), await page(laptop)];
  assert.equal(bodies(first), said);
  assert.equal(bodies(second), said);
  assert.equal(idsIn(first), idsIn(second));
  assert.is(first.fin.attrs.complete, 'true');
  for (const [index, { id, message }] of first.messages.entries()) {
    assert.equal(ownIds(message, phone.bare), [id]);
    const sender = index % 3 === 2 ? phone.jid : bob.jid;
    assert.is(message.attrs.from, sender);
    const lives = laptop.all
      .flatMap((stanza) => [stanza, ...(carbon(stanza, 'sent') ? [carbon(stanza, 'sent')!] : [])])
      .filter((stanza) => stanza.getChildText('body') === said[index]);
    assert.is(lives.length, 1, said[index]);
    assert.equal(ownIds(lives[0]!, phone.bare), [id], `live: ${said[index]}`);
  }
  const own = await page(phone, '', { with: bob.bare, 'after-id': idsIn(first)[6]! });
  assert.equal(bodies(own), said.slice(7));
});

scenarios.add('pages there and back, and flipped', async (world) => {
  const { phone, laptop, bob } = await people(world);
  const said = await talk(phone, laptop, bob, 10);
  const there: string[] = [];
  for (let after = '', isOver = false; !isOver; ) {
    const part = await page(laptop, `<max>4</max>${after}`);
    there.push(...bodies(part));
    after = `<after>${rsm(part, 'last')}</after>`;
    isOver = part.fin.attrs.complete === 'true';
  }
  assert.equal(there, said);
  const back: string[] = [];
  for (let before = '<before/>', isOver = false; !isOver; ) {
    const part = await page(laptop, `<max>4</max>${before}`, {}, '<flip-page/>');
    back.push(...bodies(part));
    before = `<before>${rsm(part, 'first')}</before>`;
    isOver = part.fin.attrs.complete === 'true';
  }
  assert.equal(back, said.toReversed());
});

scenarios.add('slixmpp goes through it, forwards and backwards', async (world) => {
  const { alice, phone, laptop, bob } = await people(world);
  const said = await talk(phone, laptop, bob, 8);
  const client = world.slix.client(world.proxy.slix(alice, 'slix', { mechanism: 'SCRAM-SHA-256' }));
  await client.connect();
  await client.presence();
  await client.roundtrip();
  assert.equal(await client.history({ max: 3 }), said);
  assert.equal(await client.history({ max: 3, reverse: true }), said.toReversed());
  assert.equal(await client.history({ max: 50, with: bob.bare }), said);
  await client.disconnect();
});

scenarios.add('what the account offers is our archive, once', async (world) => {
  const { phone } = await people(world);
  const answer = await phone.iq('get', phone.bare, xml('query', NS.discoInfo));
  const features = answer.getChild('query', NS.discoInfo)!.getChildren('feature');
  const mam = features.map(({ attrs }) => attrs.var as string).filter((name) => name.startsWith('urn:xmpp:mam:'));
  assert.equal(mam.sort(), [
    'urn:xmpp:mam:2',
    'urn:xmpp:mam:2#extended',
    'urn:xmpp:mam:2#groupchat-available',
    'urn:xmpp:mam:2#groupchat-field',
  ]);
});

scenarios.add('preferences are ours, and the server agrees', async (world) => {
  const { alice, phone, bob } = await people(world);
  const wish = xml(
    'prefs',
    { xmlns: NS.mam, default: 'always' },
    xml('always'),
    xml('never', {}, xml('jid', {}, bob.bare)),
  );
  const answer = await phone.iq('set', undefined, wish);
  assert.is(answer.getChild('prefs', NS.mam)?.getChild('never')?.getChildText('jid'), bob.bare);
  await phone.roundtrip(bob.jid); // the server has it
  const desk = await direct(world, alice);
  const told = (await desk.iq('get', undefined, xml('prefs', NS.mam))).getChild('prefs', NS.mam)!;
  assert.equal([told.attrs.default, told.getChild('never')?.getChildText('jid')], ['always', bob.bare]);
});

for (const signal of ['SIGTERM', 'SIGKILL'] as const)
  scenarios.alone(`after ${signal} the archive is the same, and goes on`, async (world) => {
    const { alice, phone, laptop, bob } = await people(world);
    const said = await talk(phone, laptop, bob, 6);
    // what is acknowledged is on the disk, and so is all before it
    const careful = await world.proxy.login(alice, { resource: 'careful' });
    await careful.enableSm();
    careful.message(bob.bare, 'last');
    await careful.acknowledged(1);
    said.push('last');
    const before = await page(phone);
    assert.equal(bodies(before), said);
    if (signal === 'SIGTERM') await world.proxy.stop();
    else await world.proxy.kill();
    await world.proxy.start();
    const again = await app(world, alice, 'phone');
    const after = await page(again);
    assert.equal(bodies(after), said);
    assert.equal(idsIn(after), idsIn(before));
    await again.roundtrip(bob.jid);
    bob.message(alice.jid, 'and on');
    await again.received(isMessage({ body: 'and on' }));
    assert.equal(bodies(await page(again, `<after>${idsIn(before).at(-1)}</after>`)), ['and on']);
  });

scenarios.add('in the single-account view it is the login’s own archive', async (world) => {
  const { alice, phone, laptop, bob } = await people(world);
  const said = await talk(phone, laptop, bob, 3);
  const single = singleLogin(world.proxy, alice);
  const tablet = await world.proxy.login(single, { resource: 'phone', mechanism: 'SCRAM-SHA-256' });
  const shown = await page(tablet, '', { with: bob.bare });
  assert.equal(bodies(shown), said);
  assert.equal(idsIn(shown), idsIn(await page(phone)));
  for (const { id, message } of shown.messages) {
    assert.equal(ownIds(message, single.jid), [id]);
    assert.not.match(`${message.attrs.from} ${message.attrs.to}`, alice.jid);
  }
  assert.is(shown.messages[2]!.message.attrs.from, `${single.jid}/phone~${single.jid.split('@')[0]}`);
  assert.equal(bodies(await page(tablet, '', { with: single.jid })), []);
});

const items = (stanza: Element): Element | undefined => stanza.getChild('event', NS.pubsubEvent)?.getChild('items');
const isMark = (stanza: Element): boolean => items(stanza)?.attrs.node === NS.displayed;
const markIn = (stanza: Element): Element =>
  items(stanza)!.getChild('item')!.getChild('displayed', NS.displayed)!.getChild('stanza-id', NS.sid)!;

async function publishMark(client: RawClient, chat: string, id: string): Promise<void> {
  const displayed = xml('displayed', NS.displayed, xml('stanza-id', { xmlns: NS.sid, by: client.bare, id }));
  const publish = xml('publish', { node: NS.displayed }, xml('item', { id: chat }, displayed));
  const answer = await client.iq('set', undefined, xml('pubsub', NS.pubsub, publish));
  assert.is(answer.attrs.type, 'result', String(answer));
}

scenarios.add('read marks: an app here, one straight at the server, each by the ids that it knows', async (world) => {
  const { alice, phone, laptop, bob } = await people(world);
  const desk = await direct(world, alice, interest);
  await bob.roundtrip(desk.jid);
  for (const body of ['one', 'two']) {
    bob.message(alice.jid, body);
    for (const client of [phone, laptop]) await client.received(isMessage({ body }));
  }
  const ours = idsIn(await page(phone));
  const theirs = idsIn(await page(desk));
  assert.is(theirs.length, 2, 'the server archives, too');
  assert.is.not(ours[0], theirs[0]);

  await publishMark(phone, bob.bare, ours[0]!);
  assert.equal(markIn(await desk.received(isMark)).attrs.id, theirs[0]);
  assert.equal(markIn(await laptop.received(isMark)).attrs.id, ours[0]);

  await publishMark(desk, bob.bare, theirs[1]!);
  await phone.received((stanza) => isMark(stanza) && markIn(stanza).attrs.id === ours[1]);
  const get = xml('pubsub', NS.pubsub, xml('items', { node: NS.displayed }));
  const kept = await phone.iq('get', undefined, get);
  const item = kept.getChild('pubsub', NS.pubsub)!.getChild('items')!.getChild('item')!;
  assert.is(item.attrs.id, bob.bare);
  assert.is(item.getChild('displayed', NS.displayed)!.getChild('stanza-id', NS.sid)!.attrs.id, ours[1]);
});

scenarios.add('read marks in messages, and in the single-account view', async (world) => {
  const { alice, phone, bob } = await people(world);
  const desk = await direct(world, alice, interest);
  const single = singleLogin(world.proxy, alice);
  const tablet = await world.proxy.login(single, { resource: 'tablet', mechanism: 'SCRAM-SHA-256' });
  available(tablet, interest);
  await tablet.roundtrip();
  await bob.roundtrip(desk.jid);
  for (const body of ['one', 'two']) {
    bob.message(alice.jid, body);
    for (const client of [phone, tablet]) await client.received(isMessage({ body }));
  }
  const ours = idsIn(await page(phone));
  const theirs = idsIn(await page(desk));

  const features = (await phone.iq('get', phone.bare, xml('query', NS.discoInfo))).getChild('query', NS.discoInfo)!;
  assert.ok(features.getChildren('feature').some(({ attrs }) => attrs.var === NS.displayedAssist));
  const id = xml('stanza-id', { xmlns: NS.sid, by: phone.bare, id: ours[0]! });
  const marker = xml('displayed', { xmlns: NS.markers, id: 'none' });
  phone.message(bob.bare, 'read', marker, xml('displayed', NS.displayed, id));
  const told = await bob.received(isMessage({ body: 'read' }));
  assert.ok(told.getChild('displayed', NS.markers));
  assert.is(told.getChild('displayed', NS.displayed), undefined);
  assert.equal(markIn(await desk.received(isMark)).attrs.id, theirs[0]);
  const shown = markIn(await tablet.received(isMark));
  assert.equal([shown.attrs.by, shown.attrs.id], [single.jid, ours[0]]);

  await publishMark(tablet, bob.bare, ours[1]!);
  await desk.received((stanza) => isMark(stanza) && markIn(stanza).attrs.id === theirs[1]);
  const seen = await phone.received((stanza) => isMark(stanza) && markIn(stanza).attrs.id === ours[1]);
  assert.is(markIn(seen).attrs.by, alice.jid);
});

scenarios.run();
