/** A stream before it is authenticated: header, TLS, SASL, and the header after it (RFC 6120 §§4–6). */
import { StreamError } from '../wire/error.ts';
import { isLoopback } from '../wire/ip.ts';
import { type BareJid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { isStanzaName } from '../wire/stanza.ts';
import type { Element } from '../wire/xml.ts';
import { Authentication, type Login, type SaslReply } from './authentication.ts';
import type { Authority } from './authority.ts';
import type { Certificates } from './certificates.ts';
import type { TlsOptions } from './connection.ts';
import type { Decoys } from './decoys.ts';
import { negotiationFeatures, sessionFeatures } from './features.ts';
import type { Guesses } from './guesses.ts';
import { readHeader } from './header.ts';
import type { StreamLimits } from './limits.ts';
import type { Log } from './log.ts';
import { makeOffer, type Offer } from './offer.ts';
import type { ClientStream, StreamOwner } from './stream.ts';

export interface NegotiationContext {
  /** Our own domain. */
  domain: BareJid;
  authority: Authority;
  certificates: Certificates;
  byName: TlsOptions['byName'];
  decoys: Decoys;
  guesses: Guesses;
  /** May clients on loopback log in without TLS? */
  plaintext: boolean;
  /** Is channel binding offered? */
  plus: boolean;
  limits: StreamLimits;
  log: Log;
  /** Who owns the stream after authentication? */
  authenticated(stream: ClientStream, login: Login): StreamOwner;
}

export class Negotiation implements StreamOwner {
  readonly #stream: ClientStream;
  readonly #context: NegotiationContext;
  /** That the client wants. */
  #domain: BareJid;
  #authentication: Authentication | undefined;
  #login: Login | undefined;
  #over = false;

  constructor(stream: ClientStream, context: NegotiationContext) {
    this.#stream = stream;
    this.#context = context;
    this.#domain = context.domain;
  }

  opened(header: Element): void {
    const { authenticated, authority, limits } = this.#context;
    const { to, lang } = readHeader(header, (domain) => authority.serves(domain), this.#login?.bare);
    const stream = this.#stream;
    this.#domain = to;
    stream.lang = lang;
    stream.greet(to, readJid(header.attrs.from));
    if (this.#login !== undefined) {
      stream.own(authenticated(stream, this.#login));
      stream.write(sessionFeatures(limits));
      return;
    }
    const offer = this.#offer();
    this.#authentication = this.#newAuthentication(offer);
    stream.write(negotiationFeatures({ starttls: !stream.secure, offer }, limits));
  }

  element(element: Element): void {
    const ns = element.attrs.xmlns;
    if (ns === NS.tls && element.name === 'starttls') this.#starttls();
    else if (ns === NS.sasl && this.#authentication !== undefined) this.#sasl(this.#authentication.take(element));
    else if (ns === undefined && isStanzaName(element.name)) throw new StreamError('not-authorized');
    else throw new StreamError('unsupported-stanza-type', element.name);
  }

  trailer(): string {
    return '';
  }

  ended(): void {
    this.#over = true;
  }

  #offer(): Offer | undefined {
    const { authority, plaintext, plus } = this.#context;
    const stream = this.#stream;
    if (!stream.secure && !(plaintext && isLoopback(stream.remote))) return undefined; // no password is safe here
    return makeOffer(authority.mechanisms(this.#domain), plus ? stream.bindings : []);
  }

  #newAuthentication(offer: Offer | undefined): Authentication {
    const { limits, ...context } = this.#context;
    const domain = this.#domain;
    const { remote } = this.#stream;
    return new Authentication({ ...context, domain, remote, attempts: limits.attempts, offer });
  }

  /** RFC 6120 §5.4.2. */
  #starttls(): void {
    const stream = this.#stream;
    if (stream.secure) {
      stream.write(`<failure xmlns="${NS.tls}"/>`);
      return stream.close();
    }
    const options = tlsOptions(this.#context, this.#domain);
    stream.write(`<proceed xmlns="${NS.tls}"/>`);
    stream.encrypt(options);
  }

  #sasl(reply: SaslReply | Promise<SaslReply>): void {
    if (!(reply instanceof Promise)) return this.#answer(reply);
    this.#stream.hold();
    reply
      .then((done) => this.#answer(done))
      .catch((reason) => this.#stream.fail(reason))
      .finally(() => this.#stream.release());
  }

  #answer({ text, login, end }: SaslReply): void {
    if (this.#over) return;
    this.#stream.write(text);
    if (end !== undefined) throw end;
    if (login === undefined) return;
    const { bare, mechanism } = login;
    this.#context.log.info('logged in', { remote: this.#stream.remote, login: bare, mechanism });
    this.#login = login;
    this.#stream.restart(this.#context.limits.after);
  }
}

/** `wanted`: the domain shown to a client that names none in TLS. Throws if there is no certificate at all. */
export function tlsOptions({ byName, certificates, domain }: NegotiationContext, wanted: BareJid): TlsOptions {
  const context = certificates.secureContext(wanted) ?? certificates.secureContext(domain);
  if (context === undefined) throw new Error(`no certificate for ${domain}`);
  return { context, byName };
}

/** For TLS. A certificate that cannot be had is no reason to break off: the client decides on the other one. */
export function byNameOf(certificates: Certificates): NonNullable<TlsOptions['byName']> {
  return (name, done) => {
    let context: ReturnType<Certificates['secureContext']>;
    try {
      context = certificates.secureContext(name);
    } catch {}
    done(null, context);
  };
}
