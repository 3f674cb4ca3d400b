/**
 * The edge's side of the translation: people and implementing clients that are logged in here. What they send to a service
 * address comes in by it, what is for them leaves by it, and no server is asked.
 *
 * A session's *face* is the full address by which service addresses know it: of the account it shows, under the client's own
 * resource; of the login itself where it shows no account.
 */
import type { ServiceEngine, Way } from '../jat/types.ts';
import type { ServiceDesk } from '../session/desk.ts';
import { mirror, spread } from '../session/root.ts';
import type { Session } from '../session/session.ts';
import { type BareJid, bare, domainOf, type FullJid, isFull, type Jid, localOf, resourceOf } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, isRequest, Stanza } from '../wire/stanza.ts';
import { hasChild, xml } from '../wire/xml.ts';
import { readPresence } from './presence.ts';

export interface DeskParts {
  /** Our own domain. */
  domain: BareJid;
  /** Where service addresses are: component hosts, and our domain if there is one. */
  hosts(): ReadonlySet<string>;
  /** Does that account stand behind that address, or behind any? */
  isTarget(account: BareJid, address?: BareJid): boolean;
  /** Service addresses on our own domain. */
  own(): readonly BareJid[];
  /** The component that has that address, for who is not here any more. */
  component(address: BareJid): Way | undefined;
}

/** RFC 6121 §3: what the server of a client has to know of. */
const subscriptions = new Set<string | undefined>(['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed', 'probe']);
const none: ReadonlySet<Session> = new Set();
/** Addresses that have one session's presence; as many as the translation remembers of one user. */
const mostDirected = 100;

export class Desk implements ServiceDesk, Way {
  readonly name = 'edge';
  readonly #parts: DeskParts;
  #engine: ServiceEngine | undefined;
  readonly #faces = new Map<FullJid, Session>();
  /** Those with available presence, by the bare address of their face. */
  readonly #present = new Map<BareJid, Set<Session>>();
  /** Addresses that have a session's directed presence (RFC 6121 §4.6). */
  readonly #directed = new Map<Session, Set<Jid>>();

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** From now on stanzas are taken. */
  open(engine: ServiceEngine): void {
    this.#engine = engine;
    engine.opened(this);
  }

  /** Nothing is taken any more. */
  close(): void {
    this.#engine = undefined;
  }

  isPresent(account: BareJid): boolean {
    return this.#present.has(account);
  }

  has(face: FullJid): boolean {
    return this.#faces.has(face);
  }

  takes(session: Session, { to, name, type }: Stanza): boolean {
    const hosts = this.#parts.hosts();
    if (to === undefined || hosts.size === 0) return false;
    const host = domainOf(to as Jid);
    if (!hosts.has(host) || this.#engine?.serves(to as Jid, faceOf(session)) !== true) return false;
    const { facts } = session;
    // a subscription is between the account and the address, so the account's server keeps it
    return name !== 'presence' || !subscriptions.has(type) || host === this.#parts.domain || facts.view === 'merged';
  }

  stanza(session: Session, stanza: Stanza): void {
    const face = faceOf(session);
    this.#faces.set(face, session);
    const to = stanza.to as Jid;
    if (stanza.name === 'presence') this.#noteDirected(session, to, stanza.type);
    const from = stanza.name === 'presence' && subscriptions.has(stanza.type) ? bare(face) : face;
    // it has just come and is nobody else's yet: its tree serves, and need not be read from its text again
    stanza.tree.attrs.from = from;
    this.#engine?.stanza(Stanza.of(stanza.tree), this);
    // another instance of an implementing client must not take what this one says for something said to it
    if (stanza.name === 'message' && !this.#parts.isTarget(bare(face), bare(to)))
      mirror(bare(to), { of: (own) => this.#logins(bare(face), own) }, session, stanza);
  }

  presence(session: Session): void {
    const { presence } = session.facts;
    if (presence === undefined) return this.#leave(session);
    const face = faceOf(session);
    const account = bare(face);
    const among = this.#present.get(account) ?? new Set();
    const comes = !among.has(session);
    const isFirst = among.size === 0;
    among.add(session);
    this.#present.set(account, among);
    this.#faces.set(face, session);
    if (this.#parts.isTarget(account)) {
      if (isFirst) this.#engine?.directness(account);
      this.#engine?.resource(face, readPresence(presence), this);
    }
    if (comes) this.#askFor(account);
  }

  over(session: Session, unacknowledged: readonly Stanza[]): void {
    this.#leave(session);
    const face = faceOf(session);
    if (this.#faces.get(face) === session) this.#faces.delete(face);
    for (const stanza of unacknowledged) if (isConversation(stanza)) this.#unheard(face, stanza);
  }

  /** A message that may never have arrived: the account's server keeps it, where no other app has it. */
  #unheard(face: FullJid, stanza: Stanza): void {
    const from = stanza.from as Jid;
    if (!this.#parts.hosts().has(domainOf(from)) || this.isPresent(bare(face))) return;
    const component = this.#parts.component(bare(from));
    if (component !== undefined && !this.#parts.isTarget(bare(face), bare(from)))
      component.send(stanza.readdress({ to: bare(face), from }));
    else this.#engine?.stanza(errorOf(stanza.readdress({ to: face, from }), 'recipient-unavailable'), this);
  }

  /** Addresses have other accounts behind them now: who is here of these is told. */
  review(accounts: Iterable<BareJid>): void {
    for (const account of accounts) {
      this.#engine?.directness(account);
      for (const session of this.#present.get(account) ?? none)
        this.#engine?.resource(faceOf(session), readPresence(session.facts.presence ?? ''), this);
    }
  }

  /** To whoever is here; what nobody takes is answered as a server would. */
  send(stanza: Stanza): boolean {
    const to = stanza.to as Jid;
    const found = this.#recipients(stanza, to);
    spread(found, stanza);
    if (found.length > 0) return true;
    if (isRequest(stanza) || (stanza.name === 'message' && stanza.type !== 'error'))
      process.nextTick(() => this.#engine?.stanza(errorOf(stanza, 'service-unavailable'), this));
    return true;
  }

  #recipients(stanza: Stanza, to: Jid): Session[] {
    const one = isFull(to) ? this.#faces.get(to) : undefined;
    if (isFull(to) && stanza.name !== 'message') return one === undefined ? [] : [one];
    const all = this.#present.get(bare(to)) ?? none;
    if (stanza.name === 'message') {
      const isTarget = this.#parts.isTarget(bare(to), bare(stanza.from as Jid));
      if (isFull(to) && (isTarget || isForOne(stanza))) return one === undefined ? [] : [one];
      // RULES 1: a message is for all of a person's apps
      return [...all].filter((session) => session === one || readPresence(session.facts.presence ?? '').priority >= 0);
    }
    return stanza.name === 'presence' ? [...all] : [];
  }

  /** Those of one view alone: a carbon is from the client's own address. */
  #logins(account: BareJid, own: BareJid): ReadonlySet<Session> {
    return new Set([...(this.#present.get(account) ?? none)].filter(({ facts }) => facts.bare === own));
  }

  #noteDirected(session: Session, to: Jid, type: string | undefined): void {
    const directed = this.#directed.get(session) ?? new Set();
    if (type === undefined) {
      this.#directed.set(session, directed.add(to));
      const [oldest] = directed;
      if (directed.size > mostDirected) directed.delete(oldest!);
    } else if (type === 'unavailable') directed.delete(to);
  }

  #leave(session: Session): void {
    const face = faceOf(session);
    const account = bare(face);
    for (const to of this.#directed.get(session) ?? [])
      this.#engine?.stanza(Stanza.of(xml('presence', { type: 'unavailable', to, from: face })), this);
    this.#directed.delete(session);
    const among = this.#present.get(account);
    if (!among?.delete(session)) return;
    if (among.size === 0) this.#present.delete(account);
    if (!this.#parts.isTarget(account)) return;
    this.#engine?.resource(face, undefined, this);
    if (among.size === 0) this.#engine?.directness(account);
  }

  /** RFC 6121 §4.3: a server probes for a client that comes, and on our own domain there is none but us. */
  #askFor(user: BareJid): void {
    for (const to of this.#parts.own())
      this.#engine?.stanza(Stanza.of(xml('presence', { type: 'probe', to, from: user })), this);
  }
}

const isConversation = ({ name, type, from }: Stanza): boolean =>
  name === 'message' && from !== undefined && type !== 'error' && type !== 'groupchat';

/** Said within something that one client alone takes part in: a room (XEP-0045), or an error about what it sent. */
const isForOne = ({ type, tree }: Stanza): boolean =>
  type === 'groupchat' || type === 'error' || hasChild(tree, 'x', NS.mucUser);

/** Asked for with each stanza. */
const faces = new WeakMap<Session, FullJid>();

function faceOf(session: Session): FullJid {
  const known = faces.get(session);
  if (known !== undefined) return known;
  const { account, address, bare: own } = session.facts;
  // as the account's hub has it (view/addresses.md): resources of two views are two clients
  const face = account === undefined ? address : (`${account}/${resourceOf(address)}~${localOf(own)}` as FullJid);
  faces.set(session, face);
  return face;
}
