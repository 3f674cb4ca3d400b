/** IQ requests from upstream to the core session (RULES 4): pushes, what we answer ourselves, what a client answers. */
import { StanzaError } from '../wire/error.ts';
import { bare, readJid } from '../wire/jid.ts';
import { Mux } from '../wire/mux.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, resultOf, Stanza } from '../wire/stanza.ts';
import { clone, type Element, firstElement, xml } from '../wire/xml.ts';
import { disco } from '../xep/disco.ts';
import { last, ping, time, version } from '../xep/info.ts';
import { withUsableCandidates } from './bytestreams.ts';
import type { Capabilities } from './capabilities.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import type { Forwarded } from './forwarded.ts';
import type { Owed } from './owed.ts';
import type { Roster } from './roster.ts';
import { exchange, isBeginning, isSessionPayload, type MediaSessions } from './sessions.ts';

interface Parts {
  capabilities: Capabilities;
  forwarded: Forwarded;
  roster: Roster;
  media: MediaSessions;
  owed: Owed;
}

export class Incoming {
  readonly #context: Context;
  readonly #parts: Parts;
  #nextPush = 0;

  /** What we answer ourselves: one table for all hubs. */
  static readonly #mux = new Mux<Incoming>([
    ...disco<Incoming>(
      (hub) => hub.#parts.capabilities.own(),
      (hub, node) => hub.#parts.capabilities.isOwnNode(node),
    ),
    ping,
    time,
    version((hub) => hub.#context.settings.version),
    last((hub, from) => hub.#idleFor(from)),
  ]);

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  take(request: Stanza): void {
    const payload = firstElement(request.tree);
    if (payload === undefined) return this.#reply(request, errorOf(request, 'bad-request'));
    if (request.type === 'set' && this.#isPush(request, payload)) return;
    if (Incoming.#mux.handles(request)) {
      const failed = (reason: unknown) => this.#context.log.error('request failed', { error: String(reason) });
      void Incoming.#mux.answer(request, this, failed).then((response) => this.#reply(request, response));
      return;
    }
    const client = this.#clientFor(payload);
    if (client === undefined) return this.#reply(request, errorOf(request, 'service-unavailable'));
    this.#hand(client, request, payload);
  }

  #hand(client: Client, request: Stanza, payload: Element): void {
    const { up } = this.#context;
    if (isSessionPayload(payload)) this.#parts.media.give(payload, client.sid);
    const inward = Stanza.of(exchange(withUsableCandidates(request.tree), up.address(), client.address));
    this.#parts.forwarded.hand(client, inward, (response) =>
      this.#reply(request, Stanza.of(exchange(response.tree, client.address, up.address()))),
    );
  }

  #reply(request: Stanza, response: Stanza): void {
    // the server's own pushes carry no address to answer to
    const to = request.from === this.#context.account ? undefined : request.from;
    this.#parts.owed.send(response.textFor(to, undefined));
  }

  /** Roster (RFC 6121 §2.1.6) and block list (XEP-0191 §3.3): only the account itself may push. */
  #isPush(request: Stanza, payload: Element): boolean {
    const ns = payload.attrs.xmlns as string;
    const isRoster = ns === NS.roster && payload.name === 'query';
    const isBlocking = ns === NS.blocking && (payload.name === 'block' || payload.name === 'unblock');
    if (!isRoster && !isBlocking) return false;
    const { account, log } = this.#context;
    if (request.from !== account) {
      log.warn('forged push refused', { account, from: request.from });
      this.#reply(request, errorOf(request, 'service-unavailable'));
      return true;
    }
    try {
      if (isRoster) this.#parts.roster.push(payload);
      else this.#pushBlocking(payload);
      this.#reply(request, resultOf(request));
    } catch (reason) {
      this.#reply(request, errorOf(request, StanzaError.from(reason)));
    }
    return true;
  }

  #pushBlocking(payload: Element): void {
    const { clients, outlet, account } = this.#context;
    const sids = [...clients.all()].filter(({ blocklist }) => blocklist).map(({ sid }) => sid);
    const id = `block${(this.#nextPush++).toString(36)}-${this.#context.now().toString(36)}`;
    if (sids.length > 0) outlet.deliver(sids, Stanza.of(xml('iq', { type: 'set', id, from: account }, clone(payload))));
  }

  /** A session's holder; to begin one, or for anything else, whoever can and was used last. */
  #clientFor(payload: Element): Client | undefined {
    const { clients } = this.#context;
    if (isSessionPayload(payload)) {
      const holder = this.#parts.media.holder(payload);
      const client = holder === undefined ? undefined : clients.get(holder);
      if (client !== undefined) return client;
      if (!isBeginning(payload)) return undefined;
    }
    const ns = String(payload.attrs.xmlns);
    return clients.best(({ features }) => features.has(ns)) ?? clients.best(({ features }) => features.size === 0);
  }

  /** XEP-0012 §8: when somebody was last there is for those who may see their presence. */
  #idleFor(asker: string | undefined): number {
    const from = readJid(asker);
    const subscription = from === undefined ? 'none' : this.#parts.roster.subscription(bare(from));
    const isOwn = from !== undefined && bare(from) === this.#context.account;
    if (!isOwn && subscription !== 'from' && subscription !== 'both') throw new StanzaError('forbidden');
    const { clients, now } = this.#context;
    const active = [...clients.all()].map(({ activeAt }) => activeAt);
    return active.length === 0 ? 0 : (now() - Math.max(...active)) / 1000;
  }
}
