/** The single-account view as a login: who gets in, what its domain is, its password, root. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { elements, serialize, xml } from '../../src/wire/xml.ts';
import { isMessage } from '../lib/party.ts';
import { askRoot } from '../lib/proxy.ts';
import { LoginFailure } from '../lib/raw.ts';
import { cast, singleLogin } from '../lib/single.ts';
import { Scenarios } from '../lib/world.ts';

const scenarios = new Scenarios();

scenarios.add(
  'logins: by SCRAM and by PLAIN, bound under the login’s own address; unknown labels are unknown users',
  async (world) => {
    const { proxy, server } = world;
    const alice = await proxy.account(server, 'alice');
    const single = singleLogin(proxy, alice);
    for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'] as const) {
      const client = await proxy.login(single, { resource: 'desk', mechanism });
      assert.is(client.jid, `${single.jid}/desk`);
      const wrong = [
        { ...single, password: 'wrong' },
        { jid: single.jid.replace('+', '+x'), password: 'wrong' },
        { jid: single.jid.replace('+', '+x'), password: single.password },
        { jid: `nobody+x@${proxy.domain}`, password: 'wrong' },
      ];
      for (const account of wrong) {
        const refused = await proxy.login(account, { mechanism }).catch((reason: unknown) => reason);
        assert.instance(refused, LoginFailure);
        assert.is((refused as LoginFailure).condition, 'not-authorized', account.jid);
      }
      await client.close();
    }
  },
);

scenarios.add(
  'the login’s domain is the account’s server; the real names answer under the real names',
  async (world) => {
    const { server, proxy } = world;
    const { alice, tablet } = await cast(world);
    const info = async (to: string): Promise<string[]> => {
      const answer = await tablet.iq('get', to, xml('query', NS.discoInfo));
      assert.is(answer.attrs.from, to);
      return elements(answer.getChild('query', NS.discoInfo)!).map(
        ({ attrs }) => attrs.var ?? `${attrs.category}/${attrs.type}`,
      );
    };
    const features = await info(proxy.domain);
    for (const wanted of ['server/im', NS.carbons, NS.blocking, NS.register])
      assert.ok(features.includes(wanted), wanted);
    assert.ok((await info(tablet.bare)).includes('pubsub/pep'));
    await info(server.domain);
    await info(alice.jid);
    const items = await tablet.iq('get', proxy.domain, xml('query', NS.discoItems));
    const services = elements(items.getChild('query', NS.discoItems)!).map(({ attrs }) => attrs.jid);
    assert.ok(services.every((jid) => jid.endsWith(server.domain)) && services.length > 0, String(services));
    assert.ok((await info(services[0]!)).length > 0);
    assert.is((await tablet.iq('get', proxy.domain, xml('ping', NS.ping))).attrs.type, 'result');
  },
);

scenarios.alone('the password that is changed is the proxy’s', async ({ server, proxy }) => {
  const alice = await proxy.account(server, 'alice');
  const single = singleLogin(proxy, alice);
  const tablet = await proxy.login(single, { resource: 'tablet' });
  const other = await proxy.login(single, { resource: 'other' });
  const remove = await tablet.iq('set', tablet.domain, xml('query', NS.register, xml('remove')));
  assert.ok(remove.getChild('error')?.getChild('not-allowed', NS.stanzas));
  const username = single.jid.split('@')[0]!;
  const told = await tablet.iq('get', undefined, xml('query', NS.register));
  assert.is(told.getChild('query', NS.register)?.getChildText('username'), username);
  const change = xml('query', NS.register, xml('username', {}, username), xml('password', {}, 'another one'));
  assert.is((await tablet.iq('set', tablet.domain, change)).attrs.type, 'result');
  const error = await other.received(({ name }) => name === 'error');
  assert.ok(error.getChild('not-authorized', NS.streams), String(error)); // it goes by the old password
  await tablet.roundtrip();
  const refused = await proxy.login(single).catch((reason: unknown) => reason);
  assert.instance(refused, LoginFailure);
  const again = await proxy.login({ ...single, password: 'another one' }, { mechanism: 'SCRAM-SHA-256' });
  const phone = await proxy.login(alice); // the account's own password is as it was
  for (const client of [tablet, again, phone]) await client.roundtrip();
});

scenarios.add('root: what the merged login may this one may, and root speaks to it by its address', async (world) => {
  const { proxy } = world;
  const { tablet } = await cast(world);
  const said = await askRoot(tablet, proxy.root, 'whoami', /You are/);
  assert.ok(said.includes(tablet.bare) && said.includes('an admin') && said.includes('one of your accounts'), said);
  assert.ok((await askRoot(tablet, proxy.root, 'user list')).includes('admin'));
});

scenarios.add('a label that changes ends the sessions that go by it', async ({ server, proxy }) => {
  const alice = await proxy.account(server, 'alice');
  const tablet = await proxy.login(singleLogin(proxy, alice));
  await proxy.rootSays(`account set ${alice.jid} label=other-${alice.jid.split('@')[0]}`);
  const error = await tablet.received(({ name }) => name === 'error');
  assert.ok(error.getChild('not-authorized', NS.streams), String(error));
  await tablet.closed;
});

scenarios.add('a cut stream: what nobody acknowledged waits for the next app, whatever its view', async (world) => {
  const { alice, phone, tablet, bob } = await cast(world);
  await phone.close();
  await tablet.enableSm();
  tablet.acknowledges = false;
  bob.message(alice.jid, 'unseen');
  await tablet.received(isMessage({ body: 'unseen' }));
  tablet.send('</stream:stream>');
  await tablet.closed;
  const next = await world.proxy.login(alice, { resource: 'next' });
  next.send('<presence/>');
  const late = await next.received(isMessage({ body: 'unseen' }));
  assert.is(late.attrs.from, bob.jid);
  assert.not.ok(serialize(late).includes(tablet.bare));
});

scenarios.run();
