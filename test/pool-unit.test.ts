/** A unit over a scripted core session: what settings that change at run time do to apps that are connected. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openMemoryStore } from '../src/archive/store.ts';
import type { Store } from '../src/archive/types.ts';
import type { AccountSettings, EdgeLink, SessionFacts, UnitSettings } from '../src/link/link.ts';
import { Unit } from '../src/pool/unit.ts';
import type { CoreEvents, CoreSession } from '../src/upstream/types.ts';
import { type BareJid, type FullJid, parseJid } from '../src/wire/jid.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { messageAt } from './lib/store-suite.ts';

const jid = parseJid('alice@work.example') as BareJid;
const address = parseJid('alice@work.example/core') as FullJid;
const work: AccountSettings = {
  ...{ jid, label: 'work', password: 'secret', resource: 'core', enabled: true },
  ...{ route: undefined, pin: undefined },
};
const settingsWith = (...accounts: AccountSettings[]): UnitSettings => ({
  user: 'alice',
  domain: parseJid('proxy.example') as BareJid,
  root: parseJid('root@proxy.example') as BareJid,
  accounts,
  ...{ mirror: 'inline', awayText: 'away', autoAway: true, archiveDir: '' },
  upstream: { routes: {}, ca: undefined, allowPrivate: false, allowPlaintext: false },
});

/** A core session that the test makes do things. */
class Core implements CoreSession {
  readonly status = 'off';
  readonly address = undefined;
  readonly sent: string[] = [];
  readonly events: CoreEvents;
  readonly account: AccountSettings;
  starts = 0;
  stops = 0;
  /** What it gives back when it is stopped, and what that waits for. */
  left: string[] = [];
  stopping: Promise<void> | undefined;
  constructor(account: AccountSettings, events: CoreEvents) {
    this.account = account;
    this.events = events;
  }
  start(): void {
    this.starts++;
  }
  sequence = 2 ** 32;
  send(text: string): number {
    this.sent.push(text);
    return ++this.sequence;
  }
  isPaused = false;
  setPaused(isPaused: boolean): void {
    this.isPaused = isPaused;
  }
  inactive = false;
  setInactive(inactive: boolean): void {
    this.inactive = inactive;
  }
  async stop(): Promise<void> {
    this.stops++;
    await this.stopping;
    if (this.left.length > 0) this.events.unacknowledged(this.left);
  }
  /** The server has nothing of what it was asked for: no archive either, in which what it has could be looked for. */
  async refuse(): Promise<void> {
    for (const text of this.sent.filter((one) => one.startsWith('<iq'))) {
      const { id, to } = parseElement(text).attrs;
      const refused = `<iq type="error" id="${id}" from="${to ?? jid}"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`;
      this.events.stanza(Stanza.of(parseElement(refused)));
    }
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  }
  online(): this {
    this.events.status('online', undefined);
    this.events.online(address, false, false);
    this.sent.splice(0);
    return this;
  }
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const nowhere: EdgeLink = {
  deliver() {},
  stored() {},
  facts() {},
  close() {},
  pause() {},
  resume() {},
  account() {},
  ask: () => Promise.reject(new Error('nobody answers here')),
};

async function inUnit(
  run: (world: {
    unit: Unit;
    store: Store;
    cores: Core[];
    delivered: string[];
    closed: string[];
    configure(...accounts: AccountSettings[]): Promise<unknown>;
    attach(sid: number, facts: Partial<SessionFacts>): void;
    send(sid: number, xml: string): void;
  }) => Promise<void>,
): Promise<void> {
  const cores: Core[] = [];
  const delivered: string[] = [];
  const closed: string[] = [];
  let position = 0;
  const edge: EdgeLink = {
    ...nowhere,
    deliver: (sids, stanza) => delivered.push(...sids.map((sid) => `${sid} ${stanza}`)),
    close: (sid, condition, text) => closed.push(`${sid} ${condition} ${text}`),
  };
  const store = await openMemoryStore();
  const unit = await Unit.open(settingsWith(work), {
    edge,
    openStore: async () => store,
    openCore(account, _upstream, events) {
      const core = new Core(account, events);
      cores.push(core);
      return core;
    },
    isMortal: false,
    version: '0',
    log: quiet,
  });
  const facts = {
    carbons: false,
    interested: false,
    blocklist: false,
    presence: undefined,
    inactive: false,
    directed: [],
    rooms: [],
  };
  try {
    await run({
      ...{ unit, store, cores, delivered, closed },
      configure: (...accounts) => unit.ask('configure', { settings: settingsWith(...accounts) }),
      attach: (sid, change) =>
        unit.attach(sid, {
          view: 'identity',
          bare: jid,
          ...facts,
          stream: { id: `s${sid}` },
          ...change,
        } as SessionFacts),
      send: (sid, xml) => unit.stanza(sid, Stanza.of(parseElement(xml)), ++position),
    });
  } finally {
    await unit.ask('stop', { within: 0 });
  }
}

const messages = (core: Core) =>
  core.sent.filter((text) => text.startsWith('<message')).map((text) => /id="(\w+)"/.exec(text)![1]);
const saying = (id: string) => `<message to="bob@home.example" type="chat" id="${id}"><body>${id}</body></message>`;

test('an account is switched off and on under a connected app: what it says waits, in order', () =>
  inUnit(async ({ cores, closed, configure, attach, send }) => {
    cores[0]!.online();
    assert.ok(cores[0]!.inactive, 'nobody looks yet');
    attach(1, { address: parseJid(`${jid}/phone`) as FullJid });
    send(1, '<presence/>');
    assert.not(cores[0]!.inactive);
    send(1, saying('a'));
    cores[0]!.left = [saying('a')];
    let stop = () => {};
    cores[0]!.stopping = new Promise<void>((resolve) => (stop = resolve));
    const off = configure({ ...work, enabled: false });
    await new Promise(setImmediate);
    send(1, saying('b'));
    stop();
    await off;
    send(1, saying('c'));
    assert.equal([cores.length, cores[0]!.stops, messages(cores[0]!)], [1, 1, ['a']]);
    await configure({ ...work, password: 'another' });
    assert.equal([cores.length, cores[1]!.starts, cores[1]!.account.password], [2, 1, 'another']);
    cores[1]!.events.online(address, false, false);
    await cores[1]!.refuse();
    assert.equal(messages(cores[1]!), ['a', 'b', 'c']);
    assert.equal(closed, []);
  }));

test('what the unit before this one had committed is not done again; what it had not is, with its date', async () => {
  const store = await openMemoryStore();
  const cores: Core[] = [];
  const stored: number[] = [];
  const open = (): Promise<Unit> =>
    Unit.open(settingsWith(work), {
      edge: { ...nowhere, stored: (_, position) => void stored.push(position) },
      openStore: async () => store,
      openCore(account, _upstream, events) {
        const core = new Core(account, events);
        cores.push(core);
        return core;
      },
      isMortal: true,
      version: '0',
      log: quiet,
    });
  const session = { view: 'identity', bare: jid, address: `${jid}/phone` as FullJid, stream: { id: 's' } };
  const facts = { ...session, directed: [], rooms: [] } as unknown as SessionFacts;
  const stanza = (id: string) => Stanza.of(parseElement(saying(id)));
  const durable = async () => {
    while (store.settled() !== undefined) await store.settled();
    await new Promise(setImmediate);
  };
  const first = await open();
  first.attach(1, facts);
  cores[0]!.events.online(address, false, false);
  await cores[0]!.refuse();
  first.stanza(1, stanza('a'), 1, 1_000_001);
  await durable();
  assert.equal([messages(cores[0]!), stored], [['a'], [1]]);
  cores[0]!.events.handled(1, cores[0]!.sequence);

  const second = await open(); // the first says nothing more
  second.attach(1, facts);
  second.stanza(1, stanza('a'), 1, 1_000_001, 'taken');
  second.stanza(1, stanza('b'), 2, 1_000_002, 'taken');
  second.stanza(1, stanza('c'), 3, 1_000_003);
  cores[1]!.events.online(address, false, false);
  await cores[1]!.refuse();
  await durable();
  assert.equal(messages(cores[1]!), ['b', 'c']);
  assert.ok(cores[1]!.sent.find((text) => text.includes('id="b"'))!.includes('<delay'));
  assert.is(stored.at(-1), 3);
  const { messages: archived } = await store.messages.page(jid, {}, 10);
  assert.equal(
    archived.map(({ id }) => id),
    ['a', 'b', 'c'],
  );
  await first.ask('stop', { within: 0 });
  await second.ask('stop', { within: 0 });
});

test('a session that goes by a label of another time is closed, and one that is late with it, too', () =>
  inUnit(async ({ closed, configure, attach }) => {
    const single = (label: string, resource: string): Partial<SessionFacts> => {
      const bare = parseJid(`alice+${label}@proxy.example`) as BareJid;
      return { view: 'single', bare, account: jid, address: `${bare}/${resource}` as FullJid };
    };
    attach(1, single('work', 'phone'));
    attach(2, { address: parseJid(`${jid}/desk`) as FullJid });
    await configure({ ...work, label: 'job' });
    assert.equal(closed, ['1 not-authorized This account has another label now']);
    attach(3, single('work', 'tablet'));
    attach(4, single('job', 'tablet'));
    assert.equal(closed.slice(1), ['3 not-authorized This account has another label now']);
  }));

test('an account that stopped, for its password was refused, is tried again when it is set anew', () =>
  inUnit(async ({ unit, cores, configure }) => {
    cores[0]!.events.status('stopped', { kind: 'refused', text: 'no' } as never);
    await configure({ ...work, label: 'job' });
    const [state] = await unit.ask('status', null);
    assert.equal([cores.length, cores[1]?.starts, state!.status], [2, 1, 'off']);
    cores[1]!.online();
    await configure({ ...work, label: 'desk' });
    assert.equal([cores.length, cores[1]!.stops], [2, 0], 'what runs is left alone');
  }));

test('an account that is removed closes its sessions and no others', () =>
  inUnit(async ({ cores, closed, delivered, configure, attach, send }) => {
    cores[0]!.online();
    attach(1, { address: parseJid(`${jid}/phone`) as FullJid });
    attach(2, { view: 'merged', bare: 'alice@proxy.example' as BareJid, address: 'alice@proxy.example/x' as FullJid });
    send(1, '<presence/>');
    delivered.splice(0);
    await configure();
    assert.equal(closed, ['1 not-authorized This account was removed from the proxy']);
    cores[0]!.events.stanza(
      Stanza.of(parseElement('<message from="bob@home.example" id="m"><body>x</body></message>')),
    );
    assert.equal(delivered, []);
  }));

test('an account that is added has nothing of what it was before it was removed, should that not have been deleted', () =>
  inUnit(async ({ store, configure }) => {
    const home = { ...work, jid: parseJid('alice@home.example') as BareJid, label: 'home' };
    const row = { at: Date.now(), client: `${home.jid}/phone`, sequence: 0, text: saying('old') };
    await store.put(home.jid, 'outbox', '1', JSON.stringify(row));
    await store.messages.add(home.jid, messageAt(1));
    await configure(work, home);
    assert.equal(await store.read(home.jid, 'outbox'), []);
    assert.is(await store.messages.extent(home.jid), undefined);
    await store.messages.add(home.jid, messageAt(2));
    await configure(work, { ...home, label: 'flat' });
    assert.is((await store.messages.extent(home.jid))?.count, 1);
  }));

test.run();
