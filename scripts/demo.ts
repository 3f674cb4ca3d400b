/** What scripts/demo shows: real programs that really talk; every line is printed when it happens. */
import { NS } from '../src/wire/ns.ts';
import { type Element, serialize } from '../src/wire/xml.ts';
import { askRoster } from '../test/lib/contacts.ts';
import { carbon, isMessage, isPresence, type Party } from '../test/lib/party.ts';
import { RunningProxy } from '../test/lib/proxy.ts';
import { login, type RawClient } from '../test/lib/raw.ts';
import { startServer } from '../test/lib/servers.ts';

const showsXml = process.argv.includes('--xml');
/** Time to read, where somebody reads. */
const pause = () => new Promise((resolve) => setTimeout(resolve, process.stdout.isTTY ? 1200 : 300));

const print = (text: string): boolean => process.stdout.write(`${text}\n`);
const begin = Date.now();

async function step(text: string): Promise<void> {
  await pause();
  print(`\n── ${text}`);
}

/** `phone ← bob: Hello`, further lines below the first. */
function line(who: string, arrow: '←' | '→', other: string, text: string): void {
  const head = `${who.padEnd(7)} ${arrow} ${other}: `;
  print(head + text.replaceAll('\n', `\n${' '.repeat(10)}`));
}

const name = (address: string | undefined): string => (address ?? '').split('/')[0]!;

/** Prints what comes to that app. */
function watch(who: string, client: Party): void {
  client.witness = (stanza) => {
    if (showsXml) print(`  ${who} ⇐ ${serialize(stanza)}`);
    const sent = carbon(stanza, 'sent');
    const body = stanza.getChildText('body');
    const late = stanza.getChild('delay', NS.delay) ? ' (sent earlier)' : '';
    if (sent)
      line(
        who,
        '←',
        `${name(stanza.attrs.from)}, a copy of what another app sent to ${name(sent.attrs.to)}`,
        text(sent),
      );
    else if (stanza.name === 'message' && body) line(who, '←', name(stanza.attrs.from) + late, body);
  };
}
const text = (message: Element): string => message.getChildText('body') ?? '';

function say(who: string, client: Party, to: string, body: string, shown = body): void {
  line(who, '→', to, shown);
  client.message(to, body);
}

/** Waits for a message to that app with such a text. */
const hears = (client: Party, from: string, pattern: RegExp): Promise<Element> =>
  client.received((stanza) => isMessage({ from })(stanza) && pattern.test(text(stanza)), { within: 30_000 });

async function appears(client: RawClient, who: string): Promise<void> {
  watch(who, client);
  client.send('<presence/>');
  await client.received(isPresence({ from: client.jid }));
}

await step('A Prosody starts; it serves work.example and home.example. Alice and Bob have accounts there.');
const server = await startServer('prosody');
const alice = { jid: 'alice@work.example', password: 'correct-horse' };
const bob = { jid: 'bob@home.example', password: 'battery-staple' };
for (const account of [alice, bob]) await server.register(account);
const atServer = { host: server.host, port: server.port, ca: server.ca };

await step('The proxy starts for the first time. It prints:');
const proxy = await RunningProxy.start({ server, env: { LOG_LEVEL: 'warn' } });
print(proxy.output.trim().replaceAll(/^/gm, '    '));

await step('The admin logs in with that and tells root, who is a contact, to keep Alice’s account online.');
const admin = await proxy.login(proxy.admin, { resource: 'app' });
await appears(admin, 'admin');
say('admin', admin, proxy.root, 'help');
await hears(admin, proxy.root, /account/);
say('admin', admin, proxy.root, `account add ${alice.jid} label=work`);
await hears(admin, proxy.root, /password/i);
say('admin', admin, proxy.root, alice.password, `${'•'.repeat(alice.password.length)}   (Alice’s own password)`);
await hears(admin, proxy.root, /Connected/);

await step('Alice’s phone and laptop log in as alice@work.example, but to the proxy. Root is in the roster.');
const phone = await proxy.login(alice, { resource: 'phone', mechanism: 'SCRAM-SHA-256' });
await appears(phone, 'phone');
const roster = (await askRoster(phone)).getChild('query', NS.roster)!.getChildren('item');
print(`phone     contacts: ${roster.map(({ attrs }) => `${attrs.jid} (${attrs.subscription})`).join(', ')}`);
let laptop = await proxy.login(alice, { resource: 'laptop', security: 'direct' });
laptop.send(`<iq type="set" id="carbons"><enable xmlns="${NS.carbons}"/></iq>`);
await appears(laptop, 'laptop');
say('phone', phone, proxy.root, 'whoami');
await hears(phone, proxy.root, /work/);

await step('Bob, who has no proxy, writes to Alice. Both apps get it; what one answers, the other sees.');
let bobs = await login({ ...bob, ...atServer, resource: 'desk' });
await appears(bobs, 'bob');
say('bob', bobs, alice.jid, 'Good morning, Alice');
for (const app of [phone, laptop]) await hears(app, bob.jid, /Good morning/);
say('phone', phone, bob.jid, 'Morning! I am on the train');
await hears(bobs, alice.jid, /train/);
await laptop.received((stanza) => carbon(stanza, 'sent') !== undefined);

await step('Prosody is killed. Alice’s apps stay connected, and what they say waits.');
await server.kill();
say('phone', phone, bob.jid, 'Did you get my mail?');
await pause();
print('          (Prosody starts again)');
await server.start();
bobs = await login({ ...bob, ...atServer, resource: 'desk' });
await appears(bobs, 'bob');
await hears(bobs, alice.jid, /my mail/);

await step('Alice switches all her apps off. Bob writes; the proxy keeps it for the next app that comes.');
await phone.close();
await laptop.close();
say('bob', bobs, alice.jid, 'Yes, and I have answered it');
await bobs.roundtrip();
laptop = await proxy.login(alice, { resource: 'laptop', security: 'direct' });
await appears(laptop, 'laptop');
await hears(laptop, bob.jid, /answered/);

await step('That was it.');
for (const client of [admin, laptop, bobs]) client.witness = undefined;
const took = await proxy.stop();
await server.stop();
print(
  `The proxy ended in ${took} ms; all of this took ${Math.round((Date.now() - begin) / 1000)} s. Now: scripts/start`,
);
process.exit(0);
