/** OMEMO 0.3, encrypted and read by a library that others use: between the account's own view, the single-account view and a contact. */
import * as assert from 'uvu/assert';
import { befriend } from '../lib/contacts.ts';
import { Child, run, within } from '../lib/process.ts';
import { login } from '../lib/raw.ts';
import { Scenarios } from '../lib/world.ts';

interface Read {
  body: string;
  from: string;
  device: number;
}
interface Played {
  read: Record<string, Read[]>;
  devices: Record<string, number>;
}

const scenarios = new Scenarios();

/** The interpreter that has the library: Debian's, when another one comes first in the path. */
async function python(): Promise<string> {
  for (const name of ['python3', '/usr/bin/python3'])
    if (await run(name, ['-c', 'import slixmpp, oldmemo.etree; print(1)']).catch(() => '')) return name;
  throw new Error('no python3 here has oldmemo (Debian: python3-slixmpp python3-oldmemo python3-xmlschema)');
}

async function play(plan: object): Promise<Played> {
  const child = new Child(await python(), ['-u', 'test/lib/encrypting.py'], { name: 'omemo' });
  child.process.stdin!.end(JSON.stringify(plan));
  const [line] = await child.prints(/^\{.*\}$/m, 120_000);
  await within(15_000, () => 'omemo does not end', child.exited);
  return JSON.parse(line) as Played;
}

scenarios.add(
  'each app reads what the others encrypt, its own user’s other app included',
  async ({ server, proxy }) => {
    const alice = await proxy.account(server, 'alice');
    const bob = await server.account('bob', server.domains[1]);
    const label = alice.jid.split('@')[0]!;
    const single = { jid: `admin+${label}@${proxy.domain}`, password: proxy.admin.password };
    assert.is(proxy.admin.jid, `admin@${proxy.domain}`);

    const direct = { host: server.host, port: server.port, ca: server.ca };
    const [first, peer] = [await proxy.login(alice), await login({ ...bob, ...direct })];
    for (const client of [first, peer]) client.send('<presence/>');
    await befriend(first, peer);
    for (const client of [first, peer]) await client.close();

    const through = { host: proxy.host, port: proxy.port };
    const { read, devices } = await play({
      apps: [
        { name: 'bob', ...bob, host: server.host, port: server.port, contact: alice.jid },
        { name: 'phone', ...alice, ...through, contact: bob.jid },
        { name: 'tablet', ...single, ...through, contact: bob.jid },
      ],
      says: [
        { from: 'bob', body: 'to both', readers: ['phone', 'tablet'] },
        { from: 'tablet', body: 'from the tablet', readers: ['bob', 'phone'] },
        { from: 'phone', body: 'from the phone', readers: ['bob', 'tablet'] },
        { from: 'bob', body: 'again', readers: ['phone', 'tablet'] },
      ],
    });
    const of = (body: string, from: string, device: string) => ({ body, from, device: devices[device]! });
    assert.equal(read.tablet, [
      of('to both', bob.jid, 'bob'),
      of('from the phone', single.jid, 'phone'),
      of('again', bob.jid, 'bob'),
    ]);
    assert.equal(read.phone, [
      of('to both', bob.jid, 'bob'),
      of('from the tablet', alice.jid, 'tablet'),
      of('again', bob.jid, 'bob'),
    ]);
    assert.equal(read.bob, [of('from the tablet', alice.jid, 'tablet'), of('from the phone', alice.jid, 'phone')]);
  },
);

scenarios.run();
