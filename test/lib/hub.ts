/** A hub between a scripted server and scripted clients, all in memory: every call has happened when it returns. */
import * as assert from 'uvu/assert';
import { openMemoryStore } from '../../src/archive/store.ts';
import type { Store } from '../../src/archive/types.ts';
import type { Attachment } from '../../src/hub/attendance.ts';
import type { FactsChange, HubSettings } from '../../src/hub/context.ts';
import { Hub } from '../../src/hub/hub.ts';
import { type BareJid, type FullJid, parseJid } from '../../src/wire/jid.ts';
import { parseElement } from '../../src/wire/parser.ts';
import { Stanza } from '../../src/wire/stanza.ts';

export const account = parseJid('alice@work.example') as BareJid;
export const core = parseJid('alice@work.example/xmpproxy-1') as FullJid;

export const settings: HubSettings = {
  domain: parseJid('proxy.example') as BareJid,
  root: parseJid('root@proxy.example') as BareJid,
  mirror: 'inline',
  awayText: 'away from the keyboard',
  autoAway: true,
  backlog: 0,
  backfillDays: 0,
  version: '0',
};

export class TestClient {
  readonly received: string[] = [];
  readonly facts: FactsChange = {};
  /** The highest place in the archive of what came. */
  place = 0;
  readonly #world: World;
  readonly sid: number;
  readonly address: FullJid;

  constructor(world: World, sid: number, address: FullJid) {
    this.#world = world;
    this.sid = sid;
    this.address = address;
  }
  send(xml: string): void {
    const element = parseElement(xml);
    if (element.attrs.to !== undefined) element.attrs.to = parseJid(element.attrs.to);
    this.#world.hub.fromClient(this.sid, Stanza.of(element));
  }
  /** What has come since the last call. */
  take(): string[] {
    return this.received.splice(0);
  }
  /** Available, with what that brings taken away. */
  available(inside = ''): this {
    this.send(`<presence>${inside}</presence>`);
    for (const client of this.#world.clients) client.take();
    this.#world.up.splice(0);
    return this;
  }
  leave(isClean = false): void {
    this.#world.clients.splice(this.#world.clients.indexOf(this), 1);
    this.#world.hub.detach(this.sid, isClean);
  }
  /** It has all that came (XEP-0198, or a ping that was answered). */
  acknowledge(): this {
    if (this.place > 0) this.#world.hub.acknowledged(this.sid, this.place);
    return this;
  }
  /** The messages that have come since the last call. */
  messages(): string[] {
    return this.take().filter((text) => text.startsWith('<message'));
  }
}

export class World {
  hub!: Hub;
  readonly clients: TestClient[] = [];
  /** What went upstream. */
  readonly up: string[] = [];
  readonly passwords: string[] = [];
  /** What the server was told of activity (XEP-0352). */
  inactive: boolean | undefined;
  readonly warnings: string[] = [];
  /** What root was given to say. */
  readonly told: string[] = [];
  store!: Store;
  /** Of what was sent last. */
  sequence = 2 ** 32;
  now = Date.UTC(2026, 0, 2, 3, 4, 5);
  readonly due: { at: number; run: () => void }[] = [];
  #nextSid = 1;

  /** Time goes on, and what is due by then happens. */
  pass(milliseconds: number): void {
    this.now += milliseconds;
    for (const due of [...this.due]) {
      if (due.at > this.now) continue;
      this.due.splice(this.due.indexOf(due), 1);
      due.run();
    }
  }
  /** What was begun is done: what the hub reads from the archive it has. */
  async settled(): Promise<this> {
    for (let round = 0; round < 5; round++) await new Promise(setImmediate);
    return this;
  }

  readonly #next: World[] = [];

  static async open(change: Partial<HubSettings> = {}, store?: Store): Promise<World> {
    const world = new World();
    world.store = store ?? (await openMemoryStore());
    world.hub = await Hub.open({
      account,
      settings: { ...settings, ...change },
      store: world.store,
      outlet: {
        deliver: (sids, stanza, place = 0) => {
          for (const client of world.clients) {
            if (!sids.includes(client.sid)) continue;
            const text = stanza.textFor(client.address, stanza.from);
            parseElement(text); // it would end the client's stream
            client.received.push(text);
            client.place = Math.max(client.place, place);
          }
        },
        facts: (sid, facts) => Object.assign(world.clients.find((client) => client.sid === sid)?.facts ?? {}, facts),
      },
      send: (text) => {
        world.up.push(text);
        return ++world.sequence;
      },
      setInactive: (inactive) => {
        world.inactive = inactive;
      },
      passwordChanged: (password) => world.passwords.push(password),
      tell: (text) => world.told.push(text),
      log: {
        debug() {},
        info() {},
        warn: (message) => world.warnings.push(message),
        error: (message) => world.warnings.push(message),
      },
      now: () => world.now,
      later: (milliseconds, run) => {
        const due = { at: world.now + milliseconds, run };
        world.due.push(due);
        return () => void world.due.splice(world.due.indexOf(due), 1);
      },
    });
    return world;
  }

  /** The server has all that was sent until now. */
  acknowledge(): void {
    this.hub.handled(2 ** 32 + 1, this.sequence);
  }

  /** The core session is bound; what the hub tells a new server is taken away. */
  online(resumed = false): this {
    this.hub.online(core, resumed);
    this.archived();
    this.up.splice(0);
    return this;
  }

  /** The server answers what the hub has asked its archive: messages, oldest first, none where it has none (more). Gives the question. */
  archived(
    page: readonly { id: string; at: number; text: string }[] | 'item-not-found' | 'service-unavailable' = [],
    isComplete = true,
  ): string | undefined {
    const at = this.up.findLastIndex((text) => text.includes('<query xmlns="urn:xmpp:mam:2"'));
    if (at < 0) return undefined;
    const [request] = this.up.splice(at, 1) as [string];
    const { attrs, children } = parseElement(request);
    const { queryid } = (children[0] as ReturnType<typeof parseElement>).attrs;
    if (typeof page === 'string') {
      const error = `<error type="cancel"><${page} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>`;
      this.server(`<iq type="error" id="${attrs.id}">${error}</iq>`);
      return request;
    }
    for (const { id, at: said, text } of page) {
      const delay = `<delay xmlns="urn:xmpp:delay" stamp="${new Date(said).toISOString()}"/>`;
      const forwarded = `<forwarded xmlns="urn:xmpp:forward:0">${delay}${text}</forwarded>`;
      const result = `<result xmlns="urn:xmpp:mam:2" queryid="${queryid}" id="${id}">${forwarded}</result>`;
      this.server(`<message to="${core}">${result}</message>`);
    }
    this.server(`<iq type="result" id="${attrs.id}"><fin xmlns="urn:xmpp:mam:2" complete="${isComplete}"/></iq>`);
    return request;
  }

  client(resource: string, known: Partial<Attachment> = {}): TestClient {
    const client = new TestClient(this, this.#nextSid++, parseJid(`${account}/${resource}`) as FullJid);
    this.clients.push(client);
    this.hub.attach(client.sid, {
      address: client.address,
      carbons: false,
      interested: false,
      blocklist: false,
      inactive: false,
      presence: undefined,
      directed: [],
      rooms: [],
      ...known,
    });
    return client;
  }

  /** From the server; `from` and `to` as in a stanza that came in. */
  server(xml: string): void {
    const element = parseElement(xml);
    element.attrs.from ??= account;
    this.hub.stanza(Stanza.of(element));
  }

  /** The server answers the request that went upstream last and matches. */
  answer(pattern: RegExp, body: string): void {
    const request = this.up.find((text) => pattern.test(text));
    assert.ok(request, `no request like ${pattern} in ${this.up.join('\n')}`);
    const element = parseElement(request);
    const from = element.attrs.to === undefined ? '' : ` from="${element.attrs.to}"`;
    this.server(`<iq type="result" id="${element.attrs.id}"${from}>${body}</iq>`);
  }

  /** The same account after a restart; closed with this one. */
  async again(): Promise<World> {
    this.hub.close();
    const next = await World.open({}, this.store);
    this.#next.push(next);
    return next;
  }

  async close(): Promise<void> {
    this.#end();
    await this.store.close();
  }

  #end(): void {
    this.hub.close();
    for (const next of this.#next) next.#end();
  }
}

/** Runs a test in a world of its own, and closes it whatever happens. */
export const inWorld =
  (run: (world: World) => void | Promise<void>, change: Partial<HubSettings> = {}) =>
  async (): Promise<void> => {
    const world = await World.open(change);
    try {
      await run(world);
    } finally {
      await world.close();
    }
  };

export const like = (text: string | undefined, ...patterns: (RegExp | string)[]): void => {
  assert.ok(text !== undefined, 'nothing came');
  for (const pattern of patterns)
    assert.ok(
      typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text),
      `${text}\nis not like ${pattern}`,
    );
};
