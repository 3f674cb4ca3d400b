/** An edge with nothing real behind it: units that only note what they are told, a door, a clock moved by hand. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Door, Speaker } from '../../src/link/door.ts';
import type { Answer, Ask, SessionFacts, UnitLink, UnitQuestions } from '../../src/link/link.ts';
import { Edge, type EdgeOptions } from '../../src/session/edge.ts';
import type { Authority, Mechanism } from '../../src/stream/authority.ts';
import { type Certificates, openCertificates } from '../../src/stream/certificates.ts';
import type { Listening } from '../../src/stream/listener.ts';
import type { Log } from '../../src/stream/log.ts';
import type { BareJid } from '../../src/wire/jid.ts';
import { Mux } from '../../src/wire/mux.ts';
import { NS } from '../../src/wire/ns.ts';
import { resultOf, type Stanza } from '../../src/wire/stanza.ts';
import type { Verifier } from '../../src/wire/verifier.ts';
import { StillClock } from './clock.ts';
import { within } from './process.ts';
import type { Endpoint } from './raw.ts';

export const domain = 'proxy.example' as BareJid;
export const account = 'work.example';
const iterations = 1000;

/** Time stands still until a test moves it. */
export class HandClock extends StillClock {
  constructor() {
    super(Date.UTC(2030, 0, 1));
  }
  /** How many timers are set. */
  get set(): number {
    return this.count;
  }
  move(milliseconds: number): void {
    this.pass(milliseconds);
  }
}

export function verifierOf(
  mechanism: Exclude<Mechanism, 'PLAIN'>,
  password: string,
  salt: Buffer,
  rounds = iterations,
): Verifier {
  const hash = mechanism === 'SCRAM-SHA-1' ? 'sha1' : 'sha256';
  const size = mechanism === 'SCRAM-SHA-1' ? 20 : 32;
  const salted = pbkdf2Sync(password, salt, rounds, size, hash);
  const clientKey = createHmac(hash, salted).update('Client Key').digest();
  return {
    salt: salt.toString('base64'),
    iterations: rounds,
    storedKey: createHash(hash).update(clientKey).digest('base64'),
    serverKey: createHmac(hash, salted).update('Server Key').digest('base64'),
  };
}

/** Logins and their passwords, all of user `alice` but bob's. */
export const passwords: Record<string, string> = {
  'alice@proxy.example': 'proxy secret',
  'alice@work.example': 'work secret',
  'bob@proxy.example': 'bob secret',
};

export function fakeAuthority(changes: Partial<Authority> = {}): Authority {
  return {
    serves: (name) => name === domain || name === account,
    mechanisms: () => ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'],
    verifier(login, mechanism) {
      const password = passwords[login];
      return password === undefined ? undefined : verifierOf(mechanism, password, Buffer.from('0123456789abcdef'));
    },
    async plain(login, password) {
      return passwords[login] === password ? { ok: true } : { ok: false, reason: 'not-authorized' };
    },
    user(login) {
      if (passwords[login] === undefined) return undefined;
      return { user: login.split('@')[0]!, view: login.endsWith(`@${domain}`) ? 'merged' : 'identity' };
    },
    ...changes,
  };
}

export type Told =
  | { what: 'attach'; sid: number; facts: SessionFacts }
  | { what: 'resumable'; sid: number; from: number }
  | { what: 'detach'; sid: number; isClean: boolean }
  | { what: 'stanza'; sid: number; stanza: Stanza; position: number }
  | { what: 'passed'; sid: number; position: number }
  | { what: 'acknowledged'; sid: number; place: number }
  | { what: 'flow'; sid: number; isOpen: boolean }
  | { what: 'activity'; sid: number; inactive: boolean };

/** Notes what it is told; `on` is called for each. */
export class FakeUnit implements UnitLink {
  readonly told: Told[] = [];
  /** Says at once that a stanza is stored, unless the test takes that over. */
  store: (sid: number, position: number) => void = () => {};
  /** What it knows of streams that are over. */
  readonly handled = new Map<string, number>();
  on: (told: Told) => void = () => {};
  #waiters: { fits(told: Told): boolean; done(told: Told): void }[] = [];

  attach(sid: number, facts: SessionFacts): void {
    this.#note({ what: 'attach', sid, facts });
  }
  resumable(sid: number, from: number): void {
    this.#note({ what: 'resumable', sid, from });
  }
  detach(sid: number, isClean: boolean): void {
    this.#note({ what: 'detach', sid, isClean });
  }
  stanza(sid: number, stanza: Stanza, position: number): void {
    this.#note({ what: 'stanza', sid, stanza, position });
    this.store(sid, position);
  }
  passed(sid: number, position: number): void {
    this.#note({ what: 'passed', sid, position });
  }
  acknowledged(sid: number, place: number): void {
    this.#note({ what: 'acknowledged', sid, place });
  }
  flow(sid: number, isOpen: boolean): void {
    this.#note({ what: 'flow', sid, isOpen });
  }
  activity(sid: number, inactive: boolean): void {
    this.#note({ what: 'activity', sid, inactive });
  }
  async ask<K extends keyof UnitQuestions>(what: K, ask: Ask<UnitQuestions, K>): Promise<Answer<UnitQuestions, K>> {
    if (what !== 'handled') throw new Error('nobody asks here');
    return (this.handled.get((ask as { id: string }).id) ?? null) as Answer<UnitQuestions, K>;
  }

  #note(told: Told): void {
    this.told.push(told);
    this.on(told);
    for (const waiter of this.#waiters.filter(({ fits }) => fits(told))) waiter.done(told);
  }

  stanzas(sid?: number): string[] {
    const found: string[] = [];
    for (const told of this.told)
      if (told.what === 'stanza' && (sid === undefined || told.sid === sid)) found.push(told.stanza.toString());
    return found;
  }

  /** The first that fits, of those that were told or will be. */
  async hears<W extends Told['what']>(
    what: W,
    fits: (told: Extract<Told, { what: W }>) => boolean = () => true,
  ): Promise<Extract<Told, { what: W }>> {
    const takes = (told: Told): told is Extract<Told, { what: W }> =>
      told.what === what && fits(told as Extract<Told, { what: W }>);
    const known = this.told.find(takes);
    if (known !== undefined) return known as Extract<Told, { what: W }>;
    const later = new Promise<Told>((done) => this.#waiters.push({ fits: takes, done }));
    return (await within(10_000, () => `the unit was not told ${what}`, later)) as Extract<Told, { what: W }>;
  }
}

export class FakeDoor implements Door {
  readonly address = `root@${domain}` as BareJid;
  readonly heard: { speaker: Speaker; stanza: Stanza }[] = [];
  readonly gone_: number[] = [];
  readonly arrived_: Speaker[] = [];
  readonly unheard_: { speaker: Speaker; messages: readonly Stanza[] }[] = [];
  mirror = true;
  answer: (stanza: Stanza) => Promise<Stanza> = async (stanza) => resultOf(stanza);

  message(speaker: Speaker, stanza: Stanza): { mirror: boolean } {
    this.heard.push({ speaker, stanza });
    return { mirror: this.mirror };
  }
  iq(speaker: Speaker, stanza: Stanza): Promise<Stanza> {
    this.heard.push({ speaker, stanza });
    return this.answer(stanza);
  }
  arrived(speaker: Speaker): void {
    this.arrived_.push(speaker);
  }
  unheard(speaker: Speaker, messages: readonly Stanza[]): void {
    this.unheard_.push({ speaker, messages });
  }
  gone(sid: number): void {
    this.gone_.push(sid);
  }
}

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

export interface World {
  edge: Edge;
  unit: FakeUnit;
  door: FakeDoor;
  starttls: Endpoint;
  direct: Endpoint;
  certificates: Certificates;
  /** Where the certificates are. */
  folder: string;
  errors: unknown[];
  stop(): Promise<void>;
}

export interface WorldOptions extends Partial<EdgeOptions> {
  unitOf?: (unit: FakeUnit) => Promise<UnitLink>;
  ports?: { starttls: number | undefined; direct: number | undefined };
}

export async function startWorld({
  unitOf,
  ports = { starttls: 0, direct: 0 },
  ...changes
}: WorldOptions = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'edge-'));
  const unit = new FakeUnit();
  const door = new FakeDoor();
  const errors: unknown[] = [];
  const ours = (name: string) => name === domain || name === account;
  const certificates = openCertificates({ folder, made: folder, ours, log: silent });
  const edge = new Edge({
    domain,
    authority: fakeAuthority(),
    certificates,
    log: { ...silent, error: (message, fields) => errors.push([message, fields]) },
    iterations,
    ...changes,
  });
  unit.store = (sid, position) => edge.link.stored(sid, position);
  const behind = {
    units: { unit: () => unitOf?.(unit) ?? Promise.resolve(unit) },
    door,
    routes: new Mux<Speaker>([{ type: 'get', ns: NS.ping, name: 'ping', handle: () => undefined }]),
    account() {},
    ask: () => Promise.reject(new Error('nobody answers here')),
  };
  const listening = await edge.listen({ host: '127.0.0.1', ...ports }, behind);
  const endpoint = (direct: boolean): Endpoint => {
    const { host, port } = listening.find((one) => one.direct === direct) as Listening;
    return { host, port, security: direct ? 'direct' : 'starttls' };
  };
  const stop = async () => {
    await edge.stop();
    rmSync(folder, { recursive: true });
  };
  return { edge, unit, door, starttls: endpoint(false), direct: endpoint(true), certificates, folder, errors, stop };
}

/** Runs a test in a world and stops it, whatever happens. */
export async function inWorld(options: WorldOptions, run: (world: World) => Promise<void>): Promise<void> {
  const world = await startWorld(options);
  try {
    await run(world);
  } finally {
    await world.stop();
  }
}
