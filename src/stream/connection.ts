/** One socket: TLS on it, what is written to it in one tick as one write, and its end. No XML here. */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls';
import type { Clock, Timer } from '../wire/clock.ts';
import { readInClear } from './accepted.ts';
import { type ChannelBinding, channelBindings } from './channel.ts';
import { flood, type StreamLimits } from './limits.ts';
import { plainAddress } from './remote.ts';

export interface ConnectionEvents {
  data(chunk: Buffer): void;
  /** TLS is there. */
  secured(): void;
  /** What is to stand behind the text that is about to be written; empty for nothing. */
  trailer(): string;
  /** More than half of what may stay unread is unread, or nothing is any more. */
  pressed(isPressed: boolean): void;
  /** The far side does not read; the connection is gone. */
  slow(): void;
  /** Once, however it came. */
  closed(): void;
}

export interface TlsOptions {
  /** For a client that names no domain (SNI), or none of ours. */
  context: SecureContext;
  /** What a client is shown that names one (SNI). Both of these are shared by all connections: each has many. */
  byName: TLSSocketOptions['SNICallback'];
  /** RFC 7301: undefined where any protocol is taken for ours. */
  protocol?: TLSSocketOptions['ALPNCallback'];
}

export class Connection {
  readonly remote: string;
  secure = false;
  #socket: Socket;
  #text = '';
  #ending = false;
  #closed = false;
  #timer: Timer | undefined;
  /** Since when the far side has left too much unread. */
  #aboveSince: number | undefined;
  #isPressed = false;
  readonly #events: ConnectionEvents;
  readonly #limits: StreamLimits;
  readonly #clock: Clock;

  constructor(socket: Socket, events: ConnectionEvents, limits: StreamLimits, clock: Clock) {
    this.remote = plainAddress(socket.remoteAddress ?? '');
    this.#socket = socket;
    this.#events = events;
    this.#limits = limits;
    this.#clock = clock;
    socket.setNoDelay(true);
  }

  /** Reads in clear. */
  open(): void {
    this.#listen();
    readInClear(this.#socket, this.#data);
  }

  /** TLS from here on, as the server; what was written before goes out in clear, what was read before is dropped. */
  encrypt({ context, byName, protocol }: TlsOptions): void {
    this.flush();
    const plain = this.#socket;
    plain.off('data', this.#data).off('close', this.#over); // 'error' stays heard; of the end the TLS socket tells
    plain.on('error', this.#broken);
    const socket = new TLSSocket(plain, {
      isServer: true,
      secureContext: context,
      SNICallback: byName,
      ...(protocol && { ALPNCallback: protocol }),
    });
    this.#socket = socket;
    this.#listen();
    socket.on('data', this.#data); // none comes before 'secure'; but an end may, and is seen by who reads
    const early = () => this.destroy(); // what waits for the handshake to be written would wait for ever
    socket.once('end', early);
    const handshake = this.#clock.after(this.#limits.handshake, () => this.destroy());
    this.#timer = handshake;
    socket.once('secure', () => {
      socket.off('end', early);
      handshake.cancel();
      if (this.#ending) return;
      this.#timer = undefined;
      this.secure = true;
      this.#events.secured();
    });
  }

  /** None without TLS. */
  get bindings(): ChannelBinding[] {
    return this.secure ? channelBindings(this.#socket as TLSSocket) : [];
  }

  #listen(): void {
    this.#socket.on('error', this.#broken).on('close', this.#over);
  }

  readonly #data = (chunk: Buffer): void => this.#events.data(chunk);
  readonly #broken = (): void => this.destroy();

  write(text: string): void {
    if (this.#ending) return;
    if (this.#text === '') soon(this);
    this.#text += text;
  }

  /** What was written since the last tick, as one write. */
  flush(): void {
    if (this.#text === '' || this.#closed) return;
    const text = this.#text + this.#events.trailer();
    this.#text = '';
    if (this.#isSlow()) {
      this.destroy();
      this.#events.slow();
      return;
    }
    this.#socket.write(text);
    if (!this.#isPressed && this.#socket.writableLength > this.#limits.unflushed / 2) this.#press();
  }

  /** So much that the socket says when all of it is gone. */
  #press(): void {
    this.#isPressed = true;
    this.#events.pressed(true);
    this.#socket.once('drain', () => {
      this.#isPressed = false;
      this.#events.pressed(false);
    });
  }

  /** Asked before more is added: one long answer is no sign of a slow reader, nor is one that takes its time. */
  #isSlow(): boolean {
    const { answer, unflushed } = this.#limits;
    const unread = this.#socket.writableLength;
    if (unread <= unflushed) {
      this.#aboveSince = undefined;
      return false;
    }
    this.#aboveSince ??= this.#clock.now();
    return unread > unflushed * flood || this.#clock.now() - this.#aboveSince >= answer;
  }

  /** Stops reading, or goes on. */
  pause(): void {
    this.#socket.pause();
  }

  unpause(): void {
    this.#socket.resume();
  }

  /** Sends what is written and ends; a far side that does not end too is given a moment. */
  end(): void {
    if (this.#ending) return;
    this.flush();
    this.#ending = true;
    this.#timer?.cancel();
    this.#socket.end();
    this.#socket.resume(); // the far side's end must be read to be seen
    if (!this.#closed) this.#timer = this.#clock.after(this.#limits.closing, () => this.destroy());
  }

  destroy(): void {
    this.#ending = true;
    this.#text = '';
    this.#socket.destroy();
  }

  readonly #over = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    this.#ending = true;
    this.#text = '';
    this.#timer?.cancel();
    this.#events.closed();
  };
}

let dirty: Connection[] = [];

/** Every connection written to in this tick is flushed once, at its end. */
function soon(connection: Connection): void {
  if (dirty.length === 0) process.nextTick(flushAll);
  dirty.push(connection);
}

function flushAll(): void {
  const connections = dirty;
  dirty = [];
  for (const connection of connections) connection.flush();
}
