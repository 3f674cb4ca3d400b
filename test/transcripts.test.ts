/** The conversations in test/transcripts, played against the proxy before a real server. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import { RunningProxy } from './lib/proxy.ts';
import { login, type RawClient } from './lib/raw.ts';
import { type RealServer, startServer } from './lib/servers.ts';
import { type PartyOfScript, type Player, play, readScript } from './lib/transcript.ts';

const folder = 'test/transcripts';
const password = 'secret-of-a-test';

interface World {
  server: RealServer;
  proxy: RunningProxy;
}

/** One for the file, made by the first transcript that needs it, so that a failure fails that test. */
let made: Promise<World> | undefined;
async function makeWorld(): Promise<World> {
  const server = await startServer('prosody');
  return { server, proxy: await RunningProxy.start({ server }) };
}

/** Every transcript has accounts of its own: the number goes into their localparts. */
async function accountsFor({ server, proxy }: World, parties: readonly PartyOfScript[], number: number) {
  const real = new Map<string, string>();
  for (const { jid, via } of parties) {
    const bare = jid.split('/')[0]!;
    if (real.has(bare)) continue;
    const [local, domain] = bare.split('@') as [string, string];
    real.set(bare, `${local}${number}@${domain}`);
    const account = { jid: real.get(bare)!, password };
    if (domain === proxy.domain) await proxy.rootSays(`user add ${local}${number} ${password}`, /is in/);
    else await server.register(account);
    if (domain !== proxy.domain && via === 'proxy') await proxy.add(account);
  }
  return real;
}

function playerOf(client: RawClient): Player {
  return { send: (xml) => client.send(xml), next: () => client.next(), close: () => client.close() };
}

for (const [number, file] of readdirSync(folder)
  .filter((name) => name.endsWith('.scs'))
  .entries())
  test(file, async () => {
    const text = readFileSync(join(folder, file), 'utf8');
    made ??= makeWorld();
    const world = await made;
    const real = await accountsFor(world, [...readScript(text).parties.values()], number);
    const rewrite = (line: string) => [...real].reduce((whole, [from, to]) => whole.replaceAll(from, to), line);
    const connect = async ({ jid, via }: PartyOfScript): Promise<Player> => {
      const [bare, resource] = rewrite(jid).split('/') as [string, string];
      const account = { jid: bare, password };
      const words = { ...account, resource, host: world.server.host, port: world.server.port };
      return playerOf(via === 'server' ? await login(words) : await world.proxy.login(account, { resource }));
    };
    await play(text, connect, rewrite);
  });

test('all is stopped', async () => {
  const { proxy, server } = await made!;
  await proxy.stop();
  await server.stop();
});

test.run();
