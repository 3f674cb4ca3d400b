/** An account behind a service address, on real servers: the exchange as people and implementing clients see it. */
import * as assert from 'uvu/assert';
import { reply, ServiceScenarios, work } from '../lib/services.ts';

const scenarios = new ServiceScenarios();

scenarios.add(
  'a request goes to the implementing client, and its answer comes back from the address',
  async (world) => {
    const { desk, address } = await world.serve();
    const a = await world.implementing(desk, 'a');
    const user = await world.user();
    await world.answering(address);
    const asked = user.iq('get', address, work('1'), 'w1');
    const request = await a.received(({ name, attrs }) => name === 'iq' && attrs.id === 'w1');
    assert.equal([request.attrs.from, request.attrs.to, request.attrs.type], [`${address}/${user.jid}`, a.jid, 'get']);
    reply(a, request, work('2'));
    const answer = await asked;
    assert.equal([answer.attrs.type, answer.attrs.from, answer.attrs.to], ['result', address, user.jid]);
    assert.is(answer.getChildText('work'), '2');
  },
);

scenarios.run();
