/** Channel binding and certificates through the whole program (RFC 5802 §6, XEP-0440; RULES, Logging in). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { selfSigned } from '../../src/stream/certificate.ts';
import { NS } from '../../src/wire/ns.ts';
import type { RunningProxy } from '../lib/proxy.ts';
import { LoginFailure, type Mechanism, type PlusMechanism, RawClient } from '../lib/raw.ts';
import type { Binding } from '../lib/scram.ts';
import type { Account } from '../lib/servers.ts';
import { Scenarios, until, type World } from '../lib/world.ts';

const scenarios = new Scenarios();
const on = { SASL_PLUS: 'on' };
const mechanisms: readonly PlusMechanism[] = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS'];
const types = ['tls-exporter', 'tls-server-end-point'];
const parts = ({ jid }: Account) => jid.split('@') as [string, string];

async function userOf({ proxy }: World, name: string): Promise<Account> {
  const password = 'a long proxy password';
  await proxy.rootSays(`user add ${name} "${password}"`, /is in/);
  return { jid: `${name}@${proxy.domain}`, password };
}

async function refused(client: RawClient, account: Account, mechanism: Mechanism, binding: Binding | 'y') {
  const attempt = client.authenticate(parts(account)[0], account.password, mechanism, { binding });
  const reason = await attempt.catch((error: unknown) => error);
  assert.instance(reason, LoginFailure);
  assert.is((reason as LoginFailure).condition, 'not-authorized');
}

scenarios.alone(
  'every mechanism with each binding, by both ways of TLS, for an account and for a user of the proxy',
  async (world) => {
    const { proxy, server, slix } = world;
    const alice = await proxy.account(server, 'alice');
    for (const account of [alice, await userOf(world, 'carol')])
      for (const way of ['starttls', 'direct'] as const)
        for (const mechanism of mechanisms)
          for (const type of types) {
            const [user, domain] = parts(account);
            const client = await RawClient.open(domain, proxy.endpoint(way));
            assert.equal(client.bindings, types);
            await client.authenticate(user, account.password, mechanism, { binding: client.binding(type) });
            assert.is(await client.bind('phone'), `${account.jid}/phone`);
            await client.close();
          }
    const client = await RawClient.open(server.domain, proxy.endpoint());
    await refused(client, alice, 'SCRAM-SHA-256', 'y');
    await refused(client, alice, 'SCRAM-SHA-256-PLUS' as Mechanism, {
      ...client.binding('tls-exporter'),
      type: 'tls-unique',
    });
    await client.authenticate(parts(alice)[0], alice.password, 'SCRAM-SHA-256');
    await client.close();
    // it knows tls-unique alone (RFC 5929 §3, which TLS 1.3 has not) and says `y` with the mechanisms without binding
    const app = slix.client(proxy.slix(alice, 'app'));
    assert.is(await app.connect(), 'session');
    assert.match(proxy.output, /logged in .*PLAIN/);
    await app.disconnect();
  },
  on,
);

scenarios.alone(
  'a domain open to enrolment offers no SCRAM, and so no channel binding',
  async ({ proxy, server }) => {
    const enrolling = await RawClient.open(server.domain, proxy.endpoint());
    assert.equal([enrolling.mechanisms, enrolling.bindings], [['PLAIN'], []]);
    await enrolling.close();
    const own = await RawClient.open(proxy.domain, proxy.endpoint());
    assert.equal(own.bindings, types);
    await own.close();
  },
  { ...on, ENROLL: 'work.example' },
);

scenarios.alone('without it, apps that could bind are told so and get in', async ({ proxy, server }) => {
  const alice = await proxy.account(server, 'alice');
  const client = await RawClient.open(server.domain, proxy.endpoint());
  assert.equal([client.mechanisms, client.bindings], [['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'], []]);
  await client.authenticate(parts(alice)[0], alice.password, 'SCRAM-SHA-256', { binding: 'y' });
  await client.close();
});

/** Puts a new pair there. */
function replace(proxy: RunningProxy, domain: string): void {
  const { cert, key } = selfSigned(domain, new Date());
  writeFileSync(join(proxy.folder, 'data', 'certs', `${domain}.key`), key);
  writeFileSync(join(proxy.folder, 'data', 'certs', `${domain}.crt`), cert);
}

/** What a client is shown now. */
async function shown(proxy: RunningProxy, domain: string): Promise<string> {
  const client = await RawClient.open(domain, proxy.endpoint('direct'));
  await client.close();
  return client.tls!.fingerprint;
}

scenarios.alone(
  'a certificate that is replaced is shown to those who come; those who are there stay',
  async ({ proxy, server }) => {
    const alice = await proxy.account(server, 'alice');
    const phone = await proxy.login(alice, { resource: 'phone' });
    const first = phone.tls!.fingerprint;
    replace(proxy, server.domain);
    let now = '';
    const look = async () => {
      now = await shown(proxy, server.domain);
    };
    await until('the new certificate', () => now !== '' && now !== first, look);
    const second = now;
    replace(proxy, server.domain);
    process.kill(proxy.pid, 'SIGHUP');
    await proxy.prints(/certificate changed[\s\S]*certificate changed/);
    assert.not([first, second].includes(await shown(proxy, server.domain)));
    await phone.roundtrip();
    await phone.close();
  },
  on,
);

/** The salt that a login is asked to use (RFC 5802 §5.1). */
async function saltOf(proxy: RunningProxy, name: string): Promise<string> {
  const client = await RawClient.open(proxy.domain, proxy.endpoint());
  const first = Buffer.from(`n,,n=${name},r=abc`).toString('base64');
  client.send(`<auth xmlns="${NS.sasl}" mechanism="SCRAM-SHA-256">${first}</auth>`);
  const challenge = await client.received(({ attrs }) => attrs.xmlns === NS.sasl);
  await client.close();
  return /s=([^,]+)/.exec(Buffer.from(challenge.getText(), 'base64').toString())![1]!;
}

scenarios.alone('who exists is not told by salts that change with a restart', async (world) => {
  const { proxy } = world;
  await userOf(world, 'carol');
  const salts = async () => [await saltOf(proxy, 'carol'), await saltOf(proxy, 'nobody')];
  const before = await salts();
  await proxy.stop();
  await proxy.start();
  assert.equal(await salts(), before);
  assert.is(new Set(before).size, 2);
});

scenarios.run();
