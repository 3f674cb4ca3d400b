/** A client's stream (RFC 6120): XML in both directions over one connection, from its first byte to its last. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../wire/clock.ts';
import { StreamError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import { type Limits, StreamParser } from '../wire/parser.ts';
import { type Element, serialize } from '../wire/xml.ts';
import type { ChannelBinding } from './channel.ts';
import { Connection, type TlsOptions } from './connection.ts';
import { headerText } from './header.ts';
import type { StreamLimits } from './limits.ts';
import { type Log, said } from './log.ts';

/** Who takes what a stream brings: first the negotiation, then who binds a resource, then a session. */
export interface StreamOwner {
  /** A header; only before a session. */
  opened?(header: Element): void;
  /** An element of the first level. What this or `opened` throws ends the stream. */
  element(element: Element): void;
  /** What is to stand behind the text that is about to be written; empty for nothing. */
  trailer(): string;
  /** More than half of what may stay unread is unread, or nothing is any more. */
  pressed?(isPressed: boolean): void;
  /** The client has ended its stream; that ours ends waits for this. Only before `ended`. */
  ending?(): Promise<void> | undefined;
  /** Once. `broken`: nobody closed it; the connection is gone, and the client may want to come back. */
  ended(broken: boolean): void;
}

export interface StreamContext {
  limits: StreamLimits;
  clock: Clock;
  log: Log;
  /** TLS from the first byte, where it is not undefined. */
  direct: TlsOptions | undefined;
  /** Its first owner. */
  negotiate(stream: ClientStream): StreamOwner;
  /** Once: it has a session, or it will never have one. */
  settled(stream: ClientStream): void;
  /** Once: the connection is gone. */
  ended(stream: ClientStream): void;
}

export class ClientStream {
  /** Milliseconds since the epoch when bytes last came. */
  heard: number;
  /** Of the client's header. */
  lang: string | undefined;
  /** What our header says it is from. */
  #from: string;
  readonly #context: StreamContext;
  readonly #connection: Connection;
  #parser: StreamParser;
  #owner: StreamOwner | undefined;
  /** Has our header been sent since the last restart? */
  #answered = false;
  /** Reasons to wait, and what has been read and waits; undefined is the end of the stream. */
  #holds = 0;
  #waiting: (Element | undefined)[] = [];
  #closed = false;
  #settled = false;
  #deadline: Timer | undefined;

  /** `domain`: ours, until the client has said which it wants. */
  constructor(socket: Socket, domain: string, context: StreamContext) {
    const { clock, direct, limits, log } = context;
    this.#context = context;
    this.#from = domain;
    this.heard = clock.now();
    this.#parser = this.#newParser(limits.before);
    this.#connection = new Connection(
      socket,
      {
        data: (chunk) => this.#receive(chunk),
        secured: () => this.restart(limits.before),
        trailer: () => this.#owner?.trailer() ?? '',
        pressed: (isPressed) => this.#owner?.pressed?.(isPressed),
        slow: () => log.info('client does not read', { remote: this.remote }),
        closed: () => this.#lost(),
      },
      limits,
      clock,
    );
    this.#owner = context.negotiate(this);
    if (direct === undefined) this.#connection.open();
    else this.#connection.encrypt(direct);
    this.#deadline = clock.after(limits.login, () => this.close(new StreamError('connection-timeout', 'no login')));
  }

  get remote(): string {
    return this.#connection.remote;
  }

  get secure(): boolean {
    return this.#connection.secure;
  }

  /** What its TLS can be bound to (RFC 5056). */
  get bindings(): ChannelBinding[] {
    return this.#connection.bindings;
  }

  write(text: string): void {
    this.#connection.write(text);
  }

  /** Answers a header with ours. */
  greet(from: string, to: string | undefined): void {
    this.#from = from;
    this.#answered = true;
    this.write(headerText(from, to));
  }

  /** TLS from here on. What an attacker put behind `<starttls/>` must not count as said under TLS: nothing more is taken in clear. */
  encrypt(options: TlsOptions): void {
    this.#parser.halt();
    this.#connection.encrypt(options);
  }

  /** RFC 6120 §4.3.3: what came before, and what was sent along behind it, is void; a new header comes. */
  restart(limits: Limits): void {
    if (this.#closed) return;
    this.#parser.halt();
    this.#parser = this.#newParser(limits);
    this.#waiting = [];
    this.#answered = false;
  }

  /** Nothing has come for a while: gives up what it does not need until something does. */
  sleep(): void {
    this.#parser.sleep();
  }

  own(owner: StreamOwner): void {
    this.#owner = owner;
  }

  /** A session owns the stream now: the time to log in is over. */
  established(session: StreamOwner): void {
    this.#owner = session;
    this.#settle();
  }

  /** Takes nothing more from the client, not even what has been read; each call needs one of `release`. */
  hold(): void {
    this.#holds += 1;
    if (this.#holds === 1) this.#connection.pause();
  }

  release(): void {
    this.#holds -= 1;
    try {
      while (this.#holds === 0 && this.#waiting.length > 0) this.#dispatch(this.#waiting.shift());
    } catch (reason) {
      this.fail(reason);
    }
    if (this.#holds === 0) this.#connection.unpause();
  }

  /** Ends the stream from our side (RFC 6120 §4.4, §4.9); its owner hears nothing more. */
  close(error?: StreamError): void {
    if (this.#closed) return;
    this.#over();
    this.#deadline?.cancel();
    if (!this.#answered) this.greet(this.#from, undefined);
    this.write(`${error === undefined ? '' : serialize(error.toElement())}</stream:stream>`);
    this.#connection.end();
  }

  /** The stream ends for what it brought, and its session with it. What is no StreamError is our fault. */
  fail(reason: unknown): void {
    const { log } = this.#context;
    const error = reason instanceof StreamError ? reason : new StreamError('internal-server-error');
    const { condition, message } = error;
    if (error === reason) log.info('stream error', { remote: this.remote, condition, text: message });
    else log.error('stream failed', { remote: this.remote, reason: said(reason) });
    this.#finish(error, false);
  }

  /** The stream ends for a fault that the client can come back from: its owner is told as of a lost connection. */
  abandon(error: StreamError): void {
    this.#finish(error, true);
  }

  #finish(error: StreamError | undefined, broken: boolean): void {
    if (this.#closed) return;
    const owner = this.#owner;
    this.close(error);
    owner?.ended(broken);
  }

  #newParser(limits: Limits): StreamParser {
    return new StreamParser(
      {
        open: (header) => this.#owner?.opened?.(header),
        element: (element) => this.#take(element),
        close: () => this.#take(undefined),
      },
      limits,
    );
  }

  #receive(chunk: Buffer): void {
    this.heard = this.#context.clock.now();
    try {
      this.#parser.write(chunk);
    } catch (reason) {
      this.fail(reason);
    }
  }

  #take(element: Element | undefined): void {
    if (this.#holds > 0) this.#waiting.push(element);
    else this.#dispatch(element);
  }

  #dispatch(element: Element | undefined): void {
    if (element === undefined) this.#end();
    else if (element.attrs.xmlns === NS.stream && element.name === 'error') this.#peerFailed(element);
    else this.#owner?.element(element);
  }

  #end(): void {
    const ending = this.#owner?.ending?.();
    if (ending === undefined) this.#finish(undefined, false);
    else void ending.finally(() => this.#finish(undefined, false));
  }

  #peerFailed(element: Element): void {
    const error = serialize(element).slice(0, 500);
    this.#context.log.info('client reports a stream error', { remote: this.remote, error });
    this.#finish(undefined, true);
  }

  /** The connection is gone. */
  #lost(): void {
    const owner = this.#owner;
    const closed = this.#closed;
    this.#over();
    this.#settle();
    if (!closed) owner?.ended(true);
    this.#context.ended(this);
  }

  #over(): void {
    this.#closed = true;
    this.#owner = undefined;
    this.#waiting = [];
    this.#parser.halt();
  }

  #settle(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
    if (this.#settled) return;
    this.#settled = true;
    this.#context.settled(this);
  }
}
