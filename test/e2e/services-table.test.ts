/** More of what test/jat-client-proxy.test.ts has in its table, on real servers. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, elements, serialize, xml } from '../../src/wire/xml.ts';
import { isMessage } from '../lib/party.ts';
import type { RawClient } from '../lib/raw.ts';
import { outer, reply, ServiceScenarios, work, working } from '../lib/services.ts';

const scenarios = new ServiceScenarios();
const conditionOf = (stanza: Element): string | undefined =>
  elements(stanza.getChild('error') ?? xml('error'))[0]?.name;
const itemNotFound = xml('error', { type: 'cancel' }, xml('item-not-found', NS.stanzas));
/** What has come from there, or from below it, and no call took. */
const ofAddress = (party: RawClient, address: string): string[] =>
  party
    .rest()
    .filter(({ attrs }) => attrs.from?.split('/')[0] === address)
    .map(serialize);
const isWork = (id: string) => (stanza: Element) => stanza.name === 'iq' && stanza.attrs.id === id;

scenarios.add('every node and resource of a host is asked alike, and answers as itself', async (world) => {
  const host = 'focus.work.example';
  const { desk } = await world.serve(host);
  const a = await world.implementing(desk, 'a');
  working(a);
  const user = await world.user();
  await world.answering(host);
  for (const asked of [host, `node@${host}`, `${host}/resource`, `node@${host}/resource`]) {
    const answer = await user.iq('get', asked, work());
    assert.equal([...outer(answer), answer.getChildText('work')], ['result', asked, user.jid, `${desk.jid}/a`]);
  }
  const requests = a.all.filter(({ name }) => name === 'iq').map(outer);
  assert.equal(requests.slice(-4), Array(4).fill(['get', `${host}/${user.jid}`, a.jid]));
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
  for (const app of [a, b]) ofAddress(app, address); // we asked for their presence
  const forged = (name: string, attrs: Record<string, string>, ...more: Element[]) =>
    b.send(serialize(xml(name, attrs, xml('forged', 'urn:example:work'), ...more)));
  for (const id of ['q', 'other']) {
    forged('iq', { type: 'error', id, to: seen }, itemNotFound);
    forged('iq', { type: 'result', id, to: seen });
    forged('iq', { type: 'result', id, to: `${address}/@@` });
    forged('message', { type: 'error', id, to: seen }, itemNotFound);
    forged('presence', { type: 'error', id, to: seen }, itemNotFound);
  }
  await world.showing(address, /dropped: 6 unasked\s+answer, 4\s+unasked\s+error/);
  assert.is(conditionOf(await b.iq('get', `${address}/nobody`, work())), 'forbidden');
  assert.equal(ofAddress(b, address), [], 'none of it was answered');
  reply(a, request, work('true'));
  assert.is((await asked).getChildText('work'), 'true');
  reply(a, request, xml('forged', 'urn:example:work'));
  await world.showing(address, /dropped: 7 unasked\s+answer/);
  for (const party of [a, user]) {
    await party.roundtrip();
    assert.equal(ofAddress(party, address), []);
  }
  const again = user.iq('set', address, work(), 'e');
  const refused = await a.received(isWork('e'));
  const condition = xml('error', { type: 'modify' }, xml('not-acceptable', NS.stanzas));
  a.send(serialize(xml('iq', { type: 'error', id: 'e', to: refused.attrs.from }, condition)));
  const error = await again;
  assert.equal([...outer(error), conditionOf(error)], ['error', address, user.jid, 'not-acceptable']);
});

scenarios.add('what users answer or refuse unasked goes nowhere', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const user = await world.user();
  await world.answering(address);
  ofAddress(a, address);
  const says = (name: string, type: string, ...inside: Element[]) =>
    user.send(serialize(xml(name, { type, id: 'u', to: address }, xml('unasked', 'urn:example:work'), ...inside)));
  says('iq', 'result');
  for (const name of ['iq', 'message', 'presence']) says(name, 'error', itemNotFound);
  await world.showing(address, /dropped: 2 unasked\s+answer, 2\s+unasked\s+error/);
  for (const party of [a, user]) {
    await party.roundtrip();
    assert.equal(ofAddress(party, address), []);
  }
});

scenarios.add('a target asks the address itself nothing but whether it stands', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  await world.answering(address);
  const refused = await a.iq('get', address, work());
  assert.equal([...outer(refused), conditionOf(refused)], ['error', address, a.jid, 'bad-request']);
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
