/** Who gets in, by which way, and what the others are told (RFC 6120 §§5, 6; RULES, Logging in). */
import * as assert from 'uvu/assert';
import { isPresence } from '../lib/party.ts';
import { askRoot } from '../lib/proxy.ts';
import { LoginFailure, type Mechanism, RawClient } from '../lib/raw.ts';
import type { Security } from '../lib/raw-stream.ts';
import type { Account } from '../lib/servers.ts';
import { Scenarios, type World } from '../lib/world.ts';

const scenarios = new Scenarios();
const mechanisms: readonly Mechanism[] = ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'];
const ways: readonly ('starttls' | 'direct')[] = ['starttls', 'direct'];
const local = (account: Account): string => account.jid.split('@')[0]!;

async function userOf({ proxy }: World, name: string): Promise<Account> {
  const password = 'a long proxy password';
  await proxy.rootSays(`user add ${name} "${password}"`, /is in/);
  return { jid: `${name}@${proxy.domain}`, password };
}

scenarios.add('both ways of TLS with every mechanism, for an account and for a user of the proxy', async (world) => {
  const { proxy, server } = world;
  for (const account of [await proxy.account(server, 'alice'), await userOf(world, 'carol')])
    for (const security of ways)
      for (const mechanism of mechanisms) {
        const client = await proxy.login(account, { mechanism, security, resource: 'phone' });
        assert.is(client.jid, `${account.jid}/phone`);
        assert.ok(['TLSv1.2', 'TLSv1.3'].includes(client.tls?.protocol ?? ''), 'TLS');
        if (security === 'direct') assert.is(client.tls?.alpn, 'xmpp-client');
        client.send('<presence/>');
        await client.received(isPresence({ from: proxy.root, type: null }));
        await client.close();
      }
});

scenarios.add('slixmpp gets in by every mechanism and both ways', async ({ proxy, server, slix }) => {
  const alice = await proxy.account(server, 'alice');
  for (const security of ways)
    for (const mechanism of mechanisms) {
      const client = slix.client(proxy.slix(alice, mechanism, { mechanism, security }));
      assert.is(await client.connect(), 'session', `${mechanism}, ${security}`);
      await client.presence();
      await client.received(isPresence({ from: proxy.root, type: null }));
      await client.disconnect();
    }
});

scenarios.add('nothing is offered before TLS but TLS', async ({ proxy, server }) => {
  const alice = await proxy.account(server, 'alice');
  const security: Security = 'none';
  const client = await RawClient.open(server.domain, { ...proxy.endpoint(), security });
  assert.equal(client.mechanisms, []);
  assert.ok(client.features.getChild('starttls')?.getChild('required'));
  const refused = await client.authenticate(local(alice), alice.password).catch((error: Error) => error);
  assert.instance(refused, Error);
  assert.ok(!client.jid);
});

async function failure(client: RawClient, user: string, password: string, mechanism?: Mechanism, authzid = '') {
  const error = await client.authenticate(user, password, mechanism, { authzid }).catch((reason: unknown) => reason);
  assert.instance(error, LoginFailure);
  return (error as LoginFailure).condition;
}

scenarios.add('a wrong password and an unknown name are told alike, and the stream stays open', async (world) => {
  const { proxy, server } = world;
  const alice = await proxy.account(server, 'alice');
  const client = await RawClient.open(server.domain, proxy.endpoint());
  const offered = client.mechanisms.filter((mechanism) => !mechanism.endsWith('-PLUS'));
  assert.equal(offered.sort(), [...mechanisms].sort());
  for (const mechanism of mechanisms) {
    assert.is(await failure(client, local(alice), 'wrong', mechanism), 'not-authorized', mechanism);
    assert.is(await failure(client, 'nobody-at-all', 'wrong', mechanism), 'not-authorized', mechanism);
  }
  await client.authenticate(local(alice), alice.password, 'SCRAM-SHA-256');
  assert.is(await client.bind('phone'), `${alice.jid}/phone`);
  await client.close();
});

scenarios.add('an account that the proxy does not know is as unknown as any', async ({ proxy, server, slix }) => {
  const stranger = await server.account('stranger');
  const client = await RawClient.open(server.domain, proxy.endpoint());
  assert.is(await failure(client, local(stranger), stranger.password), 'not-authorized');
  const app = slix.client(proxy.slix(stranger, 'phone', { mechanism: 'PLAIN' }));
  assert.is(await app.connect(), 'refused');
  assert.ok(app.failures.every((condition) => condition === 'not-authorized'));
});

scenarios.add('nobody acts for somebody else', async ({ proxy, server }) => {
  const [alice, other] = [await proxy.account(server, 'alice'), await proxy.account(server, 'other')];
  const client = await RawClient.open(server.domain, proxy.endpoint());
  assert.is(await failure(client, local(alice), alice.password, 'PLAIN', other.jid), 'invalid-authzid');
  await client.authenticate(local(alice), alice.password, 'PLAIN', { authzid: alice.jid });
});

scenarios.add('a domain that is nobody’s here is unknown', async ({ proxy }) => {
  const endpoint = { ...proxy.endpoint(), security: 'none' as const };
  const refused = await RawClient.open('elsewhere.example', endpoint).catch((error: Error) => error);
  assert.match(String(refused), /host-unknown/);
});

scenarios.add('root refuses an account whose password is wrong, says why, and keeps nothing', async (world) => {
  const { proxy, server } = world;
  const alice = await server.account('alice');
  const answer = await proxy.rootSays(`account add ${alice.jid} not-the-password label=wrong`, /Nothing/);
  assert.match(answer, /password/i);
  assert.not.match(answer, /not-the-password/);
  assert.not.match(await proxy.rootSays('account list', /./), new RegExp(alice.jid));
  assert.not.match(proxy.output, /not-the-password/, 'nor is it in the log');
  const client = await RawClient.open(server.domain, proxy.endpoint());
  assert.is(await failure(client, local(alice), alice.password), 'not-authorized');
  await proxy.add(alice);
  await (await proxy.login(alice)).close();
});

scenarios.add('what root tells of the certificate is what TLS shows', async ({ proxy, server }) => {
  const alice = await proxy.account(server, 'alice');
  const phone = await proxy.login(alice, { security: 'direct' });
  phone.send('<presence/>');
  await phone.received(isPresence({ from: phone.jid }));
  const answer = await askRoot(phone, proxy.root, 'certificate');
  assert.ok(
    answer
      .replace(/[^0-9A-F]/gi, '')
      .toUpperCase()
      .includes(phone.tls!.fingerprint.toUpperCase()),
    answer,
  );
});

scenarios.add('root answers whoever asks, however soon', async (world) => {
  const { proxy, server } = world;
  for (const account of [await proxy.account(server, 'alice'), await userOf(world, 'dora')])
    for (let round = 0; round < 5; round++) {
      const phone = await proxy.login(account, { resource: 'phone' });
      phone.send('<presence/>');
      assert.match(await askRoot(phone, proxy.root, 'whoami'), new RegExp(account.jid));
      await phone.close();
    }
});

scenarios.alone(
  'with enrolment, a login that the real server accepts makes user and account',
  async ({ proxy, server, slix }) => {
    const alice = await server.account('alice');
    const client = await RawClient.open(server.domain, proxy.endpoint());
    assert.equal(client.mechanisms, ['PLAIN'], 'nobody can be asked for a verifier yet');
    assert.is(await failure(client, local(alice), 'wrong'), 'not-authorized');
    const phone = slix.client(proxy.slix(alice, 'phone'));
    assert.is(await phone.connect(), 'session');
    await phone.presence();
    await phone.received(isPresence({ from: proxy.root, type: null }));
    const peer = slix.client({ ...(await server.account('bob')), host: server.host, port: server.port, ca: server.ca });
    await peer.connect();
    await peer.presence();
    await peer.say(alice.jid, 'welcome');
    await phone.received((stanza) => stanza.getChildText('body') === 'welcome');
    assert.match(await proxy.rootSays('user list', /./), /alice/);
    await phone.disconnect();
    await peer.disconnect();
  },
  { ENROLL: 'work.example' },
);

scenarios.run();
