/** Around a core session under test: a listener that can be waited for, a relay that can be cut, what it needs to be opened. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Environment, environment, type Timing } from '../../src/upstream/timing.ts';
import type {
  Account,
  CoreEvents,
  Log,
  SessionLedger,
  SessionState,
  Status,
  UpstreamOptions,
} from '../../src/upstream/types.ts';
import type { Failure } from '../../src/wire/failure.ts';
import { type BareJid, parseBare } from '../../src/wire/jid.ts';
import type { Stanza } from '../../src/wire/stanza.ts';
import { within } from './process.ts';

export type Event =
  | { kind: 'online'; address: string; resumed: boolean; inherited: boolean }
  | { kind: 'offline' }
  | { kind: 'stanza'; stanza: Stanza }
  | { kind: 'unacknowledged'; stanzas: string[] }
  | { kind: 'handled'; first: number; last: number }
  | { kind: 'skipped' }
  | { kind: 'status'; status: Status; failure: Failure | undefined };
type Of<K> = Extract<Event, { kind: K }>;

/** Notes every event; `next` takes the first of its kind that nobody has taken, or waits for it. */
export class Recorder implements CoreEvents {
  readonly all: Event[] = [];
  #untaken: Event[] = [];
  #changed: () => void = () => {};
  /** What a hub would make of a stanza. */
  onStanza: (stanza: Stanza) => void = () => {};

  online(address: string, resumed: boolean, inherited: boolean): void {
    this.#note({ kind: 'online', address, resumed, inherited });
  }
  offline(): void {
    this.#note({ kind: 'offline' });
  }
  stanza(stanza: Stanza): void {
    this.#note({ kind: 'stanza', stanza });
    this.onStanza(stanza);
  }
  handled(first: number, last: number): void {
    this.#note({ kind: 'handled', first, last });
  }
  skipped(): void {
    this.#note({ kind: 'skipped' });
  }
  unacknowledged(stanzas: string[]): void {
    this.#note({ kind: 'unacknowledged', stanzas });
  }
  status(status: Status, failure: Failure | undefined): void {
    this.#note({ kind: 'status', status, failure });
  }

  async next<K extends Event['kind']>(kind: K, matches: (event: Of<K>) => boolean = () => true): Promise<Of<K>> {
    const late = () => `no ${kind} came; what came: ${JSON.stringify(this.all.slice(-12).map(brief))}`;
    return within(10_000, late, this.#find(kind, matches));
  }

  async reported(status: Status): Promise<Of<'status'>> {
    return this.next('status', (event) => event.status === status);
  }

  async #find<K extends Event['kind']>(kind: K, matches: (event: Of<K>) => boolean): Promise<Of<K>> {
    for (;;) {
      const index = this.#untaken.findIndex((event) => event.kind === kind && matches(event as Of<K>));
      if (index >= 0) return this.#untaken.splice(index, 1)[0] as Of<K>;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  #note(event: Event): void {
    this.all.push(event);
    this.#untaken.push(event);
    this.#changed();
  }
}

const brief = (event: Event): unknown => (event.kind === 'stanza' ? String(event.stanza).slice(0, 200) : event);

/** A ledger in memory, whose commits come at once, or when the test says so. */
export class MemoryLedger implements SessionLedger {
  /** As committed. */
  state: SessionState | undefined;
  commits = 0;
  #isHeld = false;
  #noted: (() => SessionState) | undefined;
  #batch: { done: Promise<void>; resolve: () => void } | undefined;

  constructor(state?: SessionState) {
    this.state = state;
  }
  async read(): Promise<SessionState | undefined> {
    return this.state;
  }
  note(state: () => SessionState): Promise<void> {
    this.#noted = state;
    return this.write();
  }
  settled(): Promise<void> | undefined {
    return this.#batch?.done;
  }
  /** Something else is written, and committed with what is noted. */
  write(): Promise<void> {
    if (this.#batch === undefined) {
      let resolve = () => {};
      const done = new Promise<void>((settle) => (resolve = settle));
      this.#batch = { done, resolve };
      if (!this.#isHeld) setImmediate(() => this.#commit());
    }
    return this.#batch.done;
  }
  /** Nothing is committed. */
  hold(): void {
    this.#isHeld = true;
  }
  release(): void {
    this.#isHeld = false;
    this.#commit();
  }
  #commit(): void {
    const batch = this.#batch;
    if (batch === undefined || this.#isHeld) return;
    this.#batch = undefined;
    this.commits++;
    if (this.#noted !== undefined) this.state = structuredClone(this.#noted());
    this.#noted = undefined;
    batch.resolve();
  }
}

/** A log that can be searched. */
export class MemoryLog implements Log {
  readonly lines: string[] = [];
  debug = (message: string, fields?: object) => this.#note('debug', message, fields);
  info = (message: string, fields?: object) => this.#note('info', message, fields);
  warn = (message: string, fields?: object) => this.#note('warn', message, fields);
  error = (message: string, fields?: object) => this.#note('error', message, fields);
  #note(level: string, message: string, fields: object = {}): void {
    this.lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  }
}

export function accountOf(jid: string, password: string, change: Partial<Account> = {}): Account {
  return {
    jid: parseBare(jid) as BareJid,
    password,
    resource: 'xmpproxy-t',
    route: undefined,
    pin: undefined,
    ...change,
  };
}

export function optionsOf(change: Partial<UpstreamOptions> = {}): UpstreamOptions {
  return { routes: {}, ca: undefined, allowPrivate: false, allowPlaintext: false, ...change };
}

/** Waits of milliseconds in place of seconds; no name is looked up in earnest. */
export function quick(change: Partial<Timing> = {}, rest: Partial<Environment> = {}): Environment {
  const timing = { ...environment.timing, quick: 5, backoff: { least: 10, most: 50 }, conflict: 20, ...change };
  const dns = { srv: async () => [], addresses: async () => ['127.0.0.1'] };
  return { timing, dns, random: () => 0.5, ...rest };
}

type Change = (text: string) => string;
const same: Change = (text) => text;

/** A TCP relay whose connections can be cut without a word. */
export class Relay {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  #held = false;
  readonly #pairs: [Socket, Socket][] = [];

  private constructor(server: Server, sockets: Set<Socket>, port: number) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
  }

  /** `down` sees and may change what the server sends, `up` what the client sends; both for text without TLS. */
  static async to(target: number, { down, up }: { down?: Change; up?: Change } = {}): Promise<Relay> {
    const sockets = new Set<Socket>();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const relay = new Relay(server, sockets, (server.address() as { port: number }).port);
    server.on('connection', (near) => relay.#join(near, connect(target, '127.0.0.1'), down, up));
    return relay;
  }

  /** From now on nothing passes in either direction, and nobody is told. */
  hold(): void {
    this.#held = true;
    for (const [near, far] of this.#pairs) {
      near.unpipe(far).pause();
      far.unpipe(near).pause();
    }
  }

  /** Both ends lose their connection; new ones pass again. */
  cut(): void {
    this.#held = false;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #join(near: Socket, far: Socket, down = same, up = same): void {
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => {}).on('close', () => [near, far].forEach((end) => void end.destroy()));
    }
    this.#pairs.push([near, far]);
    if (this.#held) return;
    if (up === same) near.pipe(far);
    else near.on('data', (chunk) => far.write(up(String(chunk))));
    if (down === same) far.pipe(near);
    else far.on('data', (chunk) => near.write(down(String(chunk))));
  }
}
