/** Service addresses while things break: each request has exactly one answer, and what was there is there again. */
import * as assert from 'uvu/assert';
import { type Element, elements, xml } from '../../src/wire/xml.ts';
import { isPresence } from '../lib/party.ts';
import { accepting, outer, reply, ServiceScenarios, work, working } from '../lib/services.ts';

const scenarios = new ServiceScenarios();
const conditionOf = (stanza: Element): string | undefined =>
  elements(stanza.getChild('error') ?? xml('error'))[0]?.name;

scenarios.alone('the first request after a start of the proxy is answered', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  working(a);
  const user = await world.user();
  await world.answering(address);
  await world.proxy.stop();
  const refused = await user.iq('get', address, work());
  assert.is(refused.attrs.type, 'error');
  await world.proxy.start();
  await world.proxy.prints(/component online.*svc\.work\.example/);
  const answer = await user.iq('get', address, work());
  assert.equal(outer(answer), ['result', address, user.jid]);
});

scenarios.alone('the server restarts: all is as before, nobody does anything', async (world) => {
  const { desk, address } = await world.serve();
  const account = await world.server.account('romeo');
  const near = await world.user('juliet', 'proxy');
  for (const round of [1, 2]) {
    const a = await world.implementing(desk, 'a');
    working(a);
    const user = await world.client(account, 'orchard');
    await world.answering(address);
    assert.is((await user.iq('get', address, work())).attrs.type, 'result', `round ${round}`);
    if (round === 2) break;
    const asked = near.iq('set', address, xml('hold', 'urn:example:hold'), 'open');
    await a.received(({ attrs }) => attrs.id === 'open');
    await (round === 1 ? world.server.stop() : world.server.kill());
    const answer = await asked;
    assert.equal([...outer(answer), conditionOf(answer)], ['error', address, near.jid, 'recipient-unavailable']);
    await world.server.start();
    await world.proxy.prints(/component waiting[\s\S]*component online.*svc\.work\.example/);
  }
});

scenarios.alone(
  'the worker dies: open requests are answered all the same',
  async (world) => {
    const desk = await world.proxy.account(world.server, 'desk');
    const { address } = await world.serve(undefined, desk);
    const a = await world.proxy.login(desk, { resource: 'a' });
    a.send('<presence/>');
    const user = await world.user('juliet', 'proxy');
    await world.answering(address);
    const asked = user.iq('set', address, work('1'), 'open');
    const request = await a.received(({ attrs }) => attrs.id === 'open');
    await world.proxy.killWorker();
    reply(a, request, work('2'));
    assert.equal(outer(await asked), ['result', address, user.jid]);
  },
  { WORKERS: '1' },
  'mortal',
);

scenarios.alone('an account of the proxy is asked nothing; its apps at its server are reached, too', async (world) => {
  const desk = await world.proxy.account(world.server, 'desk');
  const { address } = await world.serve(undefined, desk);
  const direct = await world.client(desk, 'direct');
  direct.send('<presence/>');
  working(direct);
  const user = await world.user();
  await world.answering(address);
  const answer = await user.iq('get', address, work());
  assert.is(answer.getChildText('work'), direct.jid);
  const status = await world.root(`target show ${address}`);
  assert.not.match(status, /xmpproxy-/, 'what we are there ourselves is no app');
});

scenarios.alone('who refuses is asked again, and root tells what has to be done', async (world) => {
  // there before anything is asked: what root tells it tells once
  const admin = await world.proxy.login(world.proxy.admin, { resource: 'app' });
  admin.send('<presence/>');
  await admin.roundtrip();
  const desk = await world.server.account('desk');
  const { address } = await world.serve(undefined, desk);
  const a = await world.client(desk, 'a');
  a.send('<presence/>');
  await a.received(isPresence({ from: address, type: 'subscribe' }));
  a.send(`<presence to="${address}" type="unsubscribed"/>`);
  const told = await admin.received((stanza: Element) => /has refused/.test(stanza.getChildText('body') ?? ''), {
    within: 20_000,
  });
  assert.match(told.getChildText('body')!, new RegExp(`must accept the subscription request of\n${address}`));
  await admin.received(
    ({ name, attrs, children }) =>
      name === 'presence' && attrs.from?.startsWith('root@') === true && children.length > 0,
  );
  accepting(a);
  await a.received(isPresence({ from: address, type: 'subscribe' }), { within: 60_000 });
  await world.answering(address);
});

scenarios.run();
