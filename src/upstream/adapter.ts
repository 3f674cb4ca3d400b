/**
 * The one file that knows @xmpp/client 0.14.0. The library serves as transport: sockets, their states, opening and
 * restarting the stream. Its parser is replaced by our strict one, whose elements come to us and never to the library,
 * and its middleware, SASL, IQ answers, XEP-0198, binding and reconnect are left out; its time-outs are off.
 */
import { EventEmitter } from 'node:events';
import { isIPv6, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { client, type Entity, type EntitySocket } from '@xmpp/client';
import { NS } from '../wire/ns.ts';
import { type Limits, type ParserEvents, StreamParser } from '../wire/parser.ts';
import { escapeAttribute } from '../wire/xml.ts';
import { Slumber } from './slumber.ts';

/**
 * The library as it comes, once. Of it only the class and the transports (TCP, TLS) are used: with all its features a client
 * takes 12 KB, and there is one for each account.
 */
const whole = client({ service: 'xmpp://localhost', domain: 'localhost' });
const Bare = whole.constructor as new (options: { service: string; domain: string }) => Entity;

const slumber = new Slumber();

export interface Peer {
  address: string;
  port: number;
  domain: string;
  /** Direct TLS. */
  tls: ConnectionOptions | undefined;
}

export interface TransportEvents extends ParserEvents {
  /** So many bytes came. */
  heard(octets: number): void;
  /** What the parser, or an event above, threw at those bytes. */
  fault(reason: unknown): void;
  /** The socket failed or is closed; may come more than once. */
  broken(reason: unknown): void;
}

/** A socket with a stream on it; all that happens is told by events, nothing is decided here. */
export class Transport {
  readonly #peer: Peer;
  readonly #events: TransportEvents;
  readonly #limits: Limits;
  readonly #entity: Entity;
  #parser: StreamParser | undefined;
  #raw: Socket | undefined;

  /** `limits`: of each new stream. A fresh transport, and so a fresh client, for each login. */
  constructor(peer: Peer, events: TransportEvents, limits: Limits) {
    this.#peer = peer;
    this.#events = events;
    this.#limits = limits;
    this.#entity = new Bare({ service: this.#service, domain: peer.domain });
    this.#tame();
  }

  /** The TCP or TLS socket, once there is one. */
  get socket(): Socket | undefined {
    return this.#raw;
  }
  /** The element of the first level that is being read; while a fault is told of, that in which it is. */
  get inHand(): string | undefined {
    return this.#parser?.inHand;
  }
  /** Of the stream that is open. */
  set limits(limits: Limits) {
    if (this.#parser !== undefined) this.#parser.limits = limits;
  }

  /** TCP, and TLS where it is direct. */
  async connect(): Promise<void> {
    const connected = this.#entity.connect(this.#service);
    this.#adopt(this.#entity.socket);
    // connect() has just put the library's own parser here. An object that a constructor returns is what `new` gives.
    const bridge = () => this.#bridge();
    this.#entity.Parser = function Parser() {
      return bridge();
    } as unknown as Entity['Parser'];
    await connected;
    this.#raw?.setNoDelay(true);
    this.#raw?.setKeepAlive(true, 60_000);
  }

  /** TLS on the connection as it is (RFC 6120 §5). */
  async upgrade(options: ConnectionOptions): Promise<void> {
    const plain = this.#raw;
    this.#entity._detachSocket();
    const secure = new (this.#entity._findTransport('xmpps://tls')!.prototype.Socket)();
    this.#entity._attachSocket(secure);
    const connected = new Promise<void>((resolve) => secure.once('connect', resolve));
    secure.connect({ ...options, ...(plain && { socket: plain }) });
    this.#adopt(secure);
    await connected;
  }

  /** Sends a stream header, with a fresh parser for what answers it. */
  open(from: string | undefined): void {
    this.#entity.header = () => header(this.#peer.domain, from);
    this.#entity.open({ domain: this.#peer.domain, lang: 'en' }).catch(this.#events.broken);
  }

  write(text: string): void {
    this.#entity.write(text).catch(this.#events.broken);
  }

  /** Nothing comes for the moment. */
  sleep(): void {
    this.#parser?.sleep();
  }

  /** The stream is over: nothing more of it comes, not even of the bytes in hand. */
  halt(): void {
    this.#parser?.halt();
    this.#parser = undefined;
    this.#entity._detachParser();
  }

  get #service(): string {
    const { address, port, tls } = this.#peer;
    return `${tls === undefined ? 'xmpp' : 'xmpps'}://${isIPv6(address) ? `[${address}]` : address}:${port}`;
  }

  #tame(): void {
    const { address, port, tls } = this.#peer;
    const entity = this.#entity;
    entity.transports = whole.transports;
    entity.timeout = 0;
    entity.socketParameters = () => ({ ...tls, host: address, port });
    entity._onData = (bytes) => this.#read(bytes);
    entity.on('error', this.#events.broken);
    entity.on('disconnect', () => this.#events.broken(new Error('the connection was cut')));
  }

  #read(bytes: Buffer): void {
    slumber.stir(this);
    this.#events.heard(bytes.length);
    try {
      this.#parser?.write(bytes);
    } catch (reason) {
      this.#events.fault(reason);
    }
  }

  /** Stands where the library wants its parser: it is told of the header, and of nothing else. */
  #bridge(): EventEmitter {
    const bridge = new EventEmitter();
    const { open, element, close } = this.#events;
    const told: ParserEvents['open'] = (root) => {
      bridge.emit('start', root);
      open(root);
    };
    this.#parser = new StreamParser({ open: told, element, close }, this.#limits);
    return bridge;
  }

  /** The library lets go of a socket's errors when it lets go of the socket; an error nobody hears would end the process. */
  #adopt(socket: EntitySocket | null): void {
    const raw = (socket?.socket ?? socket) as Socket | null;
    for (const emitter of [socket, raw]) emitter?.on('error', () => {});
    this.#raw = raw ?? undefined;
  }
}

const header = (to: string, from: string | undefined): string =>
  `<?xml version='1.0'?><stream:stream xmlns="${NS.client}" xmlns:stream="${NS.stream}" version="1.0" xml:lang="en" ` +
  `to="${escapeAttribute(to)}"${from === undefined ? '' : ` from="${escapeAttribute(from)}"`}>`;
