/** Listening sockets: who may connect, and what a connection becomes. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../wire/clock.ts';
import { StreamError } from '../wire/error.ts';
import { isLoopback } from '../wire/ip.ts';
import { serialize } from '../wire/xml.ts';
import { headerText } from './header.ts';
import { byNameOf, Negotiation, type NegotiationContext, tlsOptions } from './negotiation.ts';
import { Counts, plainAddress } from './remote.ts';
import { ClientStream, type StreamContext } from './stream.ts';

export interface Port {
  /** Address to listen at; all where left out. */
  host?: string | undefined;
  port: number;
  /** TLS from the first byte (XEP-0368). */
  direct: boolean;
}

export interface Listening {
  host: string;
  port: number;
  direct: boolean;
}

/** A port could not be had. */
export class ListenError extends Error {
  readonly port: Port;
  readonly code: string;
  constructor(port: Port, cause: NodeJS.ErrnoException) {
    super(`cannot listen at ${port.host ?? 'any address'}, port ${port.port}: ${cause.code ?? cause.message}`, {
      cause,
    });
    this.name = 'ListenError';
    this.port = port;
    this.code = cause.code ?? '';
  }
}

export interface ListenerContext extends Omit<NegotiationContext, 'byName'> {
  clock: Clock;
}

export class Listener {
  /** Open connections, with and without a session. */
  readonly streams = new Set<ClientStream>();
  readonly #context: ListenerContext & NegotiationContext;
  readonly #streamContext: Omit<StreamContext, 'direct'>;
  readonly #servers: Server[] = [];
  /** Connections without a session, by address. */
  readonly #pending = new Counts();
  #emptied: (() => void) | undefined;

  constructor(context: ListenerContext) {
    const whole = { ...context, byName: byNameOf(context.certificates) };
    this.#context = whole;
    this.#streamContext = {
      ...context,
      negotiate: (stream) => new Negotiation(stream, whole),
      settled: (stream) => this.#pending.remove(stream.remote),
      ended: (stream) => this.#ended(stream),
    };
  }

  /** Resolves when connections are accepted; rejects with a ListenError. */
  async listen(port: Port): Promise<Listening> {
    const server = createServer((socket) => this.#accept(socket, port.direct));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(new ListenError(port, cause)));
      server.listen(port.port, port.host, resolve);
    });
    server.removeAllListeners('error');
    server.on('error', (reason) => this.#context.log.error('listener failed', { reason: String(reason) }));
    this.#servers.push(server);
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no address');
    return { host: address.address, port: address.port, direct: port.direct };
  }

  #accept(socket: Socket, direct: boolean): void {
    socket.on('error', () => socket.destroy());
    const remote = plainAddress(socket.remoteAddress ?? '');
    if (remote === '') return void socket.destroy(); // gone already
    const { limits, log } = this.#context;
    if (this.#pending.of(remote) >= (isLoopback(remote) ? limits.pendingLoopback : limits.pending)) {
      log.warn('too many connections', { remote });
      return this.#refuse(socket, direct);
    }
    this.#pending.add(remote);
    try {
      this.streams.add(this.#open(socket, direct));
    } catch (reason) {
      log.error('connection failed', { remote, reason: String(reason) });
      this.#pending.remove(remote);
      socket.destroy();
    }
  }

  #open(socket: Socket, direct: boolean): ClientStream {
    const { domain } = this.#context;
    const options = direct ? { ...tlsOptions(this.#context, domain), protocol } : undefined;
    return new ClientStream(socket, domain, { ...this.#streamContext, direct: options });
  }

  /** Where it costs no handshake, the client is told why. */
  #refuse(socket: Socket, direct: boolean): void {
    if (direct) return void socket.destroy();
    const error = new StreamError('policy-violation', 'too many connections');
    socket.end(`${headerText(this.#context.domain, undefined)}${serialize(error.toElement())}</stream:stream>`);
    socket.destroySoon();
  }

  #ended(stream: ClientStream): void {
    this.streams.delete(stream);
    if (this.streams.size === 0) this.#emptied?.();
  }

  /** No further connection is accepted. */
  stopListening(): void {
    for (const server of this.#servers.splice(0)) server.close();
  }

  /** Closes the streams that are open; resolves when their connections are gone. */
  async closeAll(error: StreamError): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
    for (const stream of [...this.streams]) stream.close(error);
    if (this.streams.size > 0) await gone;
  }
}

/** RFC 7301, XEP-0368: a client that names protocols must name XMPP. */
const protocol = ({ protocols }: { protocols: string[] }): string | undefined =>
  protocols.find((name) => name === 'xmpp-client');
