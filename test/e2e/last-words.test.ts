/** Root's words at the right moment: before a session ends, when an app comes back, and with all that the next try needs. */
import * as assert from 'uvu/assert';
import { isMessage, isPresence } from '../lib/party.ts';
import { askRoot, type RunningProxy } from '../lib/proxy.ts';
import type { RawClient } from '../lib/raw.ts';
import type { Account, RealServer } from '../lib/servers.ts';
import { Scenarios, until } from '../lib/world.ts';

const scenarios = new Scenarios();
const password = 'a long proxy password';

async function app(proxy: RunningProxy, account: Account, resource: string): Promise<RawClient> {
  const client = await proxy.login(account, { resource });
  client.send('<presence/>');
  await client.received(isPresence({ from: client.jid }));
  return client;
}

/** A user with one account, and the app of that account, unlocked. */
async function userWith(proxy: RunningProxy, server: RealServer, name: string) {
  await proxy.rootSays(`user add ${name} "${password}"`, /is in/);
  const user = { jid: `${name}@${proxy.domain}`, password };
  const account = await server.account(name);
  const merged = await app(proxy, user, 'merged');
  await askRoot(merged, proxy.root, `account add ${account.jid} ${account.password} label=work`, /Connected/);
  return { user, account, merged };
}

/** The condition of the stream error that ends it. */
async function ending(client: RawClient): Promise<string | undefined> {
  const error = await client.received(({ name }) => name === 'error', { what: 'a stream error' });
  await client.closed;
  return error.children.find((child) => typeof child !== 'string')?.name;
}

scenarios.add('an app that removes its own account hears so before its session ends', async ({ proxy, server }) => {
  const { account, merged } = await userWith(proxy, server, 'hanna');
  const own = await app(proxy, account, 'own');
  await askRoot(own, proxy.root, `unlock "${password}"`, /Unlocked/);
  const code = /yes \d{4}/.exec(await askRoot(own, proxy.root, 'account del work', /yes \d{4}/))![0];
  assert.match(await askRoot(own, proxy.root, code), /^work is removed\./);
  assert.is(await ending(own), 'not-authorized');
  await askRoot(merged, proxy.root, 'account list', /^No account yet/);
});

scenarios.add('apps are listed and logged out, the one that asks with its answer', async ({ proxy, server }) => {
  const { account, merged } = await userWith(proxy, server, 'ida');
  const [phone, desk] = [await app(proxy, account, 'phone'), await app(proxy, account, 'desk')];
  const seen = await askRoot(phone, proxy.root, 'client list');
  assert.equal(seen.match(/^[●◐] .*/gm), ['● 1 phone (this app)', '● 2 desk']);
  assert.match(seen, /^work, for 0 min, TLS, PLAIN,\nfrom 127\.0\.0\.1$/m);
  assert.match(await askRoot(merged, proxy.root, 'client list'), /● 1 merged \(this app\)/);
  assert.match(await askRoot(phone, proxy.root, 'client kick desk'), /^desk is logged out\. It may log in again/);
  assert.is(await ending(desk), 'reset');
  assert.match(await askRoot(phone, proxy.root, 'client kick 1'), /^phone is logged out\./);
  assert.is(await ending(phone), 'reset');
  await (await app(proxy, account, 'desk')).close();
  assert.match(await proxy.rootSays('client kick merged ida'), /`user set ida password`/);
  assert.is(await ending(merged), 'reset');
});

scenarios.alone('who was away when the server refused the password hears of it on arrival', async (world) => {
  const { proxy, server } = world;
  const { user, account, merged } = await userWith(proxy, server, 'jane');
  await merged.close();
  const hidden = await proxy.login(user, { resource: 'hidden' }); // without presence: root answers, and no more
  await askRoot(hidden, proxy.root, 'account off work', /^work is off/);
  await askRoot(hidden, proxy.root, 'account set work password=wrong', /^Password stored/);
  await askRoot(hidden, proxy.root, 'account on work', /^work connects/);
  let status = '';
  const look = async () => {
    status = await proxy.rootSays('server status', /stopped/);
  };
  await until('the account has stopped', () => status.includes('✖ 1 stopped'), look);
  const alerts = (client: RawClient) =>
    client.bodies(proxy.root).filter((text) => text.startsWith('work is not online'));
  const back = await app(proxy, user, 'back');
  await back.received(isMessage({ from: proxy.root }), { what: 'the alert' });
  assert.match(alerts(back)[0]!, /^work is not online\.\nThe server of .* refused the .*`account set work password`/s);
  const second = await app(proxy, user, 'second');
  await second.roundtrip();
  assert.equal([alerts(back).length, alerts(second), alerts(hidden)], [1, [], []]);
  const own = await app(proxy, { ...account, password: 'wrong' }, 'own');
  await own.received(isMessage({ from: proxy.root }), { what: 'the alert in the account’s own login' });
  assert.is(alerts(own).length, 1);
});

scenarios.alone(
  'a certificate that nobody vouches for: what root suggests works as it stands',
  async ({ proxy, server }) => {
    const account = await server.account('kim');
    const line = `account add ${account.jid} ${account.password} host=${server.host}:${server.port} label=club`;
    const refused = await proxy.rootSays(line, /Nothing was kept/);
    const next = /`(account add .*)`/.exec(refused)![1]!;
    assert.match(next, / label=club trust=[0-9a-f]{16} host=127\.0\.0\.1:\d+$/);
    await proxy.rootSays(next, /as your next message/);
    assert.match(await proxy.rootSays(account.password, /Connected|Nothing/), /^Connected: 0 contacts\./);
    await (await proxy.login(account)).close();
  },
  { UPSTREAM_CA: '', UPSTREAM_ROUTES: '' },
);

scenarios.run();
