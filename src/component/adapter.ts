/**
 * The one file that knows @xmpp/component 0.13.1. The library serves as transport, as @xmpp/client does for accounts: it
 * opens the stream on a socket and knows when that ends. Its parser is replaced by our strict one, whose elements come to us
 * and never to the library; its middleware, IQ answers, handshake and reconnect are left out, and its time-outs are off. Bytes
 * pass it by in both directions, for it makes a promise of each write, and the socket a buffer for each read.
 */
import { EventEmitter } from 'node:events';
import { type Socket, connect as tcp } from 'node:net';
import { type ConnectionOptions, connect as tls } from 'node:tls';
import { type ComponentEntity, component } from '@xmpp/component';
import { readingInto } from '../wire/inbox.ts';
import { NS } from '../wire/ns.ts';
import { type Limits, type ParserEvents, StreamParser } from '../wire/parser.ts';

export interface TransportEvents extends ParserEvents {
  /** Bytes came. */
  heard(): void;
  /** All that came has been told of. */
  through(): void;
  /** What the parser, or an event above, threw at those bytes. */
  fault(reason: unknown): void;
  /** The socket failed or is closed; may come more than once. */
  broken(reason: unknown): void;
}

/** A socket with a stream on it; all that happens is told by events, nothing is decided here. */
export class Transport {
  /** TCP or TLS. */
  readonly socket: Socket;
  readonly #events: TransportEvents;
  readonly #entity: ComponentEntity;
  #parser: StreamParser | undefined;

  /** `tlsOptions`: TLS from the first byte. */
  constructor(server: string, port: number, tlsOptions: ConnectionOptions | undefined, events: TransportEvents) {
    this.#events = events;
    const onread = readingInto((chunk) => this.#read(chunk));
    const place = { host: server, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000, onread };
    this.socket = tlsOptions === undefined ? tcp(place) : tls({ ...tlsOptions, ...place });
    this.#entity = component({ service: `xmpp://${server}:${port}`, domain: server, password: '' });
    this.#tame();
  }

  /** Sends the stream header (XEP-0114 §3). */
  open(host: string, limits: Limits): void {
    const bridge = new EventEmitter();
    const { open, element, close, skipped } = this.#events;
    const opened: ParserEvents['open'] = (root) => {
      bridge.emit('start', root);
      open(root);
    };
    const events = { open: opened, element, close, ...(skipped && { skipped }) };
    this.#parser = new StreamParser(events, limits, NS.component);
    // An object that a constructor returns is what `new` gives.
    this.#entity.Parser = function Parser() {
      return bridge;
    } as unknown as ComponentEntity['Parser'];
    this.#entity.open({ domain: host }).catch(this.#events.broken);
  }

  /** A socket that cannot be written to is broken, and says so. */
  write(text: string): void {
    this.socket.write(text);
  }

  /** Nothing more comes, not even of the bytes in hand. */
  halt(): void {
    this.#parser?.halt();
    this.#parser = undefined;
  }

  #tame(): void {
    const entity = this.#entity;
    entity.reconnect.stop();
    entity.removeAllListeners('element'); // middleware
    entity.removeAllListeners('open'); // handshake
    entity.timeout = 0;
    entity.on('error', this.#events.broken);
    entity.on('disconnect', () => this.#events.broken(new Error('the connection was cut')));
    this.socket.on('error', () => {}); // the library lets go of a socket that is closed
    // before Node ends our side, too: from then until `close` it would take what is written and lose it
    this.socket.prependListener('end', () => this.#events.broken(new Error('the connection was cut')));
    entity._attachSocket(this.socket);
  }

  #read(bytes: Buffer): void {
    this.#events.heard();
    try {
      this.#parser?.write(bytes);
    } catch (reason) {
      this.#events.fault(reason);
    }
    this.#events.through();
  }
}
