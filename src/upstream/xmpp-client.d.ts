/** The little of @xmpp/client 0.14.0 that the adapter uses; the package has no types of its own. */
declare module '@xmpp/client' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';
  import type { ConnectionOptions, TLSSocket } from 'node:tls';
  import type { Element } from 'ltx';

  /** net.Socket itself, or a wrapper around a TLSSocket that is gone after close. */
  interface EntitySocket extends EventEmitter {
    secure: boolean;
    socket?: TLSSocket | null;
    connect(options: ConnectionOptions): void;
  }
  interface Transport {
    prototype: { Socket: new () => EntitySocket };
  }
  /** What the library makes of `Parser`: it listens to `start` (the header) and `end`. */
  type ParserFactory = new () => EventEmitter;

  interface Entity extends EventEmitter {
    socket: EntitySocket | (Socket & EntitySocket) | null;
    /** Milliseconds; 0: none. */
    timeout: number;
    Parser: ParserFactory;
    Socket: new () => EntitySocket;
    transports: Transport[];
    connect(service: string): Promise<void>;
    open(options: { domain: string; lang: string }): Promise<Element>;
    write(text: string): Promise<void>;
    socketParameters(service: string): ConnectionOptions;
    header(element: Element): string;
    _onData(bytes: Buffer): void;
    _findTransport(service: string): Transport | undefined;
    _attachSocket(socket: EntitySocket): void;
    _detachSocket(): void;
    _detachParser(): void;
  }
  export function client(options: { service: string; domain: string }): Entity;
}
