/** A client's stream (RFC 6120), from the socket to an authenticated stream; who owns it then takes what it brings. */
import type { Socket } from 'node:net';
import { StreamError } from '../wire/error.ts';
import type { BareJid } from '../wire/jid.ts';
import { readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { StreamParser } from '../wire/parser.ts';
import { isStanzaName } from '../wire/stanza.ts';
import { type Element, serialize } from '../wire/xml.ts';
import { Authentication, type Login, type SaslReply } from './authentication.ts';
import type { Authority } from './authority.ts';
import type { Certificates } from './certificates.ts';
import type { Clock, Timer } from './clock.ts';
import { Connection, type TlsOptions } from './connection.ts';
import type { Decoys } from './decoys.ts';
import { negotiationFeatures, sessionFeatures } from './features.ts';
import type { Guesses } from './guesses.ts';
import { headerText, readHeader } from './header.ts';
import type { StreamLimits } from './limits.ts';
import type { Log } from './log.ts';
import { isLoopback } from './remote.ts';

/** Who takes what an authenticated stream brings. */
export interface StreamOwner {
  /** An element of the first level; what it throws ends the stream. */
  element(element: Element): void;
  /** What is to stand behind the text that is about to be written; empty for nothing. */
  trailer(): string;
  /** Once. `broken`: nobody closed it; the connection is gone, and the client may want to come back. */
  ended(broken: boolean): void;
}

export interface StreamContext {
  /** Our own domain. */
  domain: BareJid;
  authority: Authority;
  certificates: Certificates;
  decoys: Decoys;
  guesses: Guesses;
  /** May clients on loopback log in without TLS? */
  plaintext: boolean;
  limits: StreamLimits;
  clock: Clock;
  log: Log;
  /** Authenticated: who owns the stream from now on? */
  authenticated(stream: ClientStream, login: Login): StreamOwner;
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
  readonly #context: StreamContext;
  readonly #connection: Connection;
  #parser: StreamParser;
  #domain: BareJid;
  /** Has our header been sent since the last restart? */
  #answered = false;
  #authentication: Authentication | undefined;
  /** Reasons to wait, and what has been read and waits; undefined is the end of the stream. */
  #holds = 0;
  #waiting: (Element | undefined)[] = [];
  #login: Login | undefined;
  #owner: StreamOwner | undefined;
  #closed = false;
  #settled = false;
  readonly #deadline: Timer;

  /** `direct`: TLS from the first byte. */
  constructor(socket: Socket, direct: boolean, context: StreamContext) {
    const { clock, limits } = context;
    this.#context = context;
    this.#domain = context.domain;
    this.heard = clock.now();
    this.#parser = this.#newParser();
    this.#connection = new Connection(
      socket,
      {
        data: (chunk) => this.#receive(chunk),
        secured: () => this.#restart(),
        trailer: () => this.#owner?.trailer() ?? '',
        slow: () => context.log.info('client does not read', { remote: this.remote, login: this.#login?.bare }),
        closed: () => this.#lost(),
      },
      limits,
      clock,
    );
    if (direct) this.#connection.encrypt({ ...this.#tlsOptions(), protocols: ['xmpp-client'] });
    else this.#connection.open();
    this.#deadline = clock.after(limits.login, () => this.close(new StreamError('connection-timeout', 'no login')));
  }

  get remote(): string {
    return this.#connection.remote;
  }

  get secure(): boolean {
    return this.#connection.secure;
  }

  write(text: string): void {
    this.#connection.write(text);
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

  /** A session has the stream now: the time to log in is over. */
  established(owner: StreamOwner): void {
    this.#owner = owner;
    this.#settle();
  }

  #settle(): void {
    this.#deadline.cancel();
    if (this.#settled) return;
    this.#settled = true;
    this.#context.settled(this);
  }

  /** Ends the stream from our side (RFC 6120 §4.4, §4.9); its owner hears nothing more. */
  close(error?: StreamError): void {
    if (this.#closed) return;
    this.#owner = undefined;
    this.#finish(error);
  }

  /** As close, but for a fault that the client can come back from: the owner is told as of a lost connection. */
  abandon(error: StreamError): void {
    if (this.#closed) return;
    const owner = this.#owner;
    this.close(error);
    owner?.ended(true);
  }

  #newParser(): StreamParser {
    const limits = this.#login === undefined ? this.#context.limits.before : this.#context.limits.after;
    return new StreamParser(
      {
        open: (header) => this.#open(header),
        element: (element) => this.#take(element),
        close: () => this.#take(undefined),
      },
      limits,
    );
  }

  /** RFC 6120 §4.3.3: what came before, and what was sent along behind it, is void. */
  #restart(): void {
    this.#parser.halt();
    this.#parser = this.#newParser();
    this.#waiting = [];
    this.#answered = false;
  }

  #receive(chunk: Buffer): void {
    this.heard = this.#context.clock.now();
    try {
      this.#parser.write(chunk);
    } catch (reason) {
      this.fail(reason);
    }
  }

  /** The stream ends for a fault found while handling what it brought, and cannot be resumed. */
  fail(reason: unknown): void {
    const error = reason instanceof StreamError ? reason : new StreamError('internal-server-error');
    const { log } = this.#context;
    if (error === reason)
      log.info('stream error', { remote: this.remote, condition: error.condition, text: error.message });
    else log.error('stream failed', { remote: this.remote, reason: (reason as Error)?.stack ?? String(reason) });
    if (this.#closed) return;
    const owner = this.#owner;
    this.close(error);
    owner?.ended(false);
  }

  #open(header: Element): void {
    const { authority, limits } = this.#context;
    const { to, lang } = readHeader(header, (domain) => authority.serves(domain), this.#login?.bare);
    this.#domain = to;
    this.lang = lang;
    this.#answer(readJid(header.attrs.from));
    if (this.#login !== undefined) {
      this.#owner = this.#context.authenticated(this, this.#login);
      this.write(sessionFeatures(limits));
      return;
    }
    this.#authentication = this.#newAuthentication();
    const mechanisms = this.#confidential ? authority.mechanisms(to) : undefined;
    this.write(negotiationFeatures({ starttls: !this.secure, mechanisms }, limits));
  }

  #answer(to: string | undefined): void {
    this.#answered = true;
    this.write(headerText(this.#domain, to));
  }

  get #confidential(): boolean {
    return this.secure || (this.#context.plaintext && isLoopback(this.remote));
  }

  #newAuthentication(): Authentication {
    const { authority, decoys, guesses, limits, log } = this.#context;
    return new Authentication({
      authority,
      decoys,
      guesses,
      log,
      domain: this.#domain,
      remote: this.remote,
      attempts: limits.attempts,
      confidential: this.#confidential,
    });
  }

  #take(element: Element | undefined): void {
    if (this.#holds > 0) this.#waiting.push(element);
    else this.#dispatch(element);
  }

  #dispatch(element: Element | undefined): void {
    if (element === undefined) return this.#end();
    const ns = element.attrs.xmlns;
    if (ns === NS.stream && element.name === 'error') return this.#peerFailed(element);
    if (this.#owner !== undefined) return this.#owner.element(element);
    if (ns === NS.tls && element.name === 'starttls') return this.#starttls();
    if (ns === NS.sasl && this.#authentication !== undefined) return this.#sasl(this.#authentication.take(element));
    if (ns === undefined && isStanzaName(element.name)) throw new StreamError('not-authorized');
    throw new StreamError('unsupported-stanza-type', element.name);
  }

  /** RFC 6120 §5.4.2. */
  #starttls(): void {
    if (this.secure) {
      this.write(`<failure xmlns="${NS.tls}"/>`);
      return this.close();
    }
    this.#parser.halt(); // what an attacker put behind <starttls/> must not count as said under TLS
    const options = this.#tlsOptions();
    this.write(`<proceed xmlns="${NS.tls}"/>`);
    this.#connection.encrypt(options);
  }

  #tlsOptions(): TlsOptions {
    const { certificates, domain } = this.#context;
    const context = certificates.secureContext(this.#domain) ?? certificates.secureContext(domain);
    if (context === undefined) throw new Error(`no certificate for ${domain}`);
    return { context, byName: (name) => certificates.secureContext(name) };
  }

  #sasl(reply: SaslReply | Promise<SaslReply>): void {
    if (!(reply instanceof Promise)) return this.#authenticated(reply);
    this.hold();
    reply
      .then((done) => {
        if (!this.#closed) this.#authenticated(done);
      })
      .catch((reason) => this.fail(reason))
      .finally(() => this.release());
  }

  #authenticated({ text, login, end }: SaslReply): void {
    this.write(text);
    if (end !== undefined) throw end;
    if (login === undefined) return;
    this.#context.log.info('logged in', { remote: this.remote, login: login.bare, mechanism: login.mechanism });
    this.#login = login;
    this.#restart();
  }

  #peerFailed(element: Element): void {
    this.#context.log.info('client reports a stream error', { remote: this.remote, error: serialize(element) });
    const owner = this.#owner;
    this.close();
    owner?.ended(true);
  }

  /** `</stream:stream>` */
  #end(): void {
    const owner = this.#owner;
    this.close();
    owner?.ended(false);
  }

  #finish(error: StreamError | undefined): void {
    this.#closed = true;
    this.#deadline.cancel();
    this.#parser.halt();
    this.#waiting = [];
    if (!this.#answered) this.#answer(undefined);
    this.write(`${error === undefined ? '' : serialize(error.toElement())}</stream:stream>`);
    this.#connection.end();
  }

  /** The connection is gone. */
  #lost(): void {
    this.#settle();
    this.#parser.halt();
    this.#waiting = [];
    const owner = this.#owner;
    this.#owner = undefined;
    if (!this.#closed) {
      this.#closed = true;
      owner?.ended(true);
    }
    this.#context.ended(this);
  }
}
