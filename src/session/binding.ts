/** Between authentication and session: resource binding (RFC 6120 §7) or resumption (XEP-0198 §5). */
import { randomBytes } from 'node:crypto';
import type { UnitLink } from '../link/link.ts';
import { type Login, storedKeyOf } from '../stream/authentication.ts';
import type { Authority } from '../stream/authority.ts';
import { type Log, said } from '../stream/log.ts';
import type { ClientStream, StreamOwner } from '../stream/stream.ts';
import { StanzaError, StreamError } from '../wire/error.ts';
import { type FullJid, prepareResource, withResource } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, isStanzaName, Stanza } from '../wire/stanza.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import type { SessionHost } from './host.ts';
import { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

export interface BindingContext {
  authority: Authority;
  sessions: Sessions;
  host: SessionHost;
  log: Log;
  /** The unit of that user; it may take a moment to start. */
  unit(user: string): Promise<UnitLink>;
}

export class Binding implements StreamOwner {
  readonly #stream: ClientStream;
  readonly #login: Login;
  readonly #context: BindingContext;
  #over = false;

  constructor(stream: ClientStream, login: Login, context: BindingContext) {
    this.#stream = stream;
    this.#login = login;
    this.#context = context;
  }

  element(element: Element): void {
    const ns = element.attrs.xmlns;
    if (ns === NS.sm) this.#manage(element);
    else if (ns === undefined && isStanzaName(element.name)) this.#stanza(element);
    else throw new StreamError('unsupported-stanza-type', element.name);
  }

  trailer(): string {
    return '';
  }

  ended(): void {
    this.#over = true;
  }

  #stanza(element: Element): void {
    const wish = element.attrs.type === 'set' ? element.getChild('bind', NS.bind) : undefined;
    if (element.name !== 'iq' || wish === undefined) throw new StreamError('not-authorized', 'no resource is bound');
    this.#stream.hold(); // what follows is for the session
    this.#bind(element, wish.getChildText('resource'))
      .catch((reason) => this.#refuse(element, reason))
      .finally(() => this.#stream.release());
  }

  async #bind(iq: Element, wished: string | null): Promise<void> {
    if (!iq.attrs.id) throw new StanzaError('bad-request', "an iq needs an 'id'");
    const resource = wished ? prepareResource(wished) : randomBytes(9).toString('base64url');
    if (resource === undefined) throw new StanzaError('bad-request', 'not a resource');
    const address = withResource(this.#login.bare, resource);
    this.#checkLogin();
    this.#checkRoom(address);
    const unit = await this.#context.unit(this.#login.user);
    if (this.#over) return;
    this.#checkLogin(); // a password may be another, and others may have come meanwhile
    this.#checkRoom(address);
    this.#establish(address, iq.attrs.id, unit);
  }

  /** Sessions end with the password that they were opened by; what has no session yet must not outlive it either. */
  #checkLogin(): void {
    const { authority } = this.#context;
    const { bare, storedKey, user } = this.#login;
    if (authority.user(bare)?.user !== user || storedKeyOf(authority, bare) !== storedKey)
      throw new StreamError('not-authorized', 'the password was changed');
  }

  /** A login has room for so many sessions; one that takes another's place needs none. */
  #checkRoom(address: FullJid): void {
    const { host, sessions } = this.#context;
    if (sessions.at(address) === undefined && sessions.of(this.#login.bare).size >= host.limits.sessions)
      throw new StanzaError('resource-constraint', 'too many sessions');
  }

  #establish(address: FullJid, id: string, unit: UnitLink): void {
    const { host, sessions } = this.#context;
    // RFC 6120 §7.7.2.2, third way: the newer one stays.
    sessions.at(address)?.end(new StreamError('conflict', 'the resource was bound on another stream'));
    const session = new Session(sessions.nextSid(), address, this.#login, unit, this.#stream, host);
    sessions.add(session);
    const bound = xml('bind', NS.bind, xml('jid', {}, address));
    this.#stream.write(serialize(xml('iq', { type: 'result', id }, bound)));
    try {
      unit.attach(session.sid, session.facts);
    } catch (reason) {
      this.#context.log.error('attach failed', { address, reason: said(reason) });
      session.end(new StreamError('internal-server-error'));
    }
  }

  #refuse(iq: Element, reason: unknown): void {
    if (reason instanceof StreamError) return this.#stream.fail(reason);
    const error = reason instanceof StanzaError ? reason : new StanzaError('internal-server-error');
    if (error !== reason) this.#context.log.error('no unit', { user: this.#login.user, reason: said(reason) });
    if (!this.#over) this.#stream.write(errorOf(Stanza.of(iq), error).toString());
  }

  #manage(element: Element): void {
    if (element.name !== 'resume') return this.#stream.write(failed('unexpected-request'));
    this.#stream.hold(); // what follows is for the session
    this.#resume(element.attrs)
      .catch((reason) => this.#stream.fail(reason))
      .finally(() => this.#stream.release());
  }

  async #resume({ previd = '', h }: Record<string, string | undefined>): Promise<void> {
    const session = this.#session(previd);
    if (session !== undefined && (await session.settle())) {
      if (!this.#over && this.#session(previd) === session) return this.#takeUp(session, h);
    } else session?.end(); // nobody knows what its client would have to send again
    const handled = await this.#handled(previd);
    if (!this.#over) this.#stream.write(failed('item-not-found', handled));
  }

  /** The session that is resumed with that, if it is of this login. */
  #session(previd: string): Session | undefined {
    const session = this.#context.sessions.resumedBy(previd);
    return session?.facts.bare === this.#login.bare ? session : undefined;
  }

  #takeUp(session: Session, h: string | undefined): void {
    try {
      session.resume(this.#stream, h);
    } catch (reason) {
      session.end(); // its client has lost count
      throw reason;
    }
  }

  /** XEP-0198 §5: of a session that is over, or was before a restart. */
  async #handled(id: string): Promise<number | undefined> {
    const { log, unit } = this.#context;
    const { bare, account = bare, user } = this.#login;
    try {
      return (await (await unit(user)).ask('handled', { account, bare, id })) ?? undefined;
    } catch (reason) {
      log.info('a stream that is over cannot be asked after', { user, reason: said(reason) });
      return undefined;
    }
  }
}

function failed(condition: 'item-not-found' | 'unexpected-request', handled?: number): string {
  const attrs = { xmlns: NS.sm, h: handled === undefined ? undefined : String(handled) };
  return serialize(xml('failed', attrs, xml(condition, NS.stanzas)));
}
