/** A worker dies: who is in a room stays in, and hears each thing once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { atServer, enter, hears, isOwn, newRoom, say } from '../lib/occupant.ts';
import { isMessage, type Party } from '../lib/party.ts';
import { RunningProxy } from '../lib/proxy.ts';
import { startServer } from '../lib/servers.ts';

const rounds = 5;

/** What came in the last milliseconds before a death is nowhere but at the app: it comes once more, and is dated. */
function heardOnce(app: Party, room: string, body: string): void {
  const [first, ...more] = app.all.filter(isMessage({ from: room, body }));
  assert.ok(first !== undefined, body);
  assert.ok(more.length <= 1 && more.every((again) => again.getChild('delay', NS.delay)), `${more.length} × ${body}`);
}

for (const kind of ['prosody', 'ejabberd'] as const)
  test(`killed ${rounds} times while people talk: nothing is lost or doubled, nobody is out (${kind})`, async () => {
    const server = await startServer(kind);
    const proxy = await RunningProxy.start({ server, env: { WORKERS: '1', SASL_PLUS: 'off' }, program: 'mortal' });
    const room = newRoom(server);
    const alice = await proxy.account(server, 'alice');
    const bob = await atServer(server, room, 'bob');
    const phone = await proxy.login(alice, { resource: 'phone' });
    const laptop = await proxy.login(alice, { resource: 'laptop' });
    for (const app of [phone, laptop]) {
      app.send('<presence/>');
      await enter(app, room, 'alice');
    }
    for (let round = 0; round < rounds; round++) {
      say(bob, room, `before ${round}`);
      await proxy.killWorker(0);
      say(bob, room, `after ${round}`);
      for (const app of [phone, laptop])
        for (const what of ['before', 'after']) await hears(app, room, `${what} ${round}`);
      say(phone, room, `phone ${round}`);
      const answer = await phone.received(isMessage({ from: room, id: `phone ${round}` }));
      if (answer.attrs.type === 'error') continue; // on our way back, and said so
      await hears(bob, room, `phone ${round}`);
      await hears(laptop, room, `phone ${round}`);
    }
    const late = await proxy.login(alice, { resource: 'late' });
    const { occupants, history } = await enter(late, room, 'alice');
    assert.equal(occupants, ['bob']);
    const bobs = history.filter((line) => line.startsWith('bob: '));
    assert.equal(
      bobs,
      Array.from({ length: rounds }, (_, round) => [`bob: before ${round}`, `bob: after ${round}`]).flat(),
    );
    for (const app of [phone, laptop]) {
      await app.roundtrip();
      for (const line of history) heardOnce(app, room, line.slice(line.indexOf(': ') + 2));
      assert.is(app.all.filter(isOwn(room, 'unavailable')).length, 0, 'never out');
    }
    await proxy.stop();
    await server.stop();
  });

test.run();
