/** Service addresses for people and implementing clients that are logged in at the proxy: no server stands between. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, serialize, xml } from '../../src/wire/xml.ts';
import { carbon, isMessage, isPresence } from '../lib/party.ts';
import { outer, reply, ServiceScenarios, work, working } from '../lib/services.ts';

const scenarios = new ServiceScenarios();
const isRequest =
  (id: string) =>
  ({ name, attrs }: Element) =>
    name === 'iq' && attrs.id === id && (attrs.type === 'get' || attrs.type === 'set');

scenarios.add('an implementing client at the proxy is reached directly, and nobody accepts anything', async (world) => {
  const desk = await world.proxy.account(world.server, 'desk');
  const { address } = await world.serve(undefined, desk);
  const a = await world.proxy.login(desk, { resource: 'a' });
  a.send('<presence/>');
  const user = await world.user();
  await world.answering(address);
  const answered = user.iq('get', address, work('1'), 'd1');
  const request = await a.received(isRequest('d1'));
  assert.equal(outer(request), ['get', `${address}/${user.jid}`, a.jid]);
  reply(a, request, work('2'));
  assert.equal(outer(await answered), ['result', address, user.jid]);
  assert.equal(
    a.all.filter(({ name, attrs }) => name === 'presence' && attrs.type === 'subscribe'),
    [],
  );
  await a.close();
  const refused = await user.iq('get', address, work());
  assert.is(refused.attrs.type, 'error');
});

scenarios.add('somebody at the proxy asks a component without the server', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const user = await world.user('juliet', 'proxy');
  await world.answering(address);
  const answered = user.iq('get', `${address}/x`, work('1'), 'e1');
  const request = await a.received(isRequest('e1'));
  // the account's address, with the app's own resource
  assert.equal(outer(request), ['get', `${address}/${user.jid}`, a.jid]);
  reply(a, request, work('2'));
  assert.equal(outer(await answered), ['result', `${address}/x`, user.jid]);
});

scenarios.add('both at the proxy: requests, messages, copies for the other apps', async (world) => {
  const desk = await world.proxy.account(world.server, 'desk');
  const { address } = await world.serve(undefined, desk);
  const [a, b] = [await world.proxy.login(desk, { resource: 'a' }), await world.proxy.login(desk, { resource: 'b' })];
  for (const app of [a, b]) app.send('<presence/>');
  const juliet = await world.proxy.account(world.server, 'juliet');
  const [phone, laptop] = [
    await world.proxy.login(juliet, { resource: 'phone' }),
    await world.proxy.login(juliet, { resource: 'laptop' }),
  ];
  await laptop.iq('set', undefined, xml('enable', NS.carbons));
  for (const app of [phone, laptop]) {
    app.send('<presence/>');
    await app.roundtrip();
  }
  await world.answering(address, 2);
  for (const app of [a, b]) working(app);
  const answers = await Promise.all(Array.from({ length: 40 }, () => phone.iq('get', address, work())));
  assert.equal(new Set(answers.map((answer) => answer.getChildText('work'))), new Set([a.jid, b.jid]));

  phone.message(address, 'Hello?');
  const heard = await a.received(isMessage({ body: 'Hello?' }));
  assert.is(heard.attrs.from, `${address}/${phone.jid}`);
  const copy = carbon(await laptop.received((stanza) => carbon(stanza, 'sent') !== undefined), 'sent')!;
  assert.equal([copy.attrs.to, copy.getChildText('body')], [address, 'Hello?']);
  a.message(heard.attrs.from, 'Yes?');
  for (const app of [phone, laptop]) assert.is((await app.received(isMessage({ body: 'Yes?' }))).attrs.from, address);
  await b.roundtrip();
  assert.equal(
    b.bodies().filter((body) => body.includes('Yes?')),
    [],
    'what one instance says is nothing to another',
  );
});

scenarios.add("an address on the proxy's own domain", async (world) => {
  const desk = await world.proxy.account(world.server, 'desk');
  const address = `help-${desk.jid.split('-')[1]!.split('@')[0]}@proxy.example`;
  await world.serve(address, desk);
  const a = await world.proxy.login(desk, { resource: 'a' });
  a.send('<presence/>');
  const juliet = await world.user('juliet', 'proxy');
  const admin = await world.proxy.login(world.proxy.admin, { resource: 'app' });
  admin.send('<presence/>');
  await world.answering(address);
  for (const user of [juliet, admin]) {
    const answered = user.iq('get', address, work('1'), `o ${user.jid}`);
    const request = await a.received(isRequest(`o ${user.jid}`));
    assert.equal(outer(request), ['get', `${address}/${user.jid}`, a.jid]);
    reply(a, request, work('2'));
    assert.equal(outer(await answered), ['result', address, user.jid]);
  }
  juliet.send(serialize(xml('presence', { to: address, type: 'subscribe' })));
  await juliet.received(isPresence({ from: address, type: 'subscribed' }));
  await juliet.received(isPresence({ from: address, type: null }));
  await a.close();
  await juliet.received(isPresence({ from: address, type: 'unavailable' }));
  const again = await world.proxy.login(desk, { resource: 'a' });
  again.send('<presence/>');
  await juliet.received(isPresence({ from: address, type: null }));
  const items = await juliet.iq('get', 'proxy.example', xml('query', NS.discoItems));
  const listed = items
    .getChild('query')!
    .getChildren('item')
    .map(({ attrs }) => attrs.jid);
  assert.ok(listed.includes(address), listed.join());
  const far = await world.server.account('far');
  assert.match(await world.root(`target add other@proxy.example ${far.jid}`), /only accounts of this proxy/);
});

scenarios.add('what is directed at an address ends with the app', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const user = await world.user('juliet', 'proxy');
  await world.answering(address);
  user.send(serialize(xml('presence', { to: `${address}/nick` }, xml('x', NS.muc))));
  const came = await a.received(isPresence({ from: `${address}/${user.jid}`, type: null }));
  assert.ok(came.getChild('x', NS.muc));
  user.cut();
  await a.received(isPresence({ from: `${address}/${user.jid}`, type: 'unavailable' }));
});

scenarios.add('in the single-account view a person is the account, for a component too', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const juliet = await world.server.account('juliet');
  const label = juliet.jid.split('@')[0]!;
  await world.proxy.add(juliet, label);
  const { jid, password } = world.proxy.admin;
  const single = await world.proxy.login({ jid: jid.replace('@', `+${label}@`), password }, { resource: 'phone' });
  single.send('<presence/>');
  const merged = await world.proxy.login(world.proxy.admin, { resource: 'tablet' });
  merged.send('<presence/>');
  await world.answering(address);
  for (const [user, face] of [
    [single, `${juliet.jid}/phone~admin+${label}`],
    [merged, merged.jid],
  ] as const) {
    const answered = user.iq('get', address, work('1'), `s ${face}`);
    const request = await a.received(isRequest(`s ${face}`));
    assert.is(request.attrs.from, `${address}/${face}`);
    reply(a, request, work('2'));
    assert.equal(outer(await answered), ['result', address, user.jid]);
    a.message(request.attrs.from, `to ${face}`);
    assert.is((await user.received(isMessage({ body: `to ${face}` }))).attrs.from, address);
  }
});

scenarios.run();
