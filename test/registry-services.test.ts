/** Components and service addresses in the registry: one name space, sealed secrets, the file and what is refused in it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openRegistry } from '../src/registry/registry.ts';
import { type Registry, RegistryError, type ServiceRecord } from '../src/registry/types.ts';
import { type BareJid, parseBare } from '../src/wire/jid.ts';
import { temporaryFolder } from './lib/process.ts';

const domain = parseBare('proxy.example');
const svc = parseBare('svc.example');
const desk = parseBare('desk@home.example');
const service = (address: string, ...accounts: string[]): ServiceRecord => ({
  address: parseBare(address),
  targets: (accounts.length > 0 ? accounts : [desk]).map((account) => ({ account: parseBare(account), weight: 1 })),
  enabled: true,
});
const open = (file: string, key?: string): Promise<Registry> => openRegistry({ file, key, domain });
const fresh = () => join(temporaryFolder('registry'), 'registry.json');
const refusal = (change: Promise<unknown>): Promise<string> =>
  change.then(
    () => 'was not refused',
    (error: unknown) => (error instanceof RegistryError ? error.message : `not a RegistryError: ${error}`),
  );

test('all of it is there after a restart, the secret sealed', async () => {
  const file = fresh();
  const first = await open(file);
  await first.addComponent({ host: svc, route: 'xmpps://host:5347', pin: `${'AB:'.repeat(31)}AB`, secret: 'geheim' });
  const whole: ServiceRecord = {
    ...service('help@svc.example'),
    policy: 'sticky',
    encoding: 'localpart',
    private: true,
    messages: 'resources',
    initiate: true,
    allow: ['a.example', 'b@c.example'] as BareJid[],
    timeout: 5000,
    rate: 7,
    total: 70,
    open: 8,
    name: 'Help',
    category: 'gateway',
    type: 'x',
    avatar: { mime: 'image/png', data: 'AAAA' },
  };
  await first.addService(whole);
  await first.close();
  assert.not.match(await readFile(file, 'utf8'), 'geheim');
  const second = await open(file);
  assert.is(second.componentSecret(svc), 'geheim');
  assert.is(second.components[0]!.pin, 'ab'.repeat(32));
  assert.equal([...second.services], [whole]);
  await second.setService({ ...whole, enabled: false });
  assert.match(await refusal(second.removeComponent(svc)), 'help@svc.example is still served there.');
  await second.removeService(whole.address);
  await second.removeComponent(svc);
  assert.equal([[...second.services], [...second.components]], [[], []]);
  await second.close();
});

test('one name space', async () => {
  const registry = await open(fresh());
  await registry.addUser({ name: 'bob', admin: false });
  await registry.addAccount('bob', { jid: parseBare('bob@work.example'), password: 'x' });
  await registry.addComponent({ host: svc, route: '127.0.0.1:5347', secret: 's' });
  await registry.addService(service('help@svc.example'));
  await registry.addService(service('desk@proxy.example', 'bob@work.example'));
  const cases: [Promise<unknown>, string][] = [
    [registry.addComponent({ host: svc, route: '127.0.0.1:1', secret: 's' }), 'There is already a component'],
    [registry.addComponent({ host: domain, route: '127.0.0.1:1', secret: 's' }), "this proxy's own domain"],
    [
      registry.addComponent({ host: parseBare('work.example'), route: '127.0.0.1:1', secret: 's' }),
      'is an account there',
    ],
    [registry.addComponent({ host: parseBare('a@b.example'), route: '127.0.0.1:1', secret: 's' }), 'is not a domain'],
    [registry.addComponent({ host: parseBare('c.example'), route: 'nowhere', secret: 's' }), 'is not host:port'],
    [registry.addService(service('help@svc.example')), 'is a service address already'],
    [registry.addService(service('bob@proxy.example')), 'There is a user bob.'],
    [registry.addService(service('root@proxy.example')), 'root is reserved.'],
    [registry.addService(service('a+b@proxy.example')), 'cannot contain "+"'],
    [registry.addService(service('proxy.example')), "is this proxy's own domain"],
    [registry.addService(service('bob@work.example')), 'is what answers at'],
    [registry.addService(service('other@svc.example', 'help@svc.example')), 'is a service address itself'],
    [registry.addService(service('other@svc.example', 'a@b.example', 'a@b.example')), 'stands there twice'],
    [registry.addService({ ...service('other@svc.example'), targets: [] }), 'needs an account that answers'],
    [registry.setService(service('other@svc.example')), 'There is no service address'],
    [
      registry.setService({ ...service('desk@proxy.example', 'bob@work.example'), encoding: 'localpart' }),
      'it has to be encoding=resource',
    ],
    [
      registry.addService({ ...service('other@proxy.example', 'bob@work.example'), encoding: 'localpart' }),
      'it has to be encoding=resource',
    ],
    [registry.addUser({ name: 'desk', admin: false }), 'desk@proxy.example is a service address.'],
    [
      registry.addAccount('bob', { jid: parseBare('x@svc.example'), password: 'x' }),
      'is a service address of this proxy',
    ],
  ];
  for (const [change, words] of cases) assert.match(await refusal(change), words);
  assert.is(registry.services.length, 2);
  await registry.close();
});

test('a file of before has none; one with a wrong record is refused with its place', async () => {
  const file = fresh();
  await (await open(file)).close();
  const data = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  const { components: _, services: __, ...before } = data;
  await writeFile(file, JSON.stringify(before));
  const registry = await open(file);
  assert.equal([[...registry.services], [...registry.components]], [[], []]);
  await registry.close();
  const cases: [object, RegExp][] = [
    [{ services: [{ ...service('help@svc.example'), policy: 'fast' }] }, /services\[0 "help@svc\.example"\]\.policy/],
    [{ services: [service('root@proxy.example')] }, /services\[0 "root@proxy\.example"\]\.address: root is reserved/],
    [
      { services: [{ ...service('help@proxy.example'), encoding: 'localpart' }] },
      /services\[0 "help@proxy\.example"\]\.encoding: At proxy\.example it has to be/,
    ],
    [{ components: [{ host: 'svc.example', route: 'x', secret: 'AAAA' }] }, /components\[0 "svc\.example"\]\.route/],
    [
      { components: [{ host: 'svc.example', route: 'x:1', secret: 'AAAA' }] },
      /sealed (secret|with a key)|secret of svc/,
    ],
  ];
  for (const [change, words] of cases) {
    await writeFile(file, JSON.stringify({ ...data, ...change }));
    assert.match(await refusal(open(file)), words);
  }
});

test.run();
