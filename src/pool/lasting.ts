/**
 * A unit as the edge knows it: it outlives the worker it lives in. When that dies it starts in another, is told of its sessions
 * and of what the dead one may have lost; meanwhile the apps' streams stay open and what they send waits in order.
 */
import type { Progress, RemoteHost, RemoteUnit } from '../link/edge-port.ts';
import type {
  AccountState,
  Answer,
  Ask,
  EdgeLink,
  SessionFacts,
  UnitLink,
  UnitQuestions,
  UnitSettings,
} from '../link/link.ts';
import { StanzaError } from '../wire/error.ts';
import { errorOf, isRequest, isResponse, type Stanza } from '../wire/stanza.ts';
import { type Entry, Held } from './held.ts';

/** What a unit has not taken, in bytes: above the first its clients are not read, below the second they are again. */
const inbox = { most: 1_048_576, least: 524_288 };
/** How many units may die over one message or query before it is given back to its sender. */
const mostTries = 3;

/** Who starts it and keeps it. */
export interface Keeper {
  attached(sid: number, unit: LastingUnit): void;
  /** Nothing is held of that session any more. */
  released(sid: number): void;
  /** It was off and has new settings. */
  revive(unit: LastingUnit): void;
  /** It has ended for good. */
  stopped(unit: LastingUnit): void;
}

interface Attached {
  facts: SessionFacts;
  /** It is over, and what it said last is not safe yet. */
  isGone: boolean;
}

interface Off {
  reason: string;
  /** Milliseconds since the epoch. */
  since: number;
}

export class LastingUnit implements UnitLink {
  readonly #edge: EdgeLink;
  readonly #keeper: Keeper;
  readonly #sessions = new Map<number, Attached>();
  readonly #held = new Held();
  #settings: UnitSettings;
  #remote: RemoteUnit | undefined;
  /** The unit that runs, or the next that will; rejected when there is none. */
  #up = new Promised();
  /** Which start, or end, is the last. */
  #turn = 0;
  #isFull = false;
  /** Why it does not run and is not started again. */
  #off: Off | undefined;
  #isStopping = false;
  #recent = 0;
  /** When workers died that it lived in: milliseconds since the epoch. */
  deaths: number[] = [];

  constructor(settings: UnitSettings, edge: EdgeLink, keeper: Keeper) {
    this.#settings = settings;
    this.#edge = edge;
    this.#keeper = keeper;
  }

  get user(): string {
    return this.#settings.user;
  }

  /** How much work it is: its accounts, and the stanzas of the last while. */
  get load(): number {
    return this.#settings.accounts.length + this.#recent;
  }
  worked(): void {
    this.#recent++;
  }
  halve(): void {
    this.#recent = Math.floor(this.#recent / 2);
  }

  // ---- its life

  /** Resolves when it runs, or is off. */
  get settled(): Promise<unknown> {
    return this.#up.promise.catch(() => {});
  }

  /** Starts there; rejects where the unit cannot be opened, not where the worker dies over it. */
  async start(host: RemoteHost): Promise<void> {
    const turn = ++this.#turn;
    this.#off = undefined;
    try {
      const remote = await host.open(this.#settings, this.#progress(turn));
      if (turn === this.#turn) this.#run(remote);
    } catch (reason) {
      if (turn === this.#turn) throw reason;
    }
  }

  #run(remote: RemoteUnit): void {
    this.#remote = remote;
    for (const [sid, { facts }] of this.#sessions) remote.attach(sid, facts);
    for (const entry of this.#held.all()) post(remote, entry);
    this.#up.resolve(remote);
  }

  /** A dead worker's reports do not concern the next. */
  #progress(turn: number): Progress {
    return {
      taken: (number) => {
        if (turn !== this.#turn) return;
        this.#held.taken(number);
        this.#relieve();
      },
      safe: (numbers) => {
        if (turn !== this.#turn) return;
        this.#held.safe(numbers);
        this.#release();
      },
    };
  }

  /** Its worker died. False if it shall not be started again. */
  lost(): boolean {
    this.#turn++;
    this.#remote = undefined;
    if (this.#isStopping) {
      this.#up.reject(new Error('stopped'));
      return false;
    }
    if (this.#up.isSettled) this.#up = new Promised();
    this.#held.restart((entry) => this.#isForNext(entry));
    return true;
  }

  /** A query is asked again; a request that changes something is not, for it may have been done. */
  #isForNext(entry: Entry): boolean {
    const { stanza, tries } = entry;
    if (stanza !== undefined && isResponse(stanza)) return false; // to a question that died
    if (tries === 0 || stanza === undefined) return true;
    if (tries < mostTries && !(isRequest(stanza) && stanza.type === 'set')) return true;
    this.#refuse(entry, new StanzaError('remote-server-timeout', 'This was interrupted. Try again'));
    return false;
  }

  #refuse({ sid, stanza }: Entry, error: StanzaError): void {
    if (stanza === undefined || this.#sessions.get(sid)?.isGone !== false) return;
    if (isRequest(stanza) || (stanza.name === 'message' && stanza.type !== 'error'))
      this.#edge.deliver([sid], errorOf(stanza, error));
  }

  /** It is not started any more: whoever needs it is told so, until new settings come. */
  switchOff(reason: string): void {
    this.#turn++;
    this.#remote = undefined;
    this.#off = { reason, since: Date.now() };
    this.#up.reject(new Error(reason));
    this.#up = new Promised();
    this.#held.restart((entry) => {
      this.#refuse(entry, unavailable());
      return false;
    });
    this.#relieve();
    this.#release();
    for (const state of this.#states(this.#off)) if (state.status === 'stopped') this.#edge.account(this.user, state);
  }

  #states({ reason, since }: Off): AccountState[] {
    const failure = { kind: 'crash', text: reason } as const;
    return this.#settings.accounts.map(({ jid, enabled }) => ({
      jid,
      since,
      status: enabled ? 'stopped' : 'off',
      failure: enabled ? failure : undefined,
      contacts: 0,
      clients: [...this.#sessions.values()].filter(({ facts }) => (facts.account ?? facts.bare) === jid).length,
    }));
  }

  // ---- what clients do

  attach(sid: number, facts: SessionFacts): void {
    this.#sessions.set(sid, { facts, isGone: false });
    this.#keeper.attached(sid, this);
    if (this.#isFull) this.#edge.pause(sid);
    this.#remote?.attach(sid, facts);
  }

  detach(sid: number, unacknowledged: readonly Stanza[]): void {
    const session = this.#sessions.get(sid);
    if (session === undefined) return;
    session.isGone = true;
    this.#held.forgetRequests(sid);
    if (this.#off !== undefined) this.#release();
    else this.#tell(this.#held.add(sid, undefined, unacknowledged));
  }

  stanza(sid: number, stanza: Stanza): void {
    if (this.#off !== undefined) return this.#refuseOff(sid, stanza);
    this.#recent++;
    this.#tell(this.#held.add(sid, stanza));
    if (this.#isFull || this.#held.weight <= inbox.most) return;
    this.#isFull = true;
    for (const one of this.#sessions.keys()) this.#edge.pause(one);
  }

  #tell(entry: Entry): void {
    if (this.#remote !== undefined) post(this.#remote, entry);
  }

  /** Root still speaks to whoever is available. */
  #refuseOff(sid: number, stanza: Stanza): void {
    const { name, type, to } = stanza;
    if (name === 'presence' && to === undefined && (type === undefined || type === 'unavailable')) {
      const presence = type === undefined ? stanza.textFor(undefined, undefined) : undefined;
      this.#edge.facts(sid, { presence });
    } else if (isRequest(stanza) || (name === 'message' && type !== 'error'))
      this.#edge.deliver([sid], errorOf(stanza, unavailable()));
  }

  activity(sid: number, inactive: boolean): void {
    this.#remote?.activity(sid, inactive); // a fact of the session too
  }

  /** A response went to that session. */
  answered(sid: number, id: string | undefined): void {
    this.#held.answered(sid, id);
  }

  #relieve(): void {
    if (!this.#isFull || this.#held.weight > inbox.least) return;
    this.#isFull = false;
    for (const sid of this.#sessions.keys()) this.#edge.resume(sid);
  }

  /** Sessions that are over and have nothing held any more. */
  #release(): void {
    for (const [sid, { isGone }] of this.#sessions) {
      if (!isGone || this.#held.has(sid)) continue;
      this.#sessions.delete(sid);
      this.#keeper.released(sid);
    }
  }

  // ---- what the edge asks

  async ask<K extends keyof UnitQuestions>(what: K, ask: Ask<UnitQuestions, K>): Promise<Answer<UnitQuestions, K>> {
    if (what === 'configure') this.#settings = (ask as Ask<UnitQuestions, 'configure'>).settings;
    if (what === 'stop') this.#isStopping = true;
    const answer = this.#off === undefined ? await this.#askUnit(what, ask) : await this.#askOff(what, ask, this.#off);
    if (what === 'stop') this.#keeper.stopped(this);
    return answer;
  }

  async #askUnit<K extends keyof UnitQuestions>(
    what: K,
    ask: Ask<UnitQuestions, K>,
  ): Promise<Answer<UnitQuestions, K>> {
    for (;;) {
      const turn = this.#turn;
      try {
        return await (await this.#up.promise).ask(what, ask);
      } catch (reason) {
        // the worker died with the question: it is asked again where the unit is next
        if (this.#isStopping && turn !== this.#turn) return null as Answer<UnitQuestions, K>;
        if (turn === this.#turn || this.#off !== undefined) throw reason;
      }
    }
  }

  async #askOff<K extends keyof UnitQuestions>(
    what: K,
    ask: Ask<UnitQuestions, K>,
    off: Off,
  ): Promise<Answer<UnitQuestions, K>> {
    if (what === 'stop') return null as Answer<UnitQuestions, K>;
    if (what === 'status') return this.#states(off) as unknown as Answer<UnitQuestions, K>;
    if (what !== 'configure') throw new Error(off.reason);
    this.#keeper.revive(this);
    return this.#askUnit(what, ask);
  }
}

const unavailable = (): StanzaError =>
  new StanzaError('service-unavailable', 'The part of the proxy that serves you does not run. root knows more');

function post(remote: RemoteUnit, entry: Entry): void {
  const { number, sid, stanza, unacknowledged, isTaken } = entry;
  entry.tries++;
  if (stanza === undefined) remote.detach(number, sid, unacknowledged);
  else remote.stanza(number, sid, stanza, isTaken);
}

/** The promise of a unit. */
class Promised {
  isSettled = false;
  readonly promise: Promise<RemoteUnit>;
  #settle!: { resolve(unit: RemoteUnit): void; reject(reason: Error): void };

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.promise.catch(() => {}); // nobody may wait for it
  }
  resolve(unit: RemoteUnit): void {
    this.isSettled = true;
    this.#settle.resolve(unit);
  }
  reject(reason: Error): void {
    this.isSettled = true;
    this.#settle.reject(reason);
  }
}
