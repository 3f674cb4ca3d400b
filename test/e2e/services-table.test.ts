/** More of what test/jat-client-proxy.test.ts has in its table, on real servers. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, elements, serialize, xml } from '../../src/wire/xml.ts';
import { isMessage } from '../lib/party.ts';
import { outer, reply, ServiceScenarios, work, working } from '../lib/services.ts';

const scenarios = new ServiceScenarios();
const conditionOf = (stanza: Element): string | undefined =>
  elements(stanza.getChild('error') ?? xml('error'))[0]?.name;
const isWork = (id: string) => (stanza: Element) => stanza.name === 'iq' && stanza.attrs.id === id;

scenarios.add('every node and resource of a host is asked alike, and answers as itself', async (world) => {
  const host = 'focus.work.example';
  const { desk } = await world.serve(host);
  working(await world.implementing(desk, 'a'));
  const user = await world.user();
  await world.answering(host);
  for (const asked of [host, `node@${host}`, `${host}/resource`, `node@${host}/resource`]) {
    const answer = await user.iq('get', asked, work());
    assert.equal([...outer(answer), answer.getChildText('work')], ['result', asked, user.jid, `${desk.jid}/a`]);
  }
});

scenarios.add('what answers nothing goes nowhere; errors of the target reach the user', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const user = await world.user();
  await world.answering(address);
  const b = await world.implementing(desk, 'b');
  await world.answering(address, 2);
  await world.root(`target drain ${address} b`, /no new work/);
  const seen = `${address}/${user.jid}`;
  const asked = user.iq('get', address, work(), 'q');
  const request = await a.received(isWork('q'));
  assert.equal(outer(request), ['get', seen, a.jid]);
  b.send(serialize(xml('iq', { type: 'result', id: 'q', to: seen }, work('forged'))));
  b.send(serialize(xml('iq', { type: 'result', id: 'other', to: seen }, work('forged'))));
  b.send(serialize(xml('message', { type: 'error', id: 'm', to: seen }, xml('body', {}, 'forged'))));
  await b.roundtrip();
  assert.is(conditionOf(await b.iq('get', `${address}/nobody`, work())), 'forbidden', 'all before has passed');
  reply(a, request, work('true'));
  assert.is((await asked).getChildText('work'), 'true');
  await user.roundtrip();
  assert.equal(
    user.rest().filter((stanza) => serialize(stanza).includes('forged')),
    [],
  );
  const again = user.iq('set', address, work(), 'e');
  const refused = await a.received(isWork('e'));
  const condition = xml('error', { type: 'modify' }, xml('not-acceptable', NS.stanzas));
  a.send(serialize(xml('iq', { type: 'error', id: 'e', to: refused.attrs.from }, condition)));
  const error = await again;
  assert.equal([...outer(error), conditionOf(error)], ['error', address, user.jid, 'not-acceptable']);
});

scenarios.add('a target asks the address itself nothing but whether it stands', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  await world.answering(address);
  assert.is(conditionOf(await a.iq('get', address, work())), 'bad-request');
  assert.equal(outer(await a.iq('get', address, xml('ping', NS.ping))), ['result', address, a.jid]);
});

scenarios.add('who users are is hidden, where that is set', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const user = await world.user();
  await world.answering(address);
  for (const encoding of ['resource', 'localpart']) {
    await world.root(`target set ${address} private=yes encoding=${encoding}`, /private: yes/);
    const asked = user.iq('get', address, work(), `p-${encoding}`);
    const request = await a.received(isWork(`p-${encoding}`));
    assert.not.match(serialize(request), user.bare.split('@')[0]!);
    reply(a, request, work('yes'));
    assert.equal(outer(await asked), ['result', address, user.jid]);
    user.message(address, `hello ${encoding}`);
    const heard = await a.received(isMessage({ body: `hello ${encoding}` }));
    assert.not.match(serialize(heard), user.bare.split('@')[0]!);
    a.message(heard.attrs.from, `good day ${encoding}`);
    assert.is((await user.received(isMessage({ body: `good day ${encoding}` }))).attrs.from, address);
  }
});

scenarios.run();
