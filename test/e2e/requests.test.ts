/** Requests of two apps that know nothing of each other: equal ids, equal query ids, the archive of the real server. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, xml } from '../../src/wire/xml.ts';
import { isAnswer, isMessage } from '../lib/party.ts';
import { login, type RawClient } from '../lib/raw.ts';
import { Scenarios, type World } from '../lib/world.ts';

const scenarios = new Scenarios();

async function twoApps({ server, proxy }: World): Promise<{ phone: RawClient; laptop: RawClient; peer: RawClient }> {
  const alice = await proxy.account(server, 'alice');
  const bob = await server.account('bob', server.domains[1]);
  const phone = await proxy.login(alice, { resource: 'phone' });
  const laptop = await proxy.login(alice, { resource: 'laptop' });
  const peer = await login({ ...bob, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
  for (const client of [phone, laptop, peer]) {
    client.send('<presence/>');
    await client.roundtrip();
  }
  await phone.roundtrip(peer.jid); // the real server has taken the presence
  return { phone, laptop, peer };
}

const isRequest = ({ name, attrs }: Element): boolean =>
  name === 'iq' && (attrs.type === 'get' || attrs.type === 'set');
const question = (id: string, to: string, text: string): string =>
  `<iq type="get" id="${id}" to="${to}"><question xmlns="urn:example:question">${text}</question></iq>`;
const answerTo = ({ attrs }: Element, text: string): string =>
  `<iq type="result" id="${attrs.id}" to="${attrs.from}"><answer xmlns="urn:example:question">${text}</answer></iq>`;

scenarios.add('equal ids from both apps at once: each gets its own answer, whatever the order', async (world) => {
  const { phone, laptop, peer } = await twoApps(world);
  for (let round = 0; round < 20; round++) {
    const id = `same-${round}`;
    phone.send(question(id, peer.jid, 'phone'));
    laptop.send(question(id, peer.jid, 'laptop'));
    const asked = [await peer.received(isRequest), await peer.received(isRequest)];
    assert.is.not(asked[0]!.attrs.id, asked[1]!.attrs.id, 'they are told apart on the way');
    if (round % 2) asked.reverse();
    for (const request of asked) peer.send(answerTo(request, `for ${request.getChildText('question')}`));
    for (const [app, name] of [
      [phone, 'phone'],
      [laptop, 'laptop'],
    ] as const) {
      const answer = await app.received(isAnswer(id));
      assert.is(answer.getChildText('answer'), `for ${name}`);
      assert.is(answer.attrs.from, peer.jid);
      assert.is(answer.attrs.to, app.jid);
    }
  }
  for (const app of [phone, laptop]) {
    await app.roundtrip(peer.jid);
    assert.is(app.all.filter(({ attrs }) => attrs.id?.startsWith('same-')).length, 20, 'one answer each');
    await app.close();
  }
});

scenarios.add('an answer from somebody else is nobody’s', async (world) => {
  const { phone, laptop, peer } = await twoApps(world);
  const mallory = await login({
    ...(await world.server.account('mallory')),
    host: world.server.host,
    port: world.server.port,
    ca: world.server.ca,
  });
  phone.send(question('q1', peer.jid, 'phone'));
  const request = await peer.received(isRequest);
  mallory.send(answerTo(request, 'forged'));
  await mallory.roundtrip();
  peer.send(answerTo(request, 'true'));
  const answer = await phone.received(isAnswer('q1'));
  assert.is(answer.getChildText('answer'), 'true');
  await laptop.roundtrip(peer.jid);
  assert.is(laptop.all.filter(({ attrs }) => attrs.id === 'q1').length, 0);
  assert.is(phone.all.filter(({ attrs }) => attrs.id === 'q1').length, 1);
});

/** Queries the archive and gives its answer with the results, as they came. */
async function archive(app: RawClient, id: string, queryid: string, ...more: string[]) {
  const max = `<set xmlns="${NS.rsm}"><max>50</max></set>`;
  app.send(
    `<iq type="set" id="${id}"><query xmlns="${NS.mam}" queryid="${queryid}">${more.join('')}${max}</query></iq>`,
  );
  const answer = await app.received(isAnswer(id));
  const before = app.all.slice(0, app.all.indexOf(answer));
  const results = before.flatMap((stanza) => stanza.getChild('result', NS.mam) ?? []);
  return { answer, results: results.filter(({ attrs }) => attrs.queryid === queryid) };
}

scenarios.add(
  'archive queries from both apps at once, with equal query ids: each has all results, once',
  async (world) => {
    const { phone, laptop, peer } = await twoApps(world);
    const said = Array.from({ length: 10 }, (_, index) => `archived ${index}`);
    for (const body of said) peer.message(phone.bare, body);
    await phone.received(isMessage({ body: said.at(-1)! }));
    await laptop.received(isMessage({ body: said.at(-1)! }));
    const both = await Promise.all([phone, laptop].map((app) => archive(app, 'mam1', 'q')));
    for (const [index, { answer, results }] of both.entries()) {
      assert.is(answer.attrs.type, 'result', String(answer));
      const bodies = results.map((result) =>
        result.getChild('forwarded', NS.forward)?.getChild('message')?.getChildText('body'),
      );
      assert.equal(bodies, said, `app ${index}`);
      assert.is(answer.getChild('fin', NS.mam)?.getChild('set', NS.rsm)?.getChildText('count') ?? '10', '10');
    }
  },
);

scenarios.add('slixmpp reads the archive from both apps at once', async ({ proxy, server, slix }) => {
  const alice = await proxy.account(server, 'alice');
  const bob = await server.account('bob', server.domains[1]);
  const atServer = { host: server.host, port: server.port, ca: server.ca };
  const peer = slix.client({ ...bob, jid: `${bob.jid}/desk`, ...atServer });
  const apps = ['phone', 'laptop'].map((name) => slix.client(proxy.slix(alice, name, { mechanism: 'SCRAM-SHA-256' })));
  for (const client of [...apps, peer]) {
    await client.connect();
    await client.presence();
    await client.roundtrip();
  }
  for (const app of apps) await app.roundtrip(peer.jid);
  const said = ['one', 'two', 'three'];
  for (const body of said) peer.message(alice.jid, body);
  for (const app of apps) await app.received(isMessage({ body: 'three' }));
  const pages = await Promise.all(apps.map((app) => app.mam({ with: bob.jid, max: 10 })));
  for (const { bodies } of pages) assert.equal(bodies, said);
  for (const client of [...apps, peer]) await client.disconnect();
});

scenarios.add('what the archive calls a message is what the message said of itself', async (world) => {
  const { phone, peer } = await twoApps(world);
  peer.message(phone.bare, 'remember me');
  const message = await phone.received(isMessage({ body: 'remember me' }));
  const ids = message.getChildren('stanza-id', NS.sid).filter(({ attrs }) => attrs.by === phone.bare);
  assert.is(ids.length, 1);
  const { results } = await archive(phone, 'mam2', 'q2');
  assert.ok(results.some(({ attrs }) => attrs.id === ids[0]!.attrs.id));
});

scenarios.add('a refused request comes back to the app that made it', async (world) => {
  const { phone } = await twoApps(world);
  const answer = await phone.iq('get', world.server.domain, xml('question', 'urn:example:question'));
  assert.is(answer.attrs.type, 'error');
  assert.is(answer.getChild('error')?.getChild('service-unavailable', NS.stanzas)?.name, 'service-unavailable');
});

scenarios.run();
