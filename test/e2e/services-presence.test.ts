/** Who is behind an address, as presence tells it: of test/jat-client-proxy.test.ts what has to do with that, on real servers. */
import * as assert from 'uvu/assert';
import { type Element, elements, serialize, xml } from '../../src/wire/xml.ts';
import { FarDomain } from '../lib/far-domain.ts';
import { isPresence } from '../lib/party.ts';
import type { RawClient } from '../lib/raw.ts';
import { far, outer, reply, ServiceScenarios, work, working } from '../lib/services.ts';

const scenarios = new ServiceScenarios();
const conditionOf = (stanza: Element): string =>
  elements(stanza.getChild('error') ?? xml('error'))[0]?.name ?? stanza.attrs.type;

/** Who answers that many requests, one after the other. */
async function answerers(user: RawClient, address: string, times: number): Promise<string[]> {
  const by: string[] = [];
  while (by.length < times) by.push((await user.iq('get', address, work())).getChildText('work') ?? 'nobody');
  return by;
}

scenarios.add('a request waits for the first presence of its target', async (world) => {
  const user = await world.user();
  const { desk, address } = await world.serve();
  const asked = user.iq('get', address, work(), 'w');
  await world.showing(address, /nobody answers there[\s\S]*1\s+wait/);
  const a = await world.implementing(desk, 'a');
  const request = await a.received(({ name, attrs }) => name === 'iq' && attrs.id === 'w');
  assert.equal(outer(request), ['get', `${address}/${user.jid}`, a.jid]);
  reply(a, request, work('late, but not too late'));
  assert.equal(outer(await asked), ['result', address, user.jid]);
});

scenarios.add('a request goes to a random one of those whose presence is there', async (world) => {
  const { desk, address } = await world.serve();
  const [a, b] = [await world.implementing(desk, 'a'), await world.implementing(desk, 'b')];
  for (const app of [a, b]) working(app);
  const user = await world.user();
  await world.answering(address, 2);
  const both = await answerers(user, address, 64);
  assert.equal([...new Set(both)].sort(), [a.jid, b.jid]);
  const isTwiceTheSame = both.some((by, at) => by === both[at + 1]);
  assert.ok(isTwiceTheSame, 'not one after the other');
  // connected it is, and would answer
  b.send('<presence type="unavailable"/>');
  await world.showing(address, /^● a: .*\nopen: /m);
  b.rest();
  assert.equal(new Set(await answerers(user, address, 16)), new Set([a.jid]));
  await b.roundtrip();
  assert.equal(
    b.rest().filter(({ name }) => name === 'iq'),
    [],
  );
  b.send('<presence/>');
  await world.answering(address, 2);
  assert.equal([...new Set(await answerers(user, address, 64))].sort(), [a.jid, b.jid]);
});

scenarios.add('presence of a target is for users who directed theirs to it', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const user = await world.user();
  await world.answering(address);
  const seen = `${address}/${user.jid}`;
  const says = (status: string) => a.send(serialize(xml('presence', { to: seen }, xml('status', {}, status))));
  says('unasked');
  await world.showing(address, /dropped: 1 not\s+allowed/);
  user.send(serialize(xml('presence', { to: address })));
  assert.equal(outer(await a.received(isPresence({ from: seen, type: null }))), [undefined, seen, a.jid]);
  says('in');
  const answer = await user.received(isPresence({ from: address }));
  assert.equal([...outer(answer), answer.getChildText('status')], [undefined, address, user.jid, 'in']);
  await user.roundtrip();
  assert.equal(user.rest().filter(isPresence({ from: address })), []);
});

scenarios.add('the domain of a target goes: errors empty the list, until it is back', async (world) => {
  const bot = `bot@${far.host}`;
  const domain = new FarDomain(world.server, far);
  domain.witness = ({ name, attrs: { type, id, from, to } }) => {
    if (name === 'iq' && type === 'get') domain.send(serialize(xml('iq', { type: 'result', id, from: to, to: from })));
    if (name !== 'presence' || type !== 'subscribe') return;
    domain.send(serialize(xml('presence', { type: 'subscribed', from: bot, to: from })));
    for (const resource of ['a', 'b'])
      domain.send(serialize(xml('presence', { from: `${bot}/${resource}`, to: from })));
  };
  const user = await world.user();
  const address = 'far@svc.work.example';
  const ask = async () => {
    const answer = await user.iq('get', address, work());
    assert.equal(outer(answer).slice(1), [address, user.jid]);
    return conditionOf(answer);
  };
  /** Our subscription, on the wire. */
  const subscribed = async () => {
    const asked = await domain.received(({ name }) => name === 'presence', { within: 60_000 });
    assert.equal(outer(asked), ['subscribe', address, bot]);
    const probed = await domain.received(({ name }) => name === 'presence');
    assert.equal(outer(probed), ['probe', address, bot]);
    await world.answering(address, 2);
  };
  try {
    await domain.comes();
    await world.root(`target add ${address} ${bot}`);
    await subscribed();
    assert.is(await ask(), 'result');
    await domain.goes();
    assert.match(await ask(), /^remote-server-/, 'the server answers in its place');
    // that was reason to probe for who is there; the server's answer to it is an error as presence, from the bare address
    await world.showing(address, /nobody answers there\n[\s\S]*its server\s+cannot\s+be\s+reached\s+\(remote-server-/);
    assert.is(await ask(), 'service-unavailable');
    await domain.comes();
    await subscribed();
    assert.is(await ask(), 'result');
  } finally {
    await domain.goes();
  }
});

scenarios.run();
