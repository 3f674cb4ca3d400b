/** Two who talk over a proxy on a disk with which something happens; each thing said has a name, and is counted where it arrives. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, xml } from '../../src/wire/xml.ts';
import { isMessage } from './party.ts';
import { RunningProxy } from './proxy.ts';
import { login, type RawClient } from './raw.ts';
import { type Account, type RealServer, startServer } from './servers.ts';
import { type Setting, until } from './world.ts';

/** Longer than what a file system has left in a page; with a number before it. */
const long = 'x'.repeat(50_000);

/** Both sides of an account behind the proxy, which keeps what it has on that disk. */
export class Scene {
  readonly server: RealServer;
  readonly proxy: RunningProxy;
  readonly alice: Account;
  readonly bob: RawClient;
  /** An app of the administrator's, which root speaks to. */
  ops!: RawClient;
  phone!: RawClient;
  /** What bob and alice said, and nobody refused. */
  readonly said: string[] = [];
  /** What bob said in all, and how often each came to an app. */
  readonly #heard = new Map<string, number>();
  #count = 0;

  static async make({ kind, workers }: Setting, folder: string): Promise<Scene> {
    const server = await startServer(kind);
    const env = { DATA_DIR: join(folder, 'data'), WORKERS: workers, SASL_PLUS: 'off' };
    const proxy = await RunningProxy.start({ server, env });
    const alice = await proxy.account(server, 'alice');
    const { host, port, ca } = server;
    const bob = await login({ ...(await server.account('bob', server.domains[1])), resource: 'desk', host, port, ca });
    bob.send('<presence/>');
    await bob.roundtrip();
    const scene = new Scene({ server, proxy, alice, bob });
    await scene.enter();
    await scene.talk();
    return scene;
  }

  private constructor({ server, proxy, alice, bob }: Pick<Scene, 'server' | 'proxy' | 'alice' | 'bob'>) {
    this.server = server;
    this.proxy = proxy;
    this.alice = alice;
    this.bob = bob;
  }

  /** The apps of a program that has just started. */
  async enter(): Promise<void> {
    this.ops = await this.proxy.login(this.proxy.admin, { resource: 'ops' });
    this.ops.send('<presence/>');
    this.phone = await this.proxy.login(this.alice, { resource: 'phone' });
    this.phone.witness = (stanza) => {
      const name = nameOf(stanza);
      if (isMessage({ from: this.bob.bare })(stanza) && name !== '')
        this.#heard.set(name, (this.#heard.get(name) ?? 0) + 1);
    };
    this.phone.send('<presence/>');
    await this.phone.roundtrip();
  }

  /** The other side says something; it need not arrive yet. */
  tell(): string {
    const name = `in ${++this.#count}`;
    this.said.push(name);
    this.bob.message(this.alice.jid, name);
    return name;
  }

  /** Once either way, as usual. */
  async talk(): Promise<void> {
    assert.is(await this.say(), 'taken');
    const name = this.tell();
    await until(
      `${name} at the app`,
      () => this.#heard.has(name),
      () => this.phone.roundtrip(),
    );
  }

  /** The app says something: what becomes of it. */
  async say(): Promise<'taken' | 'refused'> {
    const name = `out ${++this.#count}`;
    const id = this.phone.message(this.bob.bare, `${name} ${long}`);
    const came = () => this.bob.all.some((stanza) => nameOf(stanza) === name);
    const error = () => this.phone.all.find((stanza) => stanza.attrs.id === id && stanza.attrs.type === 'error');
    await until(
      `${name} taken or refused`,
      () => came() || error() !== undefined,
      () => this.phone.roundtrip(),
    );
    if (error() === undefined) {
      this.said.push(name);
      return 'taken';
    }
    assert.is(error()!.getChild('error')!.attrs.type, 'wait');
    assert.ok(error()!.getChild('error')!.getChild('resource-constraint', NS.stanzas), String(error()));
    return 'refused';
  }

  /** What was kept free for the full disk is used up then. */
  async sayUntilRefused(): Promise<void> {
    for (let count = 0; (await this.say()) === 'taken'; count++) assert.ok(count < 50, 'it is taken all the same');
  }

  hears(words: RegExp): Promise<Element> {
    const fits = isMessage({ from: this.proxy.root });
    return this.ops.received((stanza) => fits(stanza) && words.test(textOf(stanza)), {
      what: `root's ${words}`,
      within: 30_000,
    });
  }

  heard(name: string): number {
    return this.#heard.get(name) ?? 0;
  }

  /** All that was said is where it belongs: once. */
  async check(): Promise<void> {
    await this.talk();
    const outward = this.said.filter((name) => name.startsWith('out '));
    await this.bob.roundtrip();
    assert.equal(
      this.bob.all.map(nameOf).filter((name) => name.startsWith('out ')),
      outward,
      'at the contact',
    );
    const inward = this.said.filter((name) => name.startsWith('in '));
    assert.equal(
      [...this.#heard],
      inward.map((name) => [name, 1]),
      'at the app',
    );
    const archived = await this.#archived();
    assert.equal(
      archived.filter((name) => name.startsWith('out ')),
      outward,
      'in the archive',
    );
    assert.equal(
      archived.filter((name) => name.startsWith('in ')),
      inward,
      'in the archive',
    );
  }

  async #archived(): Promise<string[]> {
    const reader = await this.proxy.login(this.alice, { resource: 'reader' });
    const all = xml('set', NS.rsm, xml('max', {}, '250'));
    for (let after = all, names: string[] = []; ; ) {
      const begin = reader.all.length;
      const answer = await reader.iq('set', undefined, xml('query', { xmlns: NS.mam, queryid: 'all' }, after));
      for (const stanza of reader.all.slice(begin)) {
        const found = stanza.getChild('result', NS.mam)?.getChild('forwarded', NS.forward)?.getChild('message');
        if (found !== undefined) names = [...names, nameOf(found)];
      }
      const fin = answer.getChild('fin', NS.mam)!;
      if (fin.attrs.complete === 'true') return names;
      const last = fin.getChild('set', NS.rsm)!.getChildText('last')!;
      after = xml('set', NS.rsm, xml('max', {}, '250'), xml('after', {}, last));
    }
  }

  async close(): Promise<void> {
    await this.proxy.stop();
    await this.server.stop();
  }
}

export const textOf = (stanza: Element): string => stanza.getChildText('body') ?? '';
/** `out 3` */
const nameOf = (stanza: Element): string => /^(in|out) \d+/.exec(textOf(stanza))?.[0] ?? '';
