/**
 * A unit as the edge knows it: it outlives the worker it lives in. When that dies it starts in another, is told of its sessions
 * and of what the dead one may have lost; meanwhile the apps' streams stay open and what they send waits in order. Longer than
 * 300 lines, because all of that has to hold at once, at whatever moment a worker dies.
 */
import type { Progress, RemoteHost, RemoteUnit } from '../link/edge-port.ts';
import type { Answer, Ask, EdgeLink, SessionFacts, UnitLink, UnitQuestions, UnitSettings } from '../link/link.ts';
import type { StanzaError } from '../wire/error.ts';
import { isRequest, isResponse, type Stanza } from '../wire/stanza.ts';
import { Delivered } from './delivered.ts';
import { type Entry, Held } from './held.ts';
import { Inbox } from './inbox.ts';
import { answerOff, interrupted, type Off, refusal, statesOf, unavailable } from './off.ts';
import { Promised } from './promised.ts';
import { UnopenedError } from './standin.ts';

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
  /** Its end is clean. */
  isClean: boolean;
  /** It is over, and what it said last is not durable yet. */
  isGone: boolean;
  /** The position of its last stanza. */
  last: number;
}

export class LastingUnit implements UnitLink {
  /** When workers died that it lived in: milliseconds since the epoch. */
  deaths: number[] = [];
  readonly #edge: EdgeLink;
  readonly #keeper: Keeper;
  readonly #sessions = new Map<number, Attached>();
  readonly #held = new Held();
  readonly #inbox: Inbox;
  readonly #delivered = new Delivered();
  #settings: UnitSettings;
  #remote: RemoteUnit | undefined;
  /** The unit that runs, or the next that will. */
  #up = new Promised<RemoteUnit>();
  /** Which start, or end, is the last. */
  #turn = 0;
  /** How many sessions are over and not released. */
  #gone = 0;
  #off: Off | undefined;
  /** The edge knows how its accounts are doing while it is off. */
  #isToldOff = false;
  #isStopping = false;
  #isOver = false;
  #recent = 0;

  constructor(settings: UnitSettings, edge: EdgeLink, keeper: Keeper) {
    this.#settings = settings;
    this.#edge = edge;
    this.#inbox = new Inbox(edge);
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
    this.#delivered.prune();
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
    this.#isToldOff = false;
    this.#recall(remote);
    for (const [sid, { facts }] of this.#sessions) {
      remote.attach(sid, facts);
      if (facts.acknowledged > 0) remote.acknowledged(sid, facts.acknowledged); // it may not have been kept
    }
    for (const entry of this.#held.all()) this.#post(entry);
    this.#up.resolve(remote);
  }

  /** What clients have, the next unit shall have, too. */
  #recall(remote: RemoteUnit): void {
    const messages = this.#delivered.all();
    if (messages.length > 0) remote.ask('recall', { messages }).catch(() => {}); // it died, or cannot keep anything
  }

  /** A dead worker's reports do not concern the next. */
  #progress(turn: number): Progress {
    return {
      taken: (number) => {
        if (turn !== this.#turn) return;
        this.#held.taken(number);
      },
      begun: (number) => {
        if (turn === this.#turn) this.#held.begun(number);
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
    this.#settle();
    return true;
  }

  /**
   * A query is asked again; a request that changes something is not, for it may have been done; nor is what units die of. That
   * one died in the midst of it may be chance, two are not.
   */
  #isForNext(entry: Entry): boolean {
    const { stanza, tries, begun, isTaken, isRefused } = entry;
    if (stanza === undefined) return true;
    if (isResponse(stanza)) return false; // to a question that died
    if (isRefused) return false;
    const isChange = isRequest(stanza) && stanza.type === 'set';
    if (tries === 0 || (!isChange && (isTaken || begun < 2))) return true;
    this.#refuse(entry, interrupted());
    return false;
  }

  #refuse({ sid, stanza }: Entry, error: StanzaError): void {
    const answer = stanza && refusal(stanza, error);
    if (answer !== undefined && this.#sessions.get(sid)?.isGone === false) this.#edge.deliver([sid], answer);
  }

  /** It is not started any more, or after a while: whoever needs it is told so, until then or until new settings come. */
  switchOff(reason: string, isTried = false): void {
    this.#turn++;
    this.#remote = undefined;
    const off = { reason, since: Date.now(), isTried };
    this.#off = off;
    this.#up.reject(this.#reasonOf(off));
    this.#up = new Promised();
    this.#held.restart((entry) => {
      this.#refuse(entry, unavailable());
      return false;
    });
    this.#settle();
    this.#release();
    if (this.#isToldOff) return;
    this.#isToldOff = isTried;
    for (const state of statesOf(off, this.#settings, this.#facts()))
      if (state.status !== 'off') this.#edge.account(this.user, state);
  }

  #reasonOf({ reason, isTried }: Off): Error {
    return isTried ? new UnopenedError(this.user, reason) : new Error(reason);
  }

  #facts(): SessionFacts[] {
    return [...this.#sessions.values()].map(({ facts }) => facts);
  }

  // ---- what clients do

  attach(sid: number, facts: SessionFacts): void {
    if (this.#isOver) return;
    this.#sessions.set(sid, { facts, isGone: false, isClean: false, last: 0 });
    this.#keeper.attached(sid, this);
    this.#inbox.attach(sid);
    this.#remote?.attach(sid, facts);
  }

  resumable(sid: number, from: number): void {
    this.#remote?.resumable(sid, from); // the next unit learns it from the facts
  }

  detach(sid: number, isClean: boolean): void {
    const session = this.#sessions.get(sid);
    if (session === undefined || session.isGone) return;
    session.isGone = true;
    session.isClean = isClean;
    this.#gone++;
    this.#held.forgetRequests(sid);
    if (this.#off === undefined) this.#post(this.#held.add(sid, undefined));
    else this.#release();
  }

  stanza(sid: number, stanza: Stanza, position: number): void {
    const session = this.#sessions.get(sid);
    if (session === undefined) return;
    session.last = position;
    if (this.#off !== undefined) {
      answerOff(this.#edge, sid, stanza);
      return this.#tellStored(sid);
    }
    this.#recent++;
    this.#post(this.#held.add(sid, stanza, position));
    this.#inbox.add(sid, position, stanza);
  }

  /** The unit says that all of that session up to there is durable. */
  stored(sid: number, position: number): void {
    this.#held.stored(sid, position);
    this.#tellStored(sid);
    this.#release();
  }

  /** What was given back to its client, between what is durable, does not come to a unit any more. */
  #tellStored(sid: number): void {
    const session = this.#sessions.get(sid);
    if (session === undefined) return;
    const undone = this.#held.undone(sid);
    const position = Math.min(session.last, undone === undefined ? session.last : undone - 1);
    this.#inbox.stored(sid, position);
    if (!session.isGone) this.#edge.stored(sid, position);
  }

  /** Some of what was held is not any more. */
  #settle(): void {
    for (const sid of this.#sessions.keys()) this.#tellStored(sid);
  }

  /** Waits where there is no unit. */
  #post(entry: Entry): void {
    const remote = this.#remote;
    if (remote === undefined) return;
    const { number, sid, stanza, position, isTaken } = entry;
    const past = entry.tries++ === 0 ? undefined : isTaken ? 'taken' : 'told';
    if (stanza === undefined) remote.detach(number, sid, this.#sessions.get(sid)?.isClean ?? false);
    else remote.stanza(number, sid, stanza, position, past);
  }

  passed(sid: number, position: number): void {
    this.#remote?.passed(sid, position);
  }

  acknowledged(sid: number, place: number): void {
    this.#remote?.acknowledged(sid, place); // as activity
  }

  flow(sid: number, isOpen: boolean): void {
    this.#remote?.flow(sid, isOpen); // as activity
  }

  activity(sid: number, inactive: boolean): void {
    this.#remote?.activity(sid, inactive); // the next unit learns it from the facts
  }

  /** A message of the archive went to that session, and perhaps to others. */
  delivered(sid: number, stanza: Stanza, place: number): void {
    const facts = this.#sessions.get(sid)?.facts;
    if (facts?.view === 'identity') this.#delivered.add(facts.bare, stanza, place);
  }

  /** A response, or an error, went to that session. */
  answered(sid: number, { name, id }: Stanza): void {
    if (name === 'iq') this.#held.answered(sid, id);
    else if (id !== undefined) this.#held.refused(sid, id);
  }

  /** Sessions that are over and have nothing held any more. */
  #release(): void {
    if (this.#gone === 0) return;
    for (const [sid, { isGone }] of this.#sessions) {
      if (!isGone || this.#held.has(sid)) continue;
      this.#sessions.delete(sid);
      this.#inbox.detach(sid);
      this.#gone--;
      this.#keeper.released(sid);
    }
  }

  // ---- what the edge asks

  async ask<K extends keyof UnitQuestions>(what: K, ask: Ask<UnitQuestions, K>): Promise<Answer<UnitQuestions, K>> {
    if (what === 'configure') this.#settings = (ask as Ask<UnitQuestions, 'configure'>).settings;
    if (what === 'stop') this.#isStopping = true;
    if (what === 'forgetHistory') this.#delivered.clear();
    const answer = this.#off === undefined ? await this.#askUnit(what, ask) : await this.#askOff(what, ask, this.#off);
    if (what === 'stop') this.#end();
    return answer;
  }

  #end(): void {
    this.#isOver = true;
    this.#remote = undefined;
    for (const sid of this.#sessions.keys()) this.#keeper.released(sid);
    this.#sessions.clear();
    this.#keeper.stopped(this);
  }

  async #askUnit<K extends keyof UnitQuestions>(what: K, ask: Ask<UnitQuestions, K>) {
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

  async #askOff<K extends keyof UnitQuestions>(what: K, ask: Ask<UnitQuestions, K>, off: Off) {
    if (what === 'stop') return null as Answer<UnitQuestions, K>;
    if (what === 'status') return statesOf(off, this.#settings, this.#facts()) as unknown as Answer<UnitQuestions, K>;
    if (what !== 'configure') throw this.#reasonOf(off);
    this.#keeper.revive(this);
    return this.#askUnit(what, ask);
  }
}
