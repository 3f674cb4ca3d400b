/**
 * One session with the server: it outlives the streams on which it is resumed and, by its ledger, the process (XEP-0198 §5).
 * Here the server's stanzas are counted. What is announced as handled is in the ledger before: a server forgets what we say we
 * have, and takes it ill if we say later that we have less.
 */
import type { FullJid } from '../wire/jid.ts';
import { Management } from './management.ts';
import type { SessionLedger, SessionState } from './types.ts';

/** So many stanzas, and octets, may be taken that are not durable yet. */
const most = { stanzas: 1000, octets: 4 << 20 };

/** What broke the stream, or the process, as often does not get another chance. */
const chances = 2;

/** What the server said of resumption (XEP-0198 §3); undefined id: there is none. */
export type Terms = Pick<SessionState, 'number' | 'id' | 'address' | 'location'>;

export class Session {
  readonly address: FullJid;
  readonly id: string | undefined;
  readonly location: string | undefined;
  /** Another process, or worker, began it. */
  readonly inherited: boolean;
  /** Undefined: the server knows no XEP-0198. */
  readonly management: Management;
  /** What is announced can be more from now on. */
  onStored: () => void = () => {};
  readonly #number: number;
  readonly #ledger: SessionLedger;
  /** Stanzas of the server that were taken; those of them that the ledger has. XEP-0198 §4: counters wrap at 2^32. */
  #taken: number;
  #stored: number;
  /** A note waits for its commit; the last one, until it is durable. */
  #isNoted = false;
  #noting: Promise<void> = Promise.resolve();
  /** What the last note had when it was committed. */
  #committed: number;
  /** What the ledger waited for when our last note was all that had been written. */
  #own: Promise<void> | undefined;
  /** All up to here is durable, though perhaps not noted. */
  #durable: number;
  /** Octets that came since that. */
  #octets = 0;
  #begun: SessionState['begun'];
  /** What was on its way to the process before this one has come. */
  #isKnown = false;

  /** `state`: of a session that another process began. */
  constructor(terms: Terms, ledger: SessionLedger, state?: SessionState) {
    this.#number = terms.number;
    this.id = terms.id;
    this.address = terms.address;
    this.location = terms.location;
    this.inherited = state !== undefined;
    this.management = new Management(terms.number, this.inherited);
    this.#ledger = ledger;
    this.#taken = state?.h ?? 0;
    this.#stored = this.#taken;
    this.#committed = this.#taken;
    this.#durable = this.#taken;
    this.#begun = state?.begun;
  }

  get number(): number {
    return this.#number;
  }
  /** May be announced. */
  get h(): number {
    return this.#stored;
  }
  get taken(): number {
    return this.#taken;
  }
  /** Too much is not durable; `half`: even of what is allowed. */
  isBehind(half = false): boolean {
    const share = half ? 0.5 : 1;
    return since(this.#durable, this.#taken) > most.stanzas * share || this.#octets > most.octets * share;
  }

  /** So much came from the server. */
  heard(octets: number): void {
    this.#octets += octets;
  }

  /** A stanza of the server's has been worked on. */
  took(): void {
    this.#taken = (this.#taken + 1) >>> 0;
    const waiting = this.#ledger.settled();
    if (waiting === undefined) {
      this.#durable = this.#taken;
      this.#octets = 0;
    } else if (!this.#isNoted && waiting !== this.#own) void this.#note();
  }

  /** All that was taken is to be announced: it is noted, unless it is already. Resolves when that is durable. */
  settle(): Promise<void> {
    return this.#isNoted || this.#committed === this.#taken ? this.#noting : this.#note();
  }

  /** Kept from now on as it is, in place of the session before. */
  begin(): Promise<void> {
    return this.#note();
  }

  #note(): Promise<void> {
    this.#isNoted = true;
    let h = this.#taken;
    let octets = this.#octets;
    const kept = this.#ledger.note(() => {
      this.#isNoted = false;
      h = this.#taken;
      octets = this.#octets;
      this.#committed = h;
      return this.#state;
    });
    this.#own = this.#ledger.settled();
    this.#noting = kept.then(
      () => this.#keep(h, octets),
      () => {}, // the ledger is closed, or of no more use: nothing more is announced
    );
    return this.#noting;
  }

  #keep(h: number, octets: number): void {
    if (since(this.#stored, h) > 0x7fffffff) return; // a later note was there before
    this.#stored = h;
    if (since(this.#durable, h) < 0x7fffffff) this.#durable = h;
    this.#octets = Math.max(0, this.#octets - octets);
    this.onStored();
  }

  get #state(): SessionState {
    const { id, address, location } = this;
    return { number: this.#number, id, address, location, h: this.#taken, begun: this.#begun };
  }

  // ---- a stanza that breaks whatever takes it

  /** What comes after a resumption was on its way to a process that ended, perhaps because of it. */
  get isUncertain(): boolean {
    return this.inherited && !this.#isKnown;
  }

  /** The next stanza has broken what took it as often as it may. */
  get isPoisoned(): boolean {
    return this.#begun?.position === this.#next && this.#begun.times >= chances;
  }

  /** It is left out, and counts as handled. */
  leaveOut(): Promise<void> {
    this.#taken = this.#next;
    this.#begun = undefined;
    return this.#note();
  }

  /** The next stanza has broken the stream. */
  broke(): Promise<void> {
    this.#count();
    return this.#note();
  }

  /** Noted before a stanza that may end the process; resolves when it can be taken. Gives what takes it back. */
  dare(): { ready: Promise<void>; undo: () => void } {
    const before = this.#begun;
    this.#count();
    const undo = () => {
      this.#begun = before;
      void this.#note();
    };
    return { ready: this.#note(), undo };
  }

  /** What was dared went well. */
  relax(): void {
    this.#isKnown = true;
    if (this.#begun === undefined) return;
    this.#begun = undefined;
    void this.#note();
  }

  #count(): void {
    const times = this.#begun?.position === this.#next ? this.#begun.times : 0;
    this.#begun = { position: this.#next, times: times + 1 };
  }

  get #next(): number {
    return (this.#taken + 1) >>> 0;
  }
}

/** From one count to a later one. */
const since = (earlier: number, later: number): number => (later - earlier) >>> 0;
