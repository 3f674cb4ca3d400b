/** One stream of a component: connected, proved by the handshake (XEP-0114 §3), then stanzas both ways until it ends. */
import { createHash } from 'node:crypto';
import { StreamError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import type { Limits } from '../wire/parser.ts';
import { isStanzaName, type Stanza } from '../wire/stanza.ts';
import { type Element, serialize } from '../wire/xml.ts';
import { Transport } from './adapter.ts';
import { type Arrived, arriving, refused } from './arriving.ts';
import { Failed, failedBySocket, failedByStream, failedByUs } from './failed.ts';
import { judge, tlsOptions } from './tls.ts';
import type { ComponentOptions, ComponentPlace, Timing } from './types.ts';
import { Watch } from './watch.ts';

const limits: Limits = { bytes: 10 << 20, depth: 100, attributes: 200 };
/** Stanzas behind the handshake that wait for `flow`. */
const mostEarly = 10_000;
/** For a last word to reach a server that is slow to read it, in milliseconds. */
const farewell = 1000;

export interface StreamNeeds {
  place: ComponentPlace;
  options: ComponentOptions;
  timing: Timing;
}

/** Whatever goes wrong ends it, and `ended` says why. */
export class ComponentStream {
  readonly ended: Promise<Failed>;
  readonly #needs: StreamNeeds;
  readonly #transport: Transport;
  readonly #watch: Watch;
  #resolveEnded!: (failed: Failed) => void;
  #failed: Failed | undefined;
  #connected = false;
  /** Our header is out, our footer is not. */
  #streaming = false;
  /** Takes the server's header, then its word on the handshake. */
  #answered: ((element: Element) => void) | undefined;
  #phase: NodeJS.Timeout | undefined;
  #take: ((stanza: Stanza) => void) | undefined;
  readonly #early: Element[] = [];
  /** Written when what came is through, or at the end of this turn of the event loop. */
  #batch = '';
  #isReading = false;
  #flush: NodeJS.Immediate | undefined;
  #dropped = 0;

  constructor(needs: StreamNeeds) {
    const { place, options, timing } = needs;
    this.#needs = needs;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#transport = new Transport(place.server, place.port, tlsOptions(place, options.ca), {
      heard: () => {
        this.#isReading = true;
        this.#watch.heard();
      },
      through: () => {
        this.#isReading = false;
        this.#writeBatch();
      },
      open: (header) => this.#header(header),
      element: (element) => this.#element(element),
      skipped: (element, why) => this.#arrived(refused(element, place.host, 'policy-violation', why.message)),
      close: () => this.end(new Failed('lost', 'the server closed the stream'), '</stream:stream>'),
      fault: (reason) => this.#fault(reason),
      broken: (reason) => this.end(failedBySocket(reason, this.#connected)),
    });
    this.#watch = new Watch(place.host, this.#transport.socket, timing, {
      ask: (request) => this.send(request),
      dead: (why) => this.end(new Failed('timeout', why)),
    });
  }

  /** Resolves when the server has taken the handshake; rejects with Failed. */
  async start(): Promise<void> {
    const { place, options, timing } = this.#needs;
    const { socket } = this.#transport;
    const connected = new Promise<void>((resolve) => socket.once(place.tls ? 'secureConnect' : 'connect', resolve));
    await this.#step('connection', timing.connect, connected);
    this.#connected = true;
    const wrong = judge(socket, place, options.allowClear);
    if (wrong !== undefined) {
      this.end(wrong);
      throw wrong;
    }
    const { attrs } = await this.#answer('stream header', () => {
      this.#streaming = true;
      this.#transport.open(place.host, limits);
    });
    const hash = createHash('sha1')
      .update(`${attrs.id ?? ''}${place.secret}`)
      .digest('hex');
    await this.#answer('handshake', () => this.#transport.write(`<handshake>${hash}</handshake>`));
  }

  /** From now on every stanza goes to `take` as it is parsed; `begin` may send before the first one comes. */
  flow(take: (stanza: Stanza) => void, begin: () => void): void {
    this.#take = take;
    this.#watch.start();
    begin();
    for (const element of this.#early.splice(0)) this.#arrived(arriving(element, this.#needs.place.host));
  }

  /** Whole stanzas; false when there is no stream to take them. */
  send(stanza: string): boolean {
    if (!this.#streaming || this.#take === undefined) return false;
    this.#batch += stanza;
    if (!this.#isReading) this.#flush ??= setImmediate(() => this.#writeBatch());
    return true;
  }

  /** Over, for that reason; the first reason counts. What was sent still leaves, and a `last` word behind it. */
  end(failed: Failed, last = ''): void {
    if (this.#failed !== undefined) return;
    if (this.#streaming && this.#batch + last !== '') this.#transport.write(this.#batch + last);
    this.#failed = failed;
    this.#streaming = false;
    this.#batch = '';
    clearImmediate(this.#flush);
    clearTimeout(this.#phase);
    this.#watch.stop();
    this.#transport.halt();
    this.#leave(last !== '');
    this.#resolveEnded(failed);
  }

  /** In good order: what was sent leaves, then the server closes its side; by force when it has not done so in time. */
  async close(within: number): Promise<void> {
    const stopped = () => this.end(new Failed('lost', 'stopped'));
    if (!this.#streaming) return stopped();
    clearImmediate(this.#flush);
    this.#transport.write(`${this.#batch}</stream:stream>`);
    this.#batch = '';
    this.#streaming = false;
    const late = setTimeout(stopped, within);
    await this.ended;
    clearTimeout(late);
  }

  #writeBatch(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    const batch = this.#batch;
    this.#batch = '';
    if (batch === '') return;
    this.#transport.write(batch);
    this.#watch.wrote();
  }

  /** What the server says next. */
  #answer(what: string, ask: () => void): Promise<Element> {
    const answered = new Promise<Element>((resolve) => {
      this.#answered = resolve;
    });
    ask();
    return this.#step(what, this.#needs.timing.answer, answered);
  }

  /** Fails with the stream; the stream fails where it takes too long. */
  async #step<T>(what: string, milliseconds: number, step: Promise<T>): Promise<T> {
    this.#phase = setTimeout(() => this.end(new Failed('timeout', `no answer: ${what}`)), milliseconds);
    try {
      return await Promise.race([step, this.ended.then((failed) => Promise.reject(failed))]);
    } finally {
      clearTimeout(this.#phase);
    }
  }

  #header(header: Element): void {
    if (header.attrs.xmlns !== NS.component) throw new StreamError('invalid-namespace');
    this.#answered?.(header);
    this.#answered = undefined;
  }

  #element(element: Element): void {
    const { attrs, name } = element;
    const { host } = this.#needs.place;
    if (name === 'error' && attrs.xmlns === NS.stream) this.end(failedByStream(element), '</stream:stream>');
    else if (attrs.xmlns === undefined && isStanzaName(name)) {
      if (this.#take !== undefined) {
        if (!this.#watch.isProbe(attrs)) this.#arrived(arriving(element, host));
      } else if (this.#early.push(element) > mostEarly) throw new StreamError('policy-violation', 'too much at once');
    } else if (name === 'handshake' && this.#answered !== undefined) {
      this.#answered(element);
      this.#answered = undefined;
    } else this.#needs.options.log.debug('component element ignored', { host, name });
  }

  #arrived(arrived: Arrived): void {
    const { place, options } = this.#needs;
    if ('stanza' in arrived)
      try {
        this.#take?.(arrived.stanza);
      } catch (reason) {
        options.log.error('stanza not handled', {
          host: place.host,
          reason: (reason as Error).stack ?? String(reason),
        });
      }
    else if ('answer' in arrived) this.send(arrived.answer.toString());
    else {
      const dropped = ++this.#dropped;
      if ((dropped & (dropped - 1)) === 0)
        // the first, second, fourth, …: no flood of the log
        options.log.warn('component stanza dropped', { host: place.host, reason: arrived.dropped, dropped });
    }
  }

  /** The server broke the protocol: it is told how (RFC 6120 §4.9), and the stream is over. */
  #fault(reason: unknown): void {
    const fault = reason instanceof StreamError ? reason : new StreamError('internal-server-error', String(reason));
    this.end(failedByUs(fault), `${serialize(fault.toElement())}</stream:stream>`);
  }

  #leave(politely: boolean): void {
    const { socket } = this.#transport;
    if (socket.destroyed) return;
    if (!politely) {
      socket.destroy();
      return;
    }
    socket.resume();
    socket.destroySoon();
    const late = setTimeout(() => socket.destroy(), farewell);
    socket.once('close', () => clearTimeout(late));
  }
}
