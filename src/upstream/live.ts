/** A stream whose session stands: stanzas both ways, acknowledgement, liveness. The fast path. */
import { randomBytes } from 'node:crypto';
import { type BareJid, bare, domainOf, type FullJid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { isStanzaName, Stanza } from '../wire/stanza.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import { isServer } from './binding.ts';
import type { Connection } from './connection.ts';
import { Failed } from './failed.ts';
import { Liveness } from './liveness.ts';
import type { Login } from './login.ts';
import type { Management } from './management.ts';
import type { Timing } from './timing.ts';
import type { Log } from './types.ts';

/** After as many stanzas an acknowledgement is asked for without waiting. */
const often = 50;
const request = serialize(xml('r', NS.sm));

export class LiveStream {
  readonly ended: Promise<Failed>;
  readonly management: Management | undefined;
  readonly #connection: Connection;
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
  #ping: string | undefined;
  #over = false;
  #dropped = 0;

  /** Nothing flows before start(). `take` gets each stanza, addresses prepared. */
  constructor(login: Login, timing: Timing, log: Log, take: (stanza: Stanza) => void) {
    this.#connection = login.connection;
    this.management = login.management;
    this.#early = login.early;
    this.#csi = login.csi;
    this.#address = login.address;
    this.#own = bare(login.address);
    this.#timing = timing;
    this.#take = take;
    this.#log = log;
    const dead = () => this.#connection.end(new Failed('timeout', 'the server is silent'));
    this.#liveness = new Liveness(timing, () => this.#probe(), dead);
    this.ended = login.connection.ended.then((failed) => this.#finish(failed));
    if (login.resumed) this.#repeat();
  }

  start(): void {
    this.#connection.onHeard = () => this.#liveness.heard();
    for (const element of this.#early.splice(0)) this.#stanza(element);
    this.#connection.flow(this.#element);
  }

  /** XEP-0198 §5: after `<resumed/>`, what the server had not handled. */
  #repeat(): void {
    const { unacknowledged } = this.management!;
    for (const stanza of unacknowledged) this.#write(stanza);
    if (unacknowledged.length > 0) this.#ask();
  }

  /** False when the stream is over: then the stanza is not ours. */
  send(stanza: string): boolean {
    if (this.#over) return false;
    try {
      this.management?.sent(stanza);
    } catch (reason) {
      this.#connection.fault(reason);
    }
    this.#write(stanza);
    if (this.management !== undefined) this.#askSoon();
    return true;
  }

  /** XEP-0352 §4: a nonza, not counted; a stream begins active. */
  setInactive(inactive: boolean): void {
    if (this.#csi) this.#write(serialize(xml(inactive ? 'inactive' : 'active', NS.csi)));
  }

  /** In good order: acknowledgements of both sides are exchanged first. */
  async close(within: number): Promise<void> {
    const last = this.management === undefined ? '' : this.#acknowledgement() + request;
    const batch = this.#batch;
    this.#batch = '';
    this.#over = true;
    await this.#connection.close(within, batch + last);
  }

  readonly #element = (element: Element): void => {
    if (element.attrs.xmlns === undefined && isStanzaName(element.name)) {
      if (this.#over) return; // not handled, not counted: the server keeps it
      this.#stanza(element);
      this.management?.handled();
    } else if (element.attrs.xmlns === NS.sm) this.#nonza(element);
    else this.#log.debug('upstream element ignored', { account: this.#own, name: element.name });
  };

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
    const { management } = this;
    if (management === undefined) return;
    if (element.name === 'r') this.#write(this.#acknowledgement());
    else if (element.name === 'a') {
      management.acknowledge(element.attrs.h);
      this.#liveness.answered();
    }
  }

  #acknowledgement(): string {
    return serialize(xml('a', { xmlns: NS.sm, h: String(this.management!.h) }));
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
    if (this.management !== undefined) return this.#ask();
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
    return failed;
  }
}
