/** Presence (RFC 6121 §4): contacts' towards clients, clients' among each other, one for all towards the server. */
import { type BareJid, bare, isFull, type Jid } from '../wire/jid.ts';
import { Stanza } from '../wire/stanza.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import { aggregate } from './aggregate.ts';
import type { Capabilities } from './capabilities.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';

/** How long after a new login the server has to tell us who is still there: milliseconds. */
const settling = 15_000;

/** Anybody can send presence: so much of it is kept of strangers, and in all. */
const most = { withStrangers: 5000, inAll: 20_000 };

export class Presences {
  readonly #context: Context;
  readonly #capabilities: Capabilities;
  /** Available resources: full (or bare) address → last presence. */
  #contacts = new Map<string, Stanza>();
  #before: Map<string, Stanza> | undefined;
  #settle: NodeJS.Timeout | undefined;
  #sent: string | undefined;
  #last: Stanza | undefined;
  /** Who got directed presence (RFC 6121 §4.6) from whom, and its text as sent last. */
  readonly #directed = new Map<string, { sids: Set<number>; text: string }>();
  /** Directed presence that could not go while the server was away, by target. */
  readonly #owed = new Map<string, string>();
  /** Told what our one presence is, whenever it may have changed. */
  onAnnounce: (presence: Element) => void = () => {};
  /** The contacts whose presence we get. */
  sources: () => readonly BareJid[] = () => [];
  /** Clients may take contacts to be there whom only a hub before this one knew. */
  #isRestored = false;

  constructor(context: Context, capabilities: Capabilities) {
    this.#context = context;
    this.#capabilities = capabilities;
  }

  /** From a contact, or another resource of the account that is not ours. */
  fromContact(presence: Stanza): void {
    const { from } = presence;
    if (from === undefined || from === this.#context.up.address()) return;
    if (presence.type === undefined && this.#hasRoomFor(from)) this.#contacts.set(from, presence);
    else if (presence.type === 'unavailable') this.#forget(from);
    this.#before?.delete(from);
    this.#context.outlet.deliver(this.#context.clients.available, presence);
  }

  #hasRoomFor(from: string): boolean {
    const { size } = this.#contacts;
    if (size < most.withStrangers || this.#contacts.has(from)) return true;
    return size < most.inAll && this.sources().includes(bare(from as Jid));
  }

  #forget(from: string): void {
    this.#contacts.delete(from);
    if (!isFull(from as Jid))
      for (const key of this.#contacts.keys()) if (key.startsWith(`${from}/`)) this.#contacts.delete(key);
  }

  /** A broadcast of a client's. True if it is its initial presence. */
  fromClient(client: Client, presence: Stanza): boolean {
    const { clients, outlet } = this.#context;
    const initial = client.presence === undefined;
    if (presence.type === 'unavailable') {
      if (initial)
        this.#undirectAll(client.sid); // RFC 6121 §4.6.3: that needs no presence for all
      else this.#leave(client, presence);
      return false;
    }
    const shown = presence.readdress({ from: client.address });
    client.presence = shown;
    client.priority = priorityOf(presence);
    client.activeAt = this.#context.now();
    if (initial) client.availableAt = client.activeAt;
    clients.changed();
    this.#last = shown;
    outlet.facts(client.sid, { presence: presence.textFor(undefined, undefined) });
    outlet.deliver(clients.available, shown);
    if (initial) this.#welcome(client);
    this.announce();
    return initial;
  }

  /** A client that a hub before this one had: nothing about it is news to anybody here. */
  restore(client: Client, presence: Stanza): void {
    client.presence = presence.readdress({ from: client.address });
    client.priority = priorityOf(presence);
    this.#context.clients.changed();
    this.#last = client.presence;
    this.#isRestored = true;
    this.announce();
  }

  /** Who had directed presence of such a client gets it from the next session upstream. */
  redirect(client: Client, targets: readonly string[]): void {
    const presence = client.presence ?? Stanza.of(xml('presence'));
    for (const target of targets) this.direct(client, presence, target as Jid);
  }

  /** A client without a goodbye. */
  gone(client: Client): void {
    if (client.presence !== undefined) this.#leave(client, Stanza.of(xml('presence', { type: 'unavailable' })));
    else this.#undirectAll(client.sid);
  }

  #leave(client: Client, presence: Stanza): void {
    const { clients, outlet } = this.#context;
    client.presence = undefined;
    clients.changed();
    outlet.facts(client.sid, { presence: undefined });
    outlet.deliver(clients.available, presence.readdress({ from: client.address }));
    this.#undirectAll(client.sid);
    this.announce();
  }

  #undirectAll(sid: number): void {
    for (const [target, { sids }] of [...this.#directed]) if (sids.has(sid)) this.#undirect(sid, target);
  }

  /** All that a server would send after initial presence, without asking it. */
  #welcome(client: Client): void {
    const { outlet, settings } = this.#context;
    const to = [client.sid];
    for (const other of this.#context.clients.others(client.sid)) outlet.deliver(to, other.presence!);
    outlet.deliver(to, Stanza.of(xml('presence', { from: `${settings.root}/xmpproxy` })));
    for (const presence of this.#contacts.values()) outlet.deliver(to, presence);
  }

  /** Sends our one presence if it differs from what the server has. */
  announce(): void {
    const { settings, clients, up } = this.#context;
    if (!up.online()) return;
    const away = { text: settings.awayText, auto: settings.autoAway };
    const stanza = aggregate([...clients.all()], away, this.#capabilities.own(), this.#last?.tree);
    const text = serialize(stanza);
    if (text !== this.#sent && up.send(text)) this.#sent = text;
    this.onAnnounce(stanza);
  }

  /** RFC 6121 §4.6: to one address only. */
  direct(client: Client, presence: Stanza, to: Jid): void {
    if (presence.type === 'unavailable') {
      if (this.#directed.get(to)?.sids.has(client.sid)) this.#undirect(client.sid, to, presence);
      else if (!this.#directed.has(to)) this.#sendTo(to, presence.textFor(to, undefined));
      return;
    }
    const entry = this.#directed.get(to) ?? { sids: new Set<number>(), text: '' };
    entry.sids.add(client.sid);
    this.#directed.set(to, entry);
    const text = presence.textFor(to, undefined);
    if (text !== entry.text) this.#sendTo(to, text);
    entry.text = text;
    this.#factsOf(client.sid);
  }

  #sendTo(target: string, text: string): void {
    if (this.#context.up.send(text)) this.#owed.delete(target);
    else this.#owed.set(target, text);
  }

  /** The session upstream goes on: nobody there knows what changed while it was away. */
  resumed(): void {
    for (const [target, text] of [...this.#owed]) this.#sendTo(target, text);
  }

  #undirect(sid: number, target: string, presence = Stanza.of(xml('presence', { type: 'unavailable' }))): void {
    const entry = this.#directed.get(target);
    if (!entry?.sids.delete(sid)) return;
    if (entry.sids.size === 0) {
      this.#directed.delete(target);
      this.#sendTo(target, presence.textFor(target, undefined));
    }
    this.#factsOf(sid);
  }

  #factsOf(sid: number): void {
    const directed = [...this.#directed].filter(([, { sids }]) => sids.has(sid)).map(([target]) => target);
    this.#context.outlet.facts(sid, { directed });
  }

  /** A new session upstream: the server knows nothing of us, and what we knew of contacts may be over. */
  renewed(): void {
    this.#sent = undefined;
    this.#owed.clear();
    this.announce();
    for (const { text } of this.#directed.values()) this.#context.up.send(text);
    this.#before = new Map([...this.#contacts, ...(this.#before ?? [])]);
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.#dropStale(), settling);
  }

  /** The server told a hub before this one who is there, and sees no cause to do so again (RFC 6121 §4.3). */
  ask(): void {
    for (const to of this.sources()) this.#context.up.send(serialize(xml('presence', { type: 'probe', to })));
  }

  #dropStale(): void {
    for (const from of this.#before?.keys() ?? []) {
      if (!this.#contacts.delete(from)) continue;
      const gone = Stanza.of(xml('presence', { from, type: 'unavailable' }));
      this.#context.outlet.deliver(this.#context.clients.available, gone);
    }
    this.#before = undefined;
    if (this.#isRestored) this.#correct();
    this.#isRestored = false;
  }

  /** RFC 6121 §4.3.2: `unavailable` of the bare address, for whoever is not there (any more). */
  #correct(): void {
    const there = new Set([...this.#contacts.keys()].map((address) => bare(address as Jid)));
    for (const from of this.sources().filter((contact) => !there.has(contact)))
      this.#context.outlet.deliver(
        this.#context.clients.available,
        Stanza.of(xml('presence', { from, type: 'unavailable' })),
      );
  }

  /** A client's probe is answered from what is known. */
  probe(client: Client, contact: BareJid): void {
    for (const [from, presence] of this.#contacts)
      if (bare(from as Jid) === contact) this.#context.outlet.deliver([client.sid], presence);
  }

  /** The clients that have sent presence to that address. */
  directedTo(address: BareJid): number[] {
    const sids = new Set<number>();
    for (const [target, entry] of this.#directed)
      if (bare(target as Jid) === address) for (const sid of entry.sids) sids.add(sid);
    return [...sids];
  }

  close(): void {
    clearTimeout(this.#settle);
  }
}

/** RFC 6121 §4.7.2.3: -128 to 127, 0 where it says nothing sensible. */
function priorityOf(presence: Stanza): number {
  const number = Number(presence.tree.getChildText('priority') ?? '0');
  return Number.isInteger(number) && number >= -128 && number <= 127 ? number : 0;
}
