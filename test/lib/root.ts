/** root on a stage: a pool that plays what it is told, a clock moved by hand. */
import { type Bot, createBot } from '../../src/bot/bot.ts';
import type { Client, ServerFacts } from '../../src/commands/context.ts';
import type { ComponentFailure, ComponentPlace } from '../../src/component/types.ts';
import type { AddressStatus } from '../../src/jat/types.ts';
import type { Speaker } from '../../src/link/door.ts';
import type { AccountSettings, AccountState, Hits, LoginView, Reach, RoomState } from '../../src/link/link.ts';
import type { PoolControl } from '../../src/pool/types.ts';
import { type Registry, RegistryError, type User } from '../../src/registry/types.ts';
import type { HostState, ServiceControl } from '../../src/services/types.ts';
import type { Failure } from '../../src/wire/failure.ts';
import { type BareJid, parseBare, withResource } from '../../src/wire/jid.ts';
import type { Route } from '../../src/wire/mux.ts';
import { Stanza } from '../../src/wire/stanza.ts';
import { type Element, xml } from '../../src/wire/xml.ts';
import { StillClock } from './clock.ts';
import { account, domain, memoryRegistry, type Passwords, user } from './registry.ts';

export const root = parseBare('root@proxy.example');
export const fingerprint = (start: string): string => start.padEnd(64, '0');

/** All microtasks have run; nothing on this stage waits for anything else. */
export const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class HandClock {
  readonly #clock = new StillClock(1_700_000_000_000);
  now = (): number => this.#clock.now();
  after = (milliseconds: number, run: () => void) => this.#clock.after(milliseconds, run);
  get waiting(): number {
    return this.#clock.count;
  }
  /** Lets time pass; after each timer, what it began. */
  async pass(milliseconds: number): Promise<void> {
    for (const _ of this.#clock.steps(milliseconds)) await drained();
  }
}

export interface Said {
  to: BareJid;
  text: string;
  only: number | undefined;
}
type Outcome = { contacts: number } | { failure: Failure };

export interface Stage {
  bot: Bot;
  registry: Registry;
  clock: HandClock;
  passwords: Passwords;
  /** What root said, oldest first. */
  said: Said[];
  /** Logins without an app: nobody hears what is said to them. */
  away: Set<string>;
  /** Stanzas of root other than texts. */
  sent: { to: BareJid; stanza: Stanza; only: number | undefined }[];
  logged: { level: string; message: string; fields: unknown }[];
  ended: { match: object; reason: string }[];
  /** Bound sessions by user. */
  clients: Map<string, Client[]>;
  /** Those that were ended by their number. */
  kicked: number[];
  /** Calls of the pool, in words. */
  pooled: string[];
  tried: AccountSettings[];
  /** What tries of a login come to, one after the other; then success. */
  outcomes: (Outcome | Promise<Outcome>)[];
  states: AccountState[];
  rooms: RoomState[];
  /** What a search finds, how far the archive reaches, and whom it has messages with. */
  hits: Hits;
  reach: Reach;
  peers: string[];
  routes: Route<Speaker>[];
  services: FakeServices;
  /** Says it, and waits until root has nothing more to do at once; the answers, as one text. */
  tell(speaker: Speaker, text: string, ...more: Element[]): Promise<string>;
  /** The same, and whether other apps may see it. */
  mirrored(speaker: Speaker, text: string): Promise<boolean>;
}

export const facts: ServerFacts = {
  domain,
  version: '1.2.3',
  startedAt: 1_700_000_000_000 - 3_600_000,
  host: 'host.example',
  port: 5222,
  tlsPort: 5223,
  fingerprint: (name) =>
    name === domain ? fingerprint('ab12') : name === 'work.example' ? fingerprint('cd34') : undefined,
};

/** Components and service addresses as they are said to be; calls in words. */
export interface FakeServices {
  hosts: HostState[];
  statuses: Map<string, AddressStatus>;
  /** What tries of a component come to, one after the other; then success. */
  outcomes: (ComponentFailure | undefined)[];
  tried: ComponentPlace[];
  called: string[];
  /** Thrown by the next refresh. */
  refusal: Error | undefined;
}

let sids = 0;
export function speaker(name: string, bare = `${name}@${domain}`): Speaker {
  const view: LoginView = bare.endsWith(`@${domain}`) ? 'merged' : 'identity';
  const address = parseBare(bare);
  return { sid: ++sids, user: name, view, bare: address, address: withResource(address, 'phone') };
}

/** That speaker's session, as the edge tells of it. */
export function client({ sid, view, bare, address }: Speaker, more: Partial<Client> = {}): Client {
  const since = 1_700_000_000_000 - 3_600_000;
  const facts = { remote: '192.0.2.7', secure: true, mechanism: 'SCRAM-SHA-256', since, connected: true };
  return { sid, view, bare, address, ...facts, ...more };
}

export function stage(users: User[], start: Partial<Pick<Stage, 'routes' | 'states'>> = {}): Stage {
  const passwords: Passwords = new Map();
  const registry = memoryRegistry(users, passwords);
  const clock = new HandClock();
  const parts: Omit<Stage, 'bot' | 'tell' | 'mirrored'> = {
    registry,
    clock,
    passwords,
    said: [],
    away: new Set(),
    sent: [],
    logged: [],
    ended: [],
    clients: new Map(users.map(({ name }) => [name, [client(speaker(name))]])),
    kicked: [],
    pooled: [],
    tried: [],
    outcomes: [],
    states: [],
    rooms: [],
    hits: { hits: [], total: 0 },
    reach: { messages: 0, first: null, waiting: 0, size: 0 },
    peers: [],
    routes: [],
    services: { hosts: [], statuses: new Map(), outcomes: [], tried: [], called: [], refusal: undefined },
    ...start,
  };
  const write = (level: string) => (message: string, fields?: unknown) =>
    void parts.logged.push({ level, message, fields });
  const bot = createBot({
    registry,
    clock,
    server: facts,
    pool: pool(parts),
    services: serviceControl(parts.services),
    proves: async (name, password) => passwords.get(name) === password,
    sessions: {
      of: (name) => parts.clients.get(name) ?? [],
      kick: (sid) => void parts.kicked.push(sid),
      end: (match, reason) => void parts.ended.push({ match, reason }),
    },
    outlet: {
      say(to, text, only) {
        const isHeard = !parts.away.has(to);
        if (isHeard) parts.said.push({ to, text, only });
        return isHeard;
      },
      send: (to, stanza, only) => parts.sent.push({ to, stanza, only }) > 0,
    },
    log: { info: write('info'), error: write('error') },
    routes: () => parts.routes,
    isRefusal: (reason): reason is Error => reason instanceof RegistryError,
  });
  const mirrored = async (from: Speaker, text: string, ...more: Element[]) => {
    const { mirror } = bot.message(from, message(text, ...more));
    await drained();
    return mirror;
  };
  return {
    ...parts,
    bot,
    mirrored,
    async tell(from, text, ...more) {
      const before = parts.said.length;
      await mirrored(from, text, ...more);
      return parts.said
        .slice(before)
        .map((one) => one.text)
        .join('\n---\n');
    },
  };
}

export const message = (text: string, ...more: Element[]): Stanza =>
  Stanza.of(xml('message', { to: root, type: 'chat', id: 'm1' }, xml('body', {}, text), ...more));

function pool(
  parts: Pick<Stage, 'pooled' | 'tried' | 'outcomes' | 'states' | 'rooms' | 'registry' | 'hits' | 'reach' | 'peers'>,
): PoolControl {
  return {
    async tryLogin(_user, settings) {
      parts.tried.push(settings);
      return parts.outcomes.shift() ?? { contacts: 41 };
    },
    refresh: async (name) => void parts.pooled.push(`refresh ${name}`),
    drop: async (name) => void parts.pooled.push(`drop ${name}`),
    forget: async (name, jid) => void parts.pooled.push(`forget ${name} ${jid}`),
    workers: () => ({ count: 2, restarts: 1 }),
    rooms: async (name) => parts.rooms.filter(({ account }) => parts.registry.ownerOf(account)?.user.name === name),
    async room(_name, account, room, action) {
      parts.pooled.push(`${action} ${room} ${account}`);
      return parts.rooms.some((one) => one.account === account && one.room === room);
    },
    async search(name, { accounts, words, peer, since, skip, limit }) {
      parts.pooled.push(`search ${name} ${accounts.join(' ')} "${words}" ${peer} ${since} ${skip} ${limit}`);
      return parts.hits;
    },
    async forgetHistory(name, { accounts, peer }) {
      parts.pooled.push(`forget history ${name} ${accounts.join(' ')} ${peer}`);
      return parts.reach.messages;
    },
    async exportHistory(name, { accounts, peer, format }) {
      parts.pooled.push(`export ${name} ${accounts.join(' ')} ${peer} ${format}`);
      return { file: `/data/exports/${name}`, messages: parts.reach.messages };
    },
    reach: async () => parts.reach,
    peers: async (_name, _accounts, start) => parts.peers.filter((peer) => peer.startsWith(start)),
    status: async (name) => parts.states.filter(({ jid }) => parts.registry.ownerOf(jid)?.user.name === name),
  };
}

function serviceControl(fake: FakeServices): ServiceControl {
  return {
    async refresh() {
      fake.called.push('refresh');
      const { refusal } = fake;
      fake.refusal = undefined;
      if (refusal !== undefined) throw refusal;
    },
    async tryHost(place) {
      fake.tried.push(place);
      return fake.outcomes.shift();
    },
    hosts: () => fake.hosts,
    status: (address) => fake.statuses.get(address),
    drain(address, account, drained) {
      fake.called.push(`drain ${address} ${account} ${drained}`);
      return true;
    },
  };
}

export const state = (jid: string, status: AccountState['status'], failure?: Failure): AccountState => ({
  jid: parseBare(jid),
  status,
  since: 1_700_000_000_000,
  failure,
  contacts: 41,
  clients: 2,
});

/** The code in root's last words. */
export const codeIn = (text: string): string => /`yes (\d{4})`/.exec(text)?.[1] ?? 'none';

export const minute = 60_000;

/** An admin with two accounts, a user with one. */
export const people = (): User[] => [
  user('alice', {
    admin: true,
    accounts: [account('alice@work.example', 'work'), account('alice@home.example', 'home')],
  }),
  user('bob', { accounts: [account('bob@work.example', 'work')] }),
];

/** And somebody with one account and no proxy password. */
export function alone(): User[] {
  const { verifiers: _, ...carol } = user('carol', { accounts: [account('carol@work.example', 'work')] });
  return [...people(), carol];
}

/** A session of one of alice's accounts. */
export const locked = (): Speaker => speaker('alice', 'alice@work.example');
