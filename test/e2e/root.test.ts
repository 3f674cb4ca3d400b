/** Root by chat, end to end: people do what is theirs, and secrets stay with the app that typed them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { isMessage, isPresence } from '../lib/party.ts';
import { askRoot, type RunningProxy } from '../lib/proxy.ts';
import type { RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { Scenarios, until } from '../lib/world.ts';

const scenarios = new Scenarios();
const password = 'a long proxy password';

async function app(proxy: RunningProxy, account: Account, resource: string): Promise<RawClient> {
  const client = await proxy.login(account, { resource });
  client.send('<presence/>');
  await client.received(isPresence({ from: client.jid }));
  return client;
}

scenarios.add('a new user adds an account step by step; the other app hears all but the password', async (world) => {
  const { proxy, server } = world;
  await proxy.rootSays(`user add erin "${password}"`, /is in/);
  const erin = { jid: `erin@${proxy.domain}`, password };
  const [phone, laptop] = [await app(proxy, erin, 'phone'), await app(proxy, erin, 'laptop')];
  const account = await server.account('erin');

  const question = await askRoot(phone, proxy.root, `Account add ${account.jid} label=work`, /next message/i);
  assert.match(question, /password/i);
  phone.message(proxy.root, account.password);
  const done = await phone.received(
    (stanza) => isMessage({ from: proxy.root })(stanza) && /Connected/.test(stanza.getChildText('body') ?? ''),
    { within: 30_000, what: 'that it is connected' },
  );
  assert.ok(!done.getChildText('body')!.includes(account.password));
  const list = await askRoot(phone, proxy.root, 'account list', new RegExp(account.jid));
  assert.match(list, /work/);

  await laptop.received((stanza) => stanza.toString().includes('Account add'), { what: 'what the phone said' });
  await laptop.roundtrip();
  assert.ok(!laptop.all.some((stanza) => stanza.toString().includes(account.password)), 'the laptop knows no secret');
  assert.ok(!proxy.output.includes(account.password), 'nor does the log');

  const own = await app(proxy, account, 'own');
  assert.match(await askRoot(own, proxy.root, 'whoami'), new RegExp(account.jid));

  own.message(account.jid, 'a note to myself about pelicans');
  let found = '';
  await until(
    'that the note is archived',
    () => /\bnote to myself\b/.test(found),
    async () => {
      found = await askRoot(own, proxy.root, 'history search pelicans');
    },
  );
  const folder = join(proxy.folder, 'data', 'archive');
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name))));
  const isKept = (text: string) => files.some((file) => file.includes(text));
  assert.ok(isKept('a note to myself about pelicans'));
  for (const text of [account.password, 'Account add', 'history search'])
    assert.not.ok(isKept(text), 'what is said to root is not archived');
});

scenarios.add('one account does not open the others, until the proxy password is proved', async ({ proxy, server }) => {
  await proxy.rootSays(`user add frank "${password}"`, /is in/);
  const frank = { jid: `frank@${proxy.domain}`, password };
  const merged = await app(proxy, frank, 'phone');
  const [work, home] = [await server.account('work'), await server.account('home', server.domains[1])];
  for (const { jid, password: secret } of [work, home])
    await askRoot(merged, proxy.root, `account add ${jid} ${secret}`, /Connected/);
  const phone = await app(proxy, work, 'phone');
  const before = await askRoot(phone, proxy.root, 'account list');
  assert.not.match(before, new RegExp(home.jid));
  assert.not.match(await askRoot(phone, proxy.root, 'help'), /user del/);
  await askRoot(phone, proxy.root, 'unlock', /password/i);
  const opened = await askRoot(phone, proxy.root, password, /nlocked/);
  assert.ok(!opened.includes(password));
  assert.match(await askRoot(phone, proxy.root, 'account list', /@/), new RegExp(home.jid));
});

scenarios.add('what cannot be undone needs a code, and ends the logins it concerns', async ({ proxy, server }) => {
  await proxy.rootSays(`user add gina "${password}"`, /is in/);
  const gina = { jid: `gina@${proxy.domain}`, password };
  const merged = await app(proxy, gina, 'phone');
  const account = await server.account('gina');
  await askRoot(merged, proxy.root, `account add ${account.jid} ${account.password}`, /Connected/);
  const phone = await app(proxy, account, 'phone');

  assert.match(await askRoot(merged, proxy.root, `user del gina`), /./);
  await merged.roundtrip();
  const warning = await proxy.rootSays('user del gina', /yes \d+/);
  await phone.roundtrip();
  assert.match(await proxy.rootSays('yes 0', /./), /./);
  await phone.roundtrip();
  const code = /yes \d+/.exec(await proxy.rootSays('user del gina', /yes \d+/))![0];
  assert.ok(!warning.includes(password));
  await proxy.rootSays(code, /gina/);
  for (const client of [phone, merged]) await client.closed;
  const refused = await proxy.login(gina).catch((error: Error) => error);
  assert.match(String(refused), /not-authorized/);
  const refusedToo = await proxy.login(account).catch((error: Error) => error);
  assert.match(String(refusedToo), /not-authorized|host-unknown/);
});

scenarios.run();
