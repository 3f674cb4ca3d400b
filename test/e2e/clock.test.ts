/** The machine's clock is set while the proxy runs. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isMessage } from '../lib/party.ts';
import { RunningProxy } from '../lib/proxy.ts';

const hour = 3_600_000;

test('back: the log and root say so, once; forward: the log alone', async () => {
  const proxy = await RunningProxy.start({ program: 'shifting' });
  const app = await proxy.login(proxy.admin, { resource: 'phone' });
  app.send('<presence/>');
  await app.roundtrip();
  app.rest();
  proxy.setClock(-hour);
  const said = await app.received(isMessage({ from: proxy.root }), { within: 30_000 });
  assert.match(said.getChildText('body')!, /^This machine's clock was set back by (59 min|1 h 0 min);/);
  await proxy.prints(/the clock was set back seconds=3(600|599)$/m);
  proxy.setClock(hour);
  await proxy.prints(/the clock was set forward seconds=3(600|599)$/m);
  await app.roundtrip();
  assert.equal(app.rest().map(String), []);
  assert.is(proxy.output.match(/the clock was set/g)!.length, 2);
  await proxy.stop();
});

test.run();
