/**
 * The one file that knows @xmpp/client 0.14.0. The library serves as connection: sockets, their states, opening and
 * restarting the stream. Its parser is replaced by our strict one, whose elements come here and never to the library,
 * so that its middleware, SASL, IQ answers, XEP-0198 and binding stay without work; its reconnect and time-outs are off.
 */
import { EventEmitter } from 'node:events';
import { isIPv6, type Socket } from 'node:net';
import { type ConnectionOptions, TLSSocket } from 'node:tls';
import { client, type Entity, type EntitySocket } from '@xmpp/client';
import { StreamError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import { type Limits, StreamParser } from '../wire/parser.ts';
import { type Element, escapeAttribute, serialize } from '../wire/xml.ts';
import { Failed, failedBySocket, failedByStream, failedByUs } from './failed.ts';

/** While logging in a server has little to say. */
const early = { limits: { bytes: 64 << 10, depth: 100, attributes: 200 }, elements: 200 };
const live: Limits = { bytes: 10 << 20, depth: 100, attributes: 200 };
/** For a last word to reach a server that is slow to read it. */
const farewell = 1000;

export interface Peer {
  address: string;
  port: number;
  domain: string;
  /** Direct TLS. */
  tls: ConnectionOptions | undefined;
}

/** One connection of one login; whatever goes wrong ends it, and `ended` says why. Elements are read one by one, or flow. */
export class Connection {
  readonly ended: Promise<Failed>;
  /** Bytes came. */
  onHeard: () => void = () => {};
  readonly #peer: Peer;
  readonly #entity: Entity;
  #resolveEnded!: (failed: Failed) => void;
  #failed: Failed | undefined;
  #raw: Socket | undefined;
  #connected = false;
  #parser: StreamParser | undefined;
  #opened: ((header: Element) => void) | undefined;
  #inbox: Element[] = [];
  #reader: { resolve(element: Element): void; reject(failed: Failed): void } | undefined;
  #sink: ((element: Element) => void) | undefined;
  #phase: NodeJS.Timeout | undefined;
  /** Our header is out, our footer is not: what we write belongs to a stream. */
  #streaming = false;

  constructor(peer: Peer) {
    this.#peer = peer;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#entity = client({ service: this.#service, domain: peer.domain });
    this.#tame(this.#entity);
  }

  /** Does TLS protect it? */
  get secure(): TLSSocket | undefined {
    return this.#raw instanceof TLSSocket ? this.#raw : undefined;
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
    const entity = this.#entity;
    await this.#orFailure(() => {
      const connected = entity.connect(this.#service);
      const bridge = () => this.#bridge();
      // An object that a constructor returns is what `new` gives. connect() has just put the library's own parser here.
      entity.Parser = function Parser() {
        return bridge();
      } as unknown as Entity['Parser'];
      this.#adopt(entity.socket);
      return connected;
    });
    this.#connected = true;
    this.#raw?.setNoDelay(true);
    this.#raw?.setKeepAlive(true, 60_000);
  }

  /** TLS on the connection as it is (RFC 6120 §5). What came in clear and was not read yet is forgotten. */
  async upgrade(options: ConnectionOptions): Promise<void> {
    const entity = this.#entity;
    this.#streaming = false;
    this.#forget();
    await this.#orFailure(() => {
      const plain = this.#raw;
      entity._detachSocket();
      const secure = new (entity._findTransport('xmpps://tls')!.prototype.Socket)();
      entity._attachSocket(secure);
      const connected = new Promise<void>((resolve) => secure.once('connect', resolve));
      secure.connect({ ...options, ...(plain && { socket: plain }) });
      this.#adopt(secure);
      return connected;
    });
  }

  /** Sends a stream header, the first or at a restart (RFC 6120 §4.3.3); resolves with the server's. */
  async open(from: string | undefined): Promise<Element> {
    this.#forget();
    this.#entity.header = () => header(this.#peer.domain, from);
    return this.#orFailure(() => {
      const opened = new Promise<Element>((resolve) => {
        this.#opened = resolve;
      });
      this.#streaming = true;
      this.#entity.open({ domain: this.#peer.domain, lang: 'en' }).catch((reason) => this.#broken(reason));
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
    if (this.#parser !== undefined) this.#parser.limits = live;
    this.#sink = sink;
    const waiting = this.#inbox;
    this.#inbox = [];
    this.#guard(() => waiting.forEach(sink));
  }

  write(text: string): void {
    if (this.#failed === undefined && this.#streaming) this.#entity.write(text).catch((reason) => this.#broken(reason));
  }

  /** Ends the stream in good order, with a last word; destroyed when the server has not done so in time. */
  async close(within: number, last = ''): Promise<void> {
    this.write(`${last}</stream:stream>`);
    this.#streaming = false;
    const late = setTimeout(() => this.#raw?.destroy(), within);
    this.phase('</stream:stream>', within);
    await this.ended;
    if (this.#raw?.closed === false) await new Promise((resolve) => this.#raw?.once('close', resolve));
    clearTimeout(late);
  }

  /** Over, for that reason; the first reason counts. With a `last` word what was written still leaves, else nothing. */
  end(failed: Failed, last?: string): void {
    if (this.#failed !== undefined) return;
    if (last !== undefined && this.#streaming) this.write(last);
    this.#failed = failed;
    clearTimeout(this.#phase);
    this.#parser?.halt();
    this.#parser = undefined;
    this.#leave(last !== undefined);
    this.#reader?.reject(failed);
    this.#resolveEnded(failed);
  }

  /** The server broke the protocol: it is told how (RFC 6120 §4.9), and the stream is over. */
  fault(reason: unknown): void {
    const fault = reason instanceof StreamError ? reason : new StreamError('internal-server-error', String(reason));
    this.end(failedByUs(fault), `${serialize(fault.toElement())}</stream:stream>`);
  }

  get #service(): string {
    const { address, port, tls } = this.#peer;
    return `${tls === undefined ? 'xmpp' : 'xmpps'}://${isIPv6(address) ? `[${address}]` : address}:${port}`;
  }

  #tame(entity: Entity): void {
    entity.reconnect.stop();
    for (const event of ['element', 'stanza', 'nonza', 'send', 'online', 'disconnect', 'offline', 'open'])
      entity.removeAllListeners(event);
    entity.timeout = 0;
    entity.socketParameters = () => ({
      ...this.#peer.tls,
      host: this.#peer.address,
      port: this.#peer.port,
    });
    entity._onData = (bytes) => {
      this.onHeard();
      this.#guard(() => this.#parser?.write(bytes));
    };
    entity.on('error', (reason) => this.#broken(reason));
    entity.on('disconnect', () => this.#broken(new Error('the connection was cut')));
  }

  /** Stands where the library wants its parser: it is told of header and end, and of nothing else. */
  #bridge(): EventEmitter {
    const bridge = new EventEmitter();
    const open = (element: Element) => {
      bridge.emit('start', element);
      this.#header(element);
    };
    const close = () => this.end(new Failed('lost', 'the server closed the stream'), '</stream:stream>');
    this.#parser = new StreamParser({ open, element: this.#take, close }, early.limits);
    return bridge;
  }

  #header(element: Element): void {
    if (element.attrs.xmlns !== NS.client) throw new StreamError('invalid-namespace');
    if (!/^[1-9]\d*\.\d+$/.test(element.attrs.version ?? '')) throw new StreamError('unsupported-version');
    this.#opened?.(element);
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
    this.#parser?.halt();
    this.#parser = undefined;
    this.#entity._detachParser();
    this.#inbox = [];
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (reason) {
      this.fault(reason);
    }
  }

  #broken(reason: unknown): void {
    this.end(failedBySocket(reason, this.#connected));
  }

  async #orFailure<T>(work: () => Promise<T>): Promise<T> {
    try {
      const over = this.ended.then((failed) => Promise.reject(failed));
      return await Promise.race([work(), over]);
    } catch (reason) {
      this.#broken(reason);
      throw this.#failed;
    }
  }

  /** The library lets go of a socket's errors when it lets go of the socket; an error nobody hears would end the process. */
  #adopt(socket: EntitySocket | null): void {
    socket?.on('error', () => {});
    this.#raw = (socket?.socket ?? socket ?? undefined) as Socket | undefined;
    this.#raw?.on('error', () => {});
  }

  #leave(politely: boolean): void {
    const raw = this.#raw;
    if (raw === undefined || raw.destroyed) return;
    if (!politely) {
      raw.destroy();
      return;
    }
    raw.resume();
    raw.destroySoon();
    const late = setTimeout(() => raw.destroy(), farewell);
    raw.once('close', () => clearTimeout(late));
  }
}

const header = (to: string, from: string | undefined): string =>
  `<?xml version='1.0'?><stream:stream xmlns="${NS.client}" xmlns:stream="${NS.stream}" version="1.0" xml:lang="en" ` +
  `to="${escapeAttribute(to)}"${from === undefined ? '' : ` from="${escapeAttribute(from)}"`}>`;
