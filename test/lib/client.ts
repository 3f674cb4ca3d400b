/** Slixmpp, an XMPP library that others use, as a client of the tests: `client.py` does what this says. */
import { randomBytes } from 'node:crypto';
import { Party } from './party.ts';
import { Child, run, within } from './process.ts';
import type { Mechanism } from './raw.ts';

export interface SlixLogin {
  /** With a resource, where one is wished. */
  jid: string;
  password: string;
  host: string;
  port: number;
  security?: 'starttls' | 'direct';
  ca?: string;
  mechanism?: Mechanism;
  /** Names of slixmpp's plugins beyond the usual ones. */
  plugins?: readonly string[];
}

type Happened = 'session' | 'resumed' | 'refused' | 'failure' | 'disconnected';

interface Line {
  reply?: number;
  value?: unknown;
  error?: string;
  client?: string;
  event?: 'stanza' | Happened;
  xml?: string;
  jid?: string;
  condition?: string;
}

const usual = [
  'xep_0030',
  'xep_0115',
  'xep_0199',
  'xep_0060',
  'xep_0163',
  'xep_0191',
  'xep_0280',
  'xep_0313',
  'xep_0203',
];

/** The process; all clients of a test file live in one. */
export class SlixProcess {
  readonly #child: Child;
  readonly #clients = new Map<string, SlixClient>();
  readonly #open = new Map<number, { resolve(value: unknown): void; reject(reason: Error): void }>();
  #count = 0;
  #rest = '';

  constructor(child: Child) {
    this.#child = child;
    child.process.stdout!.on('data', (text: string) => this.#read(text));
    child.exited.then(() => {
      for (const { reject } of this.#open.values()) reject(new Error(`slixmpp ended:\n${child.output}`));
    });
  }

  static async start(): Promise<SlixProcess> {
    return new SlixProcess(new Child(await python(), ['-u', 'test/lib/client.py'], { name: 'slixmpp' }));
  }

  /** A client that has not connected yet. */
  client(login: SlixLogin): SlixClient {
    const name = randomBytes(4).toString('hex');
    const client = new SlixClient(login, (order, words) => this.order(name, order, words));
    this.#clients.set(name, client);
    return client;
  }

  order(client: string, order: string, words: object = {}): Promise<unknown> {
    const id = ++this.#count;
    const answer = new Promise((resolve, reject) => this.#open.set(id, { resolve, reject }));
    this.#child.process.stdin!.write(`${JSON.stringify({ id, client, do: order, ...words })}\n`);
    return within(30_000, () => `slixmpp did not answer ${order}`, answer).finally(() => this.#open.delete(id));
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(JSON.parse(line) as Line);
  }

  #line({ reply, value, error, client, ...event }: Line): void {
    if (client !== undefined) this.#clients.get(client)?.happened(event);
    if (reply === undefined) return;
    if (error === undefined) this.#open.get(reply)?.resolve(value);
    else this.#open.get(reply)?.reject(new Error(error));
  }
}

/** The interpreter that has slixmpp: Debian's, when another one comes first in the path. */
async function python(): Promise<string> {
  for (const name of ['python3', '/usr/bin/python3']) {
    const version = await run(name, ['-c', 'import slixmpp; print(slixmpp.__version__)']).catch(() => '');
    if (version !== '') return name;
  }
  throw new Error('no python3 here has slixmpp (Debian: python3-slixmpp)');
}

type Order = (order: string, words?: object) => Promise<unknown>;
type Happening = Pick<Line, 'event' | 'xml' | 'jid' | 'condition'>;

export class SlixClient extends Party {
  /** Conditions of SASL failures, oldest first. */
  readonly failures: string[] = [];
  readonly #login: SlixLogin;
  readonly #order: Order;
  readonly #waiting: { events: Happened[]; resolve(event: Happened): void }[] = [];
  readonly #past: Happened[] = [];

  constructor(login: SlixLogin, order: Order) {
    super();
    this.#login = login;
    this.#order = order;
  }

  /** Connects (again), up to what comes of it. */
  async connect(): Promise<Happened> {
    this.#past.length = 0;
    this.reopened();
    const { plugins = [], ...login } = this.#login;
    await this.#order('connect', { ...login, plugins: [...usual, ...plugins] });
    return this.happens('session', 'resumed', 'refused', 'disconnected');
  }

  send(xml: string): void {
    this.#order('send', { xml }).catch((error: Error) => this.end(error));
  }

  say(to: string, body: string): Promise<unknown> {
    return this.#order('message', { to, body });
  }

  presence(words: { show?: string; status?: string; priority?: number } = {}): Promise<unknown> {
    return this.#order('presence', words);
  }

  subscribe(
    to: string,
    type: 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed' = 'subscribe',
  ): Promise<unknown> {
    return this.#order('subscribe', { to, type });
  }

  /** As slixmpp understands it, by address. */
  async roster(): Promise<Record<string, { name: string; groups: string[]; subscription: string }>> {
    return (await this.#order('roster')) as Record<string, { name: string; groups: string[]; subscription: string }>;
  }

  setContact(jid: string, name: string, groups: string[] = []): Promise<unknown> {
    return this.#order('roster_set', { jid, name, groups });
  }

  enableCarbons(): Promise<unknown> {
    return this.#order('carbons');
  }

  /** XEP-0163 §4.1: says by caps that the node's events are wanted; before the first presence. */
  interest(node: string): Promise<unknown> {
    return this.#order('interest', { node });
  }

  publish(node: string, item: string, payload: string): Promise<unknown> {
    return this.#order('publish', { node, item, xml: payload });
  }

  async mam(words: { with?: string; max?: number } = {}): Promise<{ bodies: string[]; last: string }> {
    return (await this.#order('mam', words)) as { bodies: string[]; last: string };
  }

  /** The whole archive, page by page: the bodies. */
  async history(words: { with?: string; max?: number; reverse?: boolean } = {}): Promise<string[]> {
    return (await this.#order('history', words)) as string[];
  }

  block(jid: string): Promise<unknown> {
    return this.#order('block', { jid });
  }

  unblock(jid: string): Promise<unknown> {
    return this.#order('unblock', { jid });
  }

  async blocked(): Promise<string[]> {
    return (await this.#order('blocked')) as string[];
  }

  /** As the network does it: no closing tag. */
  async cut(): Promise<void> {
    const gone = this.happens('disconnected');
    await this.#order('cut');
    await gone;
  }

  async disconnect(): Promise<void> {
    await this.#order('disconnect');
  }

  /** Resolves with the first of these that has happened since the last `connect`. */
  happens(...events: Happened[]): Promise<Happened> {
    const past = events.find((event) => this.#past.includes(event));
    if (past !== undefined) return Promise.resolve(past);
    const happened = new Promise<Happened>((resolve) => this.#waiting.push({ events, resolve }));
    return within(30_000, () => `slixmpp: ${this.#login.jid} has no ${events.join(' or ')}`, happened);
  }

  /** By the process. */
  happened({ event, xml, jid, condition }: Happening): void {
    if (event === 'stanza') this.takeText(xml!);
    if (event === undefined || event === 'stanza') return;
    if (event === 'session' || event === 'resumed') this.jid = jid!;
    if (event === 'failure') this.failures.push(condition!);
    this.#past.push(event);
    for (const waiting of this.#waiting.splice(0))
      if (waiting.events.includes(event)) waiting.resolve(event);
      else this.#waiting.push(waiting);
  }
}
