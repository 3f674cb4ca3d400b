/** Workers full of fragile units (fragile.ts), and an edge that notes what it is told. */
import { Worker } from 'node:worker_threads';
import type { AccountState, EdgeLink, SessionFacts, UnitSettings } from '../../src/link/link.ts';
import type { LastingUnit } from '../../src/pool/lasting.ts';
import { type Suspicion, Workers } from '../../src/pool/workers.ts';
import type { BareJid } from '../../src/wire/jid.ts';
import { parseElement } from '../../src/wire/parser.ts';
import { Stanza } from '../../src/wire/stanza.ts';
import { within } from './process.ts';

/** What a unit says it heard. */
interface Told {
  sid: number;
  user: string;
  thread: number;
  what: string;
}

export const factsOf = (user: string, change: Partial<SessionFacts> = {}): SessionFacts =>
  ({ view: 'identity', bare: `${user}@work.example`, address: `${user}@work.example/x`, ...change }) as SessionFacts;

export class Crowd {
  readonly told: Told[] = [];
  /** Responses and errors that reached sessions, as text. */
  readonly answers: string[] = [];
  readonly paused = new Set<number>();
  /** What units said is stored. */
  readonly stored: [sid: number, position: number][] = [];
  readonly #positions = new Map<number, number>();
  readonly states: AccountState[] = [];
  readonly off: string[] = [];
  readonly unopened: string[] = [];
  readonly logged: string[] = [];
  readonly threads: Worker[] = [];
  readonly facts: [number, Partial<SessionFacts>][] = [];
  readonly gate = new Int32Array(new SharedArrayBuffer(8));
  readonly workers: Workers;
  readonly #watchers = new Set<() => void>();

  constructor(count: number, suspicion?: Suspicion) {
    const log = (message: string) => this.#note(this.logged, message);
    this.workers = new Workers({
      count,
      edge: this.#edge(),
      version: '0',
      logLevel: 'info',
      log: { debug: log, info: log, warn: log, error: log },
      switchedOff: (user, reason) => this.#note(this.off, `${user}: ${reason}`),
      unopened: (user, reason) => this.#note(this.unopened, `${user}: ${reason}`),
      patience: 50,
      suspicion,
      startThread: () => {
        const worker = new Worker(new URL('./fragile.js', import.meta.url), {
          workerData: { gate: this.gate },
          resourceLimits: { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 8 },
        });
        this.threads.push(worker);
        return worker;
      },
    });
  }

  #edge(): EdgeLink {
    return {
      deliver: (sids, stanza) => {
        if (stanza.from !== 'unit') return this.#note(this.answers, `${sids} ${stanza}`);
        const said = JSON.parse(stanza.tree.getChildText('body')!) as Omit<Told, 'sid'>;
        this.#note(this.told, { sid: sids[0]!, ...said });
      },
      stored: (sid, position) => this.#note(this.stored, [sid, position]),
      facts: (sid, change) => this.#note(this.facts, [sid, change]),
      close() {},
      pause: (sid) => void this.paused.add(sid),
      resume: (sid) => {
        this.paused.delete(sid);
        this.#changed();
      },
      account: (_user, state) => this.#note(this.states, state),
      ask: () => Promise.reject(new Error('nobody answers here')),
    };
  }

  #note<T>(list: T[], what: T): void {
    list.push(what);
    this.#changed();
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Resolves when that holds; looked at whenever something has come. */
  async until(what: string, holds: () => boolean): Promise<void> {
    let watcher = () => {};
    const held = new Promise<void>((resolve) => {
      watcher = () => {
        if (holds()) resolve();
      };
      this.#watchers.add(watcher);
      watcher();
    });
    const late = () => `${what}; told: ${JSON.stringify(this.told.slice(-20))}; answers: ${this.answers.slice(-5)}`;
    await within(20_000, late, held).finally(() => this.#watchers.delete(watcher));
  }

  /** The first that a unit says to that session and that fits, from there on. */
  async hears(sid: number, what: string | RegExp, from = 0): Promise<Told> {
    const find = () =>
      this.told
        .slice(from)
        .find((told) => told.sid === sid && (typeof what === 'string' ? told.what === what : what.test(told.what)));
    await this.until(`${sid} hears ${what}`, () => find() !== undefined);
    return find()!;
  }

  open(user: string, accounts = 1): Promise<LastingUnit> {
    const list = Array.from({ length: accounts }, (_, index) => ({
      jid: `${user}@work${index || ''}.example` as BareJid,
      enabled: true,
    }));
    return this.workers.open({ user, accounts: list } as unknown as UnitSettings);
  }

  /** Resolves when so many workers have died. */
  deaths(count: number): Promise<void> {
    return this.until(`${count} deaths`, () => this.logged.filter((line) => line === 'worker died').length >= count);
  }

  /** A unit with one session. */
  async person(user: string, sid: number, facts = factsOf(user)): Promise<LastingUnit> {
    const unit = await this.open(user);
    unit.attach(sid, facts);
    await this.hears(sid, /^attach/);
    return unit;
  }

  /** A client's next stanza. */
  says(unit: LastingUnit, sid: number, stanza: Stanza): void {
    const position = (this.#positions.get(sid) ?? 0) + 1;
    this.#positions.set(sid, position);
    unit.stanza(sid, stanza, position);
  }

  /** All that a unit has said to that session since. */
  said(sid: number, from = 0): string[] {
    return this.told.slice(from).flatMap((told) => (told.sid === sid ? [told.what] : []));
  }
}

export const stanza = (text: string): Stanza => Stanza.of(parseElement(text));
export const saying = (body: string, id = body, to = 'bob@home.example'): Stanza =>
  stanza(`<message id="${id}" to="${to}"><body>${body}</body></message>`);

export const inCrowd =
  (count: number, run: (crowd: Crowd) => Promise<void>, suspicion?: Suspicion) => async (): Promise<void> => {
    const crowd = new Crowd(count, suspicion);
    try {
      await run(crowd);
    } finally {
      await crowd.workers.close();
    }
  };
