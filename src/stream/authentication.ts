/** SASL on one stream (RFC 6120 §6): attempts follow one another until one succeeds or too many have failed. */
import { StreamError } from '../wire/error.ts';
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import type { Authority, Granted, OfferedMechanism } from './authority.ts';
import type { Decoys } from './decoys.ts';
import type { Guesses } from './guesses.ts';
import { type Log, said } from './log.ts';
import type { Offer } from './offer.ts';
import { plainExchange } from './plain.ts';
import { type Exchange, SaslFailure, type Step } from './sasl.ts';
import { scramExchange } from './scram.ts';

/** Who has logged in. */
export interface Login extends Granted {
  bare: BareJid;
  mechanism: OfferedMechanism;
  /** What the proved password is known by: once it is another, the login is void. */
  storedKey: string | undefined;
}

export const storedKeyOf = (authority: Authority, login: BareJid): string | undefined =>
  authority.verifier(login, 'SCRAM-SHA-256')?.storedKey;

/** What to send, and what it means for the stream: it goes on, it is authenticated, or it ends. */
export interface SaslReply {
  text: string;
  login?: Login;
  end?: StreamError;
}

export interface AuthenticationContext {
  authority: Authority;
  decoys: Decoys;
  guesses: Guesses;
  log: Log;
  domain: BareJid;
  remote: string;
  /** Failed attempts that end the stream. */
  attempts: number;
  /** Undefined: no password is safe on this stream. */
  offer: Offer | undefined;
}

export class Authentication {
  readonly #context: AuthenticationContext;
  #current: { mechanism: OfferedMechanism; exchange: Exchange } | undefined;
  #failures = 0;
  /** Whose password was wrong, and how often with each mechanism. */
  readonly #wrong = new Map<string, Map<OfferedMechanism, number>>();

  constructor(context: AuthenticationContext) {
    this.#context = context;
  }

  /** Takes one element of the SASL namespace; a promise only where the authority must be waited for. */
  take(element: Element): SaslReply | Promise<SaslReply> {
    try {
      const step = this.#step(element);
      if (!(step instanceof Promise)) return this.#reply(step);
      return step.then((done) => this.#reply(done)).catch((reason) => this.#refuse(reason));
    } catch (reason) {
      return this.#refuse(reason);
    }
  }

  #step(element: Element): Step | Promise<Step> | undefined {
    const { guesses, remote } = this.#context;
    switch (element.name) {
      case 'auth':
        if (guesses.exhausted(remote)) throw tooMany();
        return this.#begin(element);
      case 'response':
        if (this.#current === undefined) throw new SaslFailure('malformed-request', 'no exchange');
        return this.#current.exchange.step(decode(element.getText()));
      case 'abort':
        throw new SaslFailure('aborted');
      default:
        throw new StreamError('unsupported-stanza-type', element.name);
    }
  }

  #begin(element: Element): Step | Promise<Step> | undefined {
    this.#current = undefined;
    const { authority, decoys, domain, offer, remote } = this.#context;
    if (offer === undefined) throw new SaslFailure('encryption-required');
    const mechanism = offer.mechanisms.find((offered) => offered === element.attrs.mechanism);
    if (mechanism === undefined) throw new SaslFailure('invalid-mechanism');
    const exchange =
      mechanism === 'PLAIN'
        ? plainExchange(authority, domain, remote)
        : scramExchange(mechanism, { authority, decoys, domain, offer });
    this.#current = { mechanism, exchange };
    const initial = element.getText();
    return initial === '' ? undefined : exchange.step(decode(initial));
  }

  /** Undefined asks for the initial response that did not come with `<auth/>` (RFC 6120 §6.4.2). */
  #reply(step: Step | undefined): SaslReply {
    if (step === undefined) return { text: `<challenge xmlns="${NS.sasl}"/>` };
    if ('challenge' in step) return { text: serialize(xml('challenge', NS.sasl, encode(step.challenge))) };
    const { authority, guesses, remote } = this.#context;
    if (guesses.exhausted(remote)) return this.#refuse(tooMany());
    const granted = authority.user(step.login);
    if (granted === undefined) return this.#refuse(new SaslFailure('not-authorized'));
    const storedKey = storedKeyOf(authority, step.login);
    const login = { bare: step.login, mechanism: this.#current!.mechanism, storedKey, ...granted };
    this.#current = undefined;
    return { text: serialize(xml('success', NS.sasl, step.data && encode(step.data))), login };
  }

  #refuse(reason: unknown): SaslReply {
    if (reason instanceof StreamError) throw reason;
    const { attempts, guesses, log, remote } = this.#context;
    // Of many guesses under way at once, those above the limit learn nothing: right and wrong are answered alike.
    const known = guesses.exhausted(remote) ? tooMany() : reason;
    const failure = known instanceof SaslFailure ? known : new SaslFailure('temporary-auth-failure');
    if (failure !== known) log.error('login could not be checked', { reason: said(reason) });
    if (failure.guess !== undefined) this.#guessed(failure.guess);
    this.#current = undefined;
    this.#failures += 1;
    log.info('login refused', { remote, domain: this.#context.domain, condition: failure.condition });
    const text = failure.message === '' ? undefined : xml('text', {}, failure.message);
    const answer = { text: serialize(xml('failure', NS.sasl, xml(failure.condition), text)) };
    if (guesses.exhausted(remote)) return { ...answer, end: new StreamError('policy-violation', 'too many guesses') };
    if (this.#failures < attempts) return answer;
    return { ...answer, end: new StreamError('policy-violation', 'too many attempts') };
  }

  /** An app that has a wrong password tries it with one mechanism after the other: that is one guess. */
  #guessed(name: string): void {
    const mechanism = this.#current!.mechanism;
    const tried = this.#wrong.get(name) ?? new Map<OfferedMechanism, number>();
    const times = (tried.get(mechanism) ?? 0) + 1;
    if (times > Math.max(0, ...tried.values())) this.#context.guesses.wrong(this.#context.remote);
    this.#wrong.set(name, tried.set(mechanism, times));
  }
}

const tooMany = () => new SaslFailure('temporary-auth-failure', 'too many wrong passwords');

/** RFC 6120 §6.4.2: `=` is a response of no bytes; base64 is taken as it must be written (RFC 4648 §3). */
function decode(text: string): Buffer {
  if (text === '=') return Buffer.alloc(0);
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new SaslFailure('incorrect-encoding');
  return bytes;
}

const encode = (text: string): string => Buffer.from(text).toString('base64');
