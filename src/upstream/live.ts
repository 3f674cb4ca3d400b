/** A stream whose session stands: stanzas both ways, acknowledgement, liveness. The fast path. */
import { randomBytes } from 'node:crypto';
import { type BareJid, bare, domainOf, type FullJid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { Stanza } from '../wire/stanza.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import { isServer } from './binding.ts';
import type { Connection } from './connection.ts';
import { Failed } from './failed.ts';
import { Intake } from './intake.ts';
import { Liveness } from './liveness.ts';
import type { Login } from './login.ts';
import type { Session } from './session.ts';
import type { Timing } from './timing.ts';
import type { Log } from './types.ts';

/** After as many stanzas an acknowledgement is asked for without waiting. */
const often = 50;
const request = serialize(xml('r', NS.sm));

export class LiveStream {
  readonly ended: Promise<Failed>;
  readonly #connection: Connection;
  readonly #session: Session;
  /** The server knows XEP-0198. */
  readonly #isManaged: boolean;
  readonly #early: Element[];
  readonly #csi: boolean;
  readonly #own: BareJid;
  readonly #address: FullJid;
  readonly #timing: Timing;
  readonly #take: (stanza: Stanza) => void;
  readonly #log: Log;
  readonly #liveness: Liveness;
  /** Written at the end of this turn of the event loop. */
  #batch = '';
  #flush: NodeJS.Immediate | undefined;
  /** Stanzas since the last `<r/>`. */
  #unasked = 0;
  #askTimer: NodeJS.Timeout | undefined;
  /** The server has asked, and is told so much when it is durable. */
  #owed: number | undefined;
  #ping: string | undefined;
  /** The server has resumed the session and not said since that it took anything. */
  #isDeaf: boolean;
  #over = false;
  #dropped = 0;
  readonly #intake: Intake;

  /** Nothing flows before start(). `take` gets each stanza, addresses prepared. */
  constructor(login: Login, session: Session, timing: Timing, log: Log, take: (stanza: Stanza) => void) {
    this.#connection = login.connection;
    this.#session = session;
    this.#isManaged = login.enabled !== undefined;
    this.#early = login.early;
    this.#csi = login.csi;
    this.#address = login.address;
    this.#own = bare(login.address);
    this.#timing = timing;
    this.#take = take;
    this.#log = log;
    this.#isDeaf = login.resumed;
    const dead = () => {
      const failed = new Failed('timeout', 'the server is silent');
      failed.isDeaf = this.#isDeaf;
      this.#connection.end(failed);
    };
    this.#liveness = new Liveness(timing, () => this.#probe(), dead);
    this.ended = login.connection.ended.then((failed) => this.#finish(failed));
    this.#intake = new Intake(session, login.resumed && session.isUncertain, {
      stanza: (element) => this.#stanza(element),
      other: (element) => this.#other(element),
      rest: (isResting) => {
        this.#connection.pause(isResting);
        this.#liveness.rest(isResting);
      },
      fault: (reason) => this.#connection.fault(reason),
    });
    session.onStored = () => this.#stored();
    if (login.resumed) this.#repeat();
  }

  start(): void {
    this.#connection.onHeard = (octets) => {
      this.#session.heard(octets);
      this.#liveness.heard();
    };
    for (const element of this.#early.splice(0)) this.#stanza(element);
    this.#connection.flow(this.#intake.take);
  }

  /** XEP-0198 §5: after `<resumed/>`, what the server had not handled. */
  #repeat(): void {
    const { unacknowledged } = this.#session.management;
    for (const stanza of unacknowledged) this.#write(stanza);
    if (unacknowledged.length > 0 || this.#intake.isCautious) this.#ask();
  }

  /** The sequence number; undefined when the stream is over: then the stanza is not ours. */
  send(stanza: string): number | undefined {
    if (this.#over) return undefined;
    const { management } = this.#session;
    const sequence = management.sent(stanza);
    this.#write(stanza);
    if (this.#isManaged) this.#askSoon();
    try {
      management.check();
    } catch (reason) {
      this.#connection.fault(reason);
    }
    return sequence;
  }

  /** XEP-0352 §4: a nonza, not counted; a stream begins active. */
  setInactive(inactive: boolean): void {
    if (this.#csi) this.#write(serialize(xml(inactive ? 'inactive' : 'active', NS.csi)));
  }

  /** Nothing is taken, or it goes on; what is sent goes out. */
  setPaused(isPaused: boolean): void {
    this.#intake.pause(isPaused);
  }

  /** In good order: what was handled is made durable, and acknowledgements of both sides are exchanged. */
  async close(within: number): Promise<void> {
    const before = Date.now();
    if (this.#batch !== '') this.#writeBatch();
    this.#over = true;
    this.#intake.end();
    if (this.#isManaged) await atMost(within / 2, this.#session.settle());
    const last = this.#isManaged ? this.#acknowledgement() + request : '';
    await this.#connection.close(Math.max(0, within - (Date.now() - before)), last);
  }

  #other(element: Element): void {
    if (element.attrs.xmlns === NS.sm) this.#nonza(element);
    else this.#log.debug('upstream element ignored', { account: this.#own, name: element.name });
  }

  /** More can be announced. */
  #stored(): void {
    if (this.#owed !== undefined && (this.#session.h - this.#owed) >>> 0 <= 0x7fffffff) {
      this.#owed = undefined;
      this.#write(this.#acknowledgement());
    }
    this.#intake.stored();
  }

  #stanza(element: Element): void {
    if (this.#ping !== undefined && this.#isPong(element)) return;
    const attrs = element.attrs as { from?: string; to?: string };
    const from = attrs.from === undefined ? this.#own : readJid(attrs.from);
    const to = attrs.to === undefined ? this.#address : readJid(attrs.to);
    if (from === undefined || to === undefined) {
      const dropped = ++this.#dropped;
      if ((dropped & (dropped - 1)) === 0)
        // the first, second, fourth, …: no flood of the log
        this.#log.warn('upstream stanza dropped: malformed address', { account: this.#own, dropped });
      return;
    }
    attrs.from = from;
    attrs.to = to;
    try {
      this.#take(Stanza.of(element));
    } catch (reason) {
      this.#log.error('stanza not handled', { account: this.#own, reason: String(reason) });
    }
  }

  #nonza(element: Element): void {
    if (!this.#isManaged) return;
    if (element.name === 'r') this.#answer();
    else if (element.name === 'a') {
      this.#session.management.acknowledge(element.attrs.h);
      this.#isDeaf = false;
      this.#liveness.answered();
      this.#intake.relax();
    }
  }

  /** At once with what is durable, and again when the rest is. */
  #answer(): void {
    const { h, taken } = this.#session;
    this.#write(this.#acknowledgement());
    if (h === taken) return;
    this.#owed = taken;
    void this.#session.settle();
  }

  #acknowledgement(): string {
    return serialize(xml('a', { xmlns: NS.sm, h: String(this.#session.h) }));
  }

  #write(text: string): void {
    if (this.#over) return;
    this.#batch += text;
    this.#flush ??= setImmediate(() => this.#writeBatch());
  }

  #writeBatch(): void {
    this.#flush = undefined;
    const batch = this.#batch;
    this.#batch = '';
    if (batch !== '') this.#connection.write(batch);
    if (!this.#isManaged) this.#session.management.assume();
  }

  #askSoon(): void {
    if (++this.#unasked >= often) this.#ask();
    else this.#askTimer ??= setTimeout(() => this.#ask(), this.#timing.acknowledge);
  }

  #ask(): void {
    clearTimeout(this.#askTimer);
    this.#askTimer = undefined;
    this.#unasked = 0;
    this.#write(request);
    this.#liveness.asked();
  }

  /** After silence: XEP-0198 where there is, else XEP-0199. */
  #probe(): void {
    if (this.#isManaged) return this.#ask();
    this.#ping = randomBytes(9).toString('base64url');
    const to = domainOf(this.#own);
    this.#write(serialize(xml('iq', { type: 'get', id: this.#ping, to }, xml('ping', NS.ping))));
    this.#liveness.asked();
  }

  /** An error is an answer too: the server is there. */
  #isPong(element: Element): boolean {
    const { id, type, from } = element.attrs as { id?: string; type?: string; from?: string };
    const answers = element.name === 'iq' && id === this.#ping && (type === 'result' || type === 'error');
    if (!answers || !isServer(from, this.#own)) return false;
    this.#ping = undefined;
    this.#liveness.answered();
    return true;
  }

  #finish(failed: Failed): Failed {
    this.#over = true;
    this.#liveness.stop();
    clearTimeout(this.#askTimer);
    clearImmediate(this.#flush);
    this.#session.onStored = () => {};
    // behind what was held it would have another number
    if (failed.atStanza && this.#isManaged && !this.#intake.isBusy) void this.#session.broke();
    this.#intake.end();
    return failed;
  }
}

/** Resolves with the promise, or when its time is up. */
function atMost(milliseconds: number, promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    void promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
