/** The proxy is killed between an app's message and its word that it has it: the app says it again, and it is there once. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, xml } from '../../src/wire/xml.ts';
import { carbon, isMessage } from '../lib/party.ts';
import { login, RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { Scenarios, type World } from '../lib/world.ts';

const scenarios = new Scenarios();

async function direct({ server }: World, account: Account): Promise<RawClient> {
  const client = await login({ ...account, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
  client.send('<presence/>');
  await client.roundtrip();
  return client;
}

const isAcknowledgement = ({ name, attrs }: Element): boolean => name === 'a' && attrs.xmlns === NS.sm;

/** Stanzas of an app before it says anything. */
const quiet = 2;

/** An app with XEP-0198 and no archive: what it is not told to be handled it says again. */
class App {
  client!: RawClient;
  /** All that came on any of its streams. */
  readonly all: Element[] = [];
  readonly #world: World;
  readonly #account: Account;
  readonly #resource: string;
  /** Said since the last `<a/>`, which had that count. */
  #open: { id: string; body: string; to: string }[] = [];
  #handled = 0;
  /** What `<failed/>` said each time. */
  readonly counts: (number | undefined)[] = [];

  constructor(world: World, account: Account, resource: string) {
    this.#world = world;
    this.#account = account;
    this.#resource = resource;
  }

  async start(): Promise<this> {
    const { jid, password } = this.#account;
    const before: RawClient | undefined = this.client;
    this.client = await RawClient.open(jid.split('@')[1]!, this.#world.proxy.endpoint());
    await this.client.authenticate(jid.split('@')[0]!, password);
    if (before !== undefined) await this.#resume(before);
    await this.client.bind(this.#resource);
    await this.client.enableSm();
    await this.client.iq('set', undefined, xml('enable', NS.carbons));
    this.client.witness = (stanza) => this.all.push(stanza);
    this.client.send('<presence/>');
    this.#handled = quiet;
    const again = this.#open;
    this.#open = [];
    for (const message of again) this.#say(message);
    return this;
  }

  /** It hears what is handled, and of nothing more. */
  async #resume(before: RawClient): Promise<void> {
    for (const { attrs } of before.rest().filter(isAcknowledgement)) this.#heard(Number(attrs.h));
    const failed = await this.client.resume(before);
    assert.is(failed.name, 'failed');
    assert.ok(failed.getChild('item-not-found'), String(failed));
    const h = failed.attrs.h === undefined ? undefined : Number(failed.attrs.h);
    assert.ok(this.#handled === quiet || (h ?? 0) >= this.#handled, `no less than before: ${failed}, ${this.#handled}`);
    this.counts.push(h);
    if (h !== undefined) this.#heard(h);
  }

  #heard(h: number): void {
    this.#open.splice(0, Math.max(0, h - this.#handled));
    this.#handled = Math.max(this.#handled, h);
  }

  say(to: string, body: string): void {
    this.#say({ id: `${this.#resource}-${body.replaceAll(' ', '-')}`, body, to });
  }

  #say(message: { id: string; body: string; to: string }): void {
    const { id, body, to } = message;
    this.#open.push(message);
    this.client.send(`<message to="${to}" id="${id}" type="chat"><body>${body}</body></message><r xmlns="${NS.sm}"/>`);
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Milliseconds between the last word and the kill. */
const gaps = [0, 1, 2, 4, 8, 30];

/** How often each came. */
function counted(bodies: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const body of bodies) counts.set(body, (counts.get(body) ?? 0) + 1);
  return counts;
}

scenarios.alone('killed while an app talks: nothing is lost, and in the archive all is once', async (world) => {
  const { proxy, server } = world;
  const alice = await proxy.account(server, 'alice');
  const bob = await direct(world, await server.account('bob', server.domains[1]));
  const phone = await new App(world, alice, 'phone').start();
  const laptop = await new App(world, alice, 'laptop').start();
  const said: string[] = [];
  for (const [round, gap] of gaps.entries()) {
    for (let count = 0; count < 5; count++) {
      said.push(`out ${round} ${count}`);
      phone.say(bob.jid, said.at(-1)!);
      await pause(3);
    }
    await pause(gap);
    await proxy.kill();
    await phone.client.closed;
    await proxy.start();
    await phone.start();
    await laptop.start();
    await bob.received(isMessage({ body: said.at(-1)! }), { within: 60_000 });
  }
  assert.ok(
    phone.counts.some((count) => (count ?? 0) > quiet),
    `the count outlives the process: ${phone.counts}`,
  );
  await phone.client.roundtrip();
  await bob.roundtrip();
  const came = bob.all.filter(isMessage({})).filter((message) => message.getChildText('body')?.startsWith('out '));
  const bodies = came.map((message) => message.getChildText('body')!);
  assert.equal([...counted(bodies).keys()], said, 'at the contact: all, in order');
  const ids = new Map(came.map((message) => [message.getChildText('body')!, message.attrs.id]));
  for (const message of came)
    assert.is(message.attrs.id, ids.get(message.getChildText('body')!), 'the same id each time');

  // it never was there for so long that it would be known to have no archive of its own
  const isLast = (stanza: Element) => carbon(stanza, 'sent')?.getChildText('body') === said.at(-1);
  await laptop.client.received(isLast, { within: 30_000, what: 'what it missed' });
  const mirrored = laptop.all.flatMap((stanza) => carbon(stanza, 'sent')?.getChildText('body') ?? []);
  assert.equal([...counted(mirrored).keys()].sort(), [...said].sort(), 'at the other app: all');

  const archived = await archiveOf(phone.client);
  const outward = archived.filter((body) => body.startsWith('out '));
  assert.equal(
    [...counted(outward)].filter(([, count]) => count > 1),
    [],
    'in the archive: none twice',
  );
  assert.equal(outward, said, 'all, in order');
});

/** Bodies of all that the account's archive has. */
async function archiveOf(client: RawClient): Promise<string[]> {
  const bodies: string[] = [];
  const begin = client.all.length;
  const answer = await client.iq(
    'set',
    undefined,
    xml('query', { xmlns: NS.mam, queryid: 'all' }, xml('set', NS.rsm, xml('max', {}, '250'))),
  );
  assert.is(answer.getChild('fin', NS.mam)?.attrs.complete, 'true');
  for (const stanza of client.all.slice(begin)) {
    const message = stanza.getChild('result', NS.mam)?.getChild('forwarded', NS.forward)?.getChild('message');
    if (message !== undefined) bodies.push(message.getChildText('body') ?? '');
  }
  return bodies;
}

scenarios.run();
