/** One connection of one login: phases with their time-outs, elements one by one or flowing, and one reason for its end. */
import { type ConnectionOptions, TLSSocket } from 'node:tls';
import { StreamError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import type { Limits } from '../wire/parser.ts';
import { isStanzaName } from '../wire/stanza.ts';
import { type Element, serialize } from '../wire/xml.ts';
import { type Peer, Transport } from './adapter.ts';
import { Failed, failedBySocket, failedByStream, failedByUs } from './failed.ts';

/** While logging in a server has little to say. */
const early = { limits: { bytes: 64 << 10, depth: 100, attributes: 200 }, elements: 200 };
const live: Limits = { bytes: 10 << 20, depth: 100, attributes: 200 };
/** For a last word to reach a server that is slow to read it, in milliseconds. */
const farewell = 1000;
/** Written and not taken by the server, in bytes. */
const backlog = 64 << 20;

/** Whatever goes wrong ends it, and `ended` says why. */
export class Connection {
  readonly ended: Promise<Failed>;
  /** So many bytes came. */
  onHeard: (octets: number) => void = () => {};
  readonly #peer: Peer;
  readonly #transport: Transport;
  #resolveEnded!: (failed: Failed) => void;
  #failed: Failed | undefined;
  #connected = false;
  #opened: ((header: Element) => void) | undefined;
  #inbox: Element[] = [];
  #reader: { resolve(element: Element): void; reject(failed: Failed): void } | undefined;
  #sink: ((element: Element) => void) | undefined;
  #phase: NodeJS.Timeout | undefined;
  /** Ends the step that is under way. */
  #step: ((failed: Failed) => void) | undefined;
  /** Our header is out, our footer is not: what we write belongs to a stream. */
  #streaming = false;

  constructor(peer: Peer) {
    this.#peer = peer;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    const events = {
      heard: (octets: number) => this.onHeard(octets),
      open: (header: Element) => this.#header(header),
      element: this.#take,
      close: () => this.end(new Failed('lost', 'the server closed the stream'), '</stream:stream>'),
      fault: (reason: unknown) => this.fault(reason),
      broken: (reason: unknown) => this.end(failedBySocket(reason, this.#connected)),
    };
    this.#transport = new Transport(peer, events, early.limits);
  }

  /** The TLS that protects it. */
  get secure(): TLSSocket | undefined {
    const { socket } = this.#transport;
    return socket instanceof TLSSocket ? socket : undefined;
  }
  get remote(): string {
    return this.#peer.address;
  }

  /** Until the next phase begins (or none) the server has that long; else the connection fails. */
  phase(name: string | undefined, within = 0): void {
    clearTimeout(this.#phase);
    if (name === undefined || this.#failed !== undefined) return;
    this.#phase = setTimeout(() => this.end(new Failed('timeout', `no answer: ${name}`)), within);
  }

  /** TCP, and TLS where it is direct. */
  async connect(): Promise<void> {
    await this.#orFailure(() => this.#transport.connect());
    this.#connected = true;
  }

  /** What came in clear and was not read yet is forgotten (RFC 6120 §5.4.3.3). */
  async upgrade(options: ConnectionOptions): Promise<void> {
    this.#forget();
    await this.#orFailure(() => this.#transport.upgrade(options));
  }

  /** Sends a stream header, the first or at a restart (RFC 6120 §4.3.3); resolves when the server's has come. */
  async open(from: string | undefined): Promise<void> {
    this.#forget();
    await this.#orFailure(() => {
      const opened = new Promise<Element>((resolve) => {
        this.#opened = resolve;
      });
      this.#streaming = true;
      this.#transport.open(from);
      return opened;
    });
  }

  /** The next element of the first level. */
  read(): Promise<Element> {
    const element = this.#inbox.shift();
    if (element !== undefined) return Promise.resolve(element);
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  /** From now on every element goes to `sink` as it is parsed; a StreamError thrown there ends the stream. */
  flow(sink: (element: Element) => void): void {
    this.phase(undefined);
    this.#transport.limits = live;
    this.#sink = sink;
    const waiting = this.#inbox;
    this.#inbox = [];
    try {
      waiting.forEach(sink);
    } catch (reason) {
      this.fault(reason);
    }
  }

  /** Nothing more is read, or it is again; elements of what was read come all the same. */
  pause(isPaused: boolean): void {
    const { socket } = this.#transport;
    if (isPaused) socket?.pause();
    else socket?.resume();
  }

  write(text: string): void {
    if (this.#failed !== undefined || !this.#streaming) return;
    this.#transport.write(text);
    if ((this.#transport.socket?.writableLength ?? 0) > backlog)
      this.end(new Failed('timeout', 'the server takes nothing'));
  }

  /** Ends the stream in good order, with a last word; destroyed when the server has not done so in time. */
  async close(within: number, last = ''): Promise<void> {
    this.write(`${last}</stream:stream>`);
    this.#streaming = false;
    const { socket } = this.#transport;
    socket?.resume();
    const late = setTimeout(() => socket?.destroy(), within);
    this.phase('</stream:stream>', within);
    await this.ended;
    if (socket?.closed === false) await new Promise((resolve) => socket.once('close', resolve));
    clearTimeout(late);
  }

  /** Over, for that reason; the first reason counts. With a `last` word what was written still leaves, else nothing. */
  end(failed: Failed, last?: string): void {
    if (this.#failed !== undefined) return;
    if (last !== undefined && this.#streaming) this.#transport.write(last);
    this.#failed = failed;
    this.#streaming = false;
    clearTimeout(this.#phase);
    this.#transport.halt();
    this.#leave(last !== undefined);
    this.#step?.(failed);
    this.#reader?.reject(failed);
    this.#resolveEnded(failed);
  }

  /** The server broke the protocol: it is told how (RFC 6120 §4.9), and the stream is over. */
  fault(reason: unknown): void {
    const fault = reason instanceof StreamError ? reason : new StreamError('internal-server-error', String(reason));
    const failed = failedByUs(fault);
    failed.atStanza = isStanzaName(this.#transport.inHand ?? '');
    this.end(failed, `${serialize(fault.toElement())}</stream:stream>`);
  }

  #header(element: Element): void {
    if (element.attrs.xmlns !== NS.client) throw new StreamError('invalid-namespace');
    if (!/^[1-9]\d*\.\d+$/.test(element.attrs.version ?? '')) throw new StreamError('unsupported-version');
    this.#opened?.(element);
    this.#opened = undefined;
  }

  readonly #take = (element: Element): void => {
    if (element.name === 'error' && element.attrs.xmlns === NS.stream) {
      this.end(failedByStream(element), '</stream:stream>');
    } else if (this.#sink !== undefined) {
      this.#sink(element);
    } else if (this.#reader !== undefined) {
      this.#reader.resolve(element);
      this.#reader = undefined;
    } else if (this.#inbox.push(element) > early.elements) {
      throw new StreamError('policy-violation', 'too much before the session is set up');
    }
  };

  /** Bytes and elements of the stream before: not of this one. */
  #forget(): void {
    this.#streaming = false;
    this.#transport.halt();
    this.#inbox = [];
  }

  /** A step of the negotiation: fails with the connection. */
  async #orFailure<T>(work: () => Promise<T>): Promise<T> {
    if (this.#failed !== undefined) throw this.#failed;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#step = reject;
        work().then(resolve, reject);
      });
    } catch (reason) {
      this.end(failedBySocket(reason, this.#connected));
      throw this.#failed;
    } finally {
      this.#step = undefined;
    }
  }

  #leave(politely: boolean): void {
    const { socket } = this.#transport;
    if (socket === undefined || socket.destroyed) return;
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
