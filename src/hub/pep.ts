/** Personal eventing (XEP-0163): the last item of each node we were notified of, for clients that come later (RULES 5). */
import { type BareJid, bare, type Jid, localOf } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { Stanza } from '../wire/stanza.ts';
import { type Element, elements, firstElement } from '../wire/xml.ts';
import type { Capabilities } from './capabilities.ts';
import { wantedNodes } from './capabilities.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';

/** Anybody can send events: what is kept at most, of strangers in all, of a contact, of one node in characters. */
const most = { ofStrangers: 500, ofContact: 200, characters: 65_536 };

const keyOf = (owner: BareJid, node: string): string => `${owner} ${node}`;

export class Events {
  readonly #context: Context;
  readonly #capabilities: Capabilities;
  /** Owner and node → last event. */
  readonly #last = new Map<string, Stanza>();
  /** Do we get presence, and with it events, of that address? */
  isContact: (owner: BareJid) => boolean = () => false;
  /** By node: who takes events of the account's own first, and then has them told. */
  readonly translators = new Map<string, (event: Stanza) => void>();

  constructor(context: Context, capabilities: Capabilities) {
    this.#context = context;
    this.#capabilities = capabilities;
  }

  async load(): Promise<void> {
    for (const { key, value } of await this.#context.kept.read('pep')) {
      this.#last.set(key, Stanza.of(parseElement(value)));
    }
  }

  /** A personal event from upstream. False if the message is none. */
  take(message: Stanza): boolean {
    const event = message.tree.getChild('event', NS.pubsubEvent);
    const items = event && firstElement(event);
    const node = items?.attrs.node as string | undefined;
    if (message.from === undefined || items === undefined || node === undefined) return false;
    const owner = bare(message.from as Jid);
    if (localOf(owner) === '') return false; // a pubsub service (XEP-0060): whoever subscribed did it on purpose
    const translate = owner === this.#context.account ? this.translators.get(node) : undefined;
    if (translate === undefined) this.#tell(message, owner, node, items);
    else translate(message);
    return true;
  }

  /** As it is, to the clients that want to hear of it. */
  tell(message: Stanza): void {
    const items = firstElement(message.tree.getChild('event', NS.pubsubEvent)!)!;
    this.#tell(message, bare(message.from as Jid), items.attrs.node, items);
  }

  #tell(message: Stanza, owner: BareJid, node: string, items: Element): void {
    const key = keyOf(owner, node);
    const isKept = hasItem(items) && this.#keep(owner, key, message);
    if (!hasItem(items) && this.#ends(key, items)) this.#drop(key);
    const text = message.rest;
    const wanting = this.#capabilities.wanting(node).filter((client) => !isKept || isNews(client, key, text));
    this.#context.outlet.deliver(
      wanting.map(({ sid }) => sid),
      message,
    );
  }

  /** False if it is too much to be kept: then it is for those that are there, each time it comes. */
  #keep(owner: BareJid, key: string, message: Stanza): boolean {
    if (message.rest.length > most.characters || (!this.#last.has(key) && !this.#hasRoomFor(owner))) {
      this.#drop(key);
      return false;
    }
    this.#last.set(key, message);
    this.#context.kept.put('pep', key, message.textFor(undefined, message.from));
    return true;
  }

  #hasRoomFor(owner: BareJid): boolean {
    const isContact = owner === this.#context.account || this.isContact(owner);
    let count = 0;
    for (const key of this.#last.keys()) {
      const other = key.slice(0, key.indexOf(' ')) as BareJid;
      if (isContact ? other === owner : !this.isContact(other)) count++;
    }
    return count < (isContact ? most.ofContact : most.ofStrangers);
  }

  /** Deleted, purged, or the item we hold retracted. */
  #ends(key: string, items: Element): boolean {
    if (items.name === 'delete' || items.name === 'purge') return true;
    const held = this.#last.get(key)?.tree.getChild('event', NS.pubsubEvent)?.getChild('items')?.getChild('item');
    return held !== undefined && items.getChildren('retract').some(({ attrs }) => attrs.id === held.attrs.id);
  }

  #drop(key: string): void {
    if (!this.#last.delete(key)) return;
    this.#context.kept.remove('pep', key);
    for (const client of this.#context.clients.all()) client.notified.delete(key);
  }

  /** We no longer get that contact's presence: nor would we hear of changes. */
  forget(owner: BareJid): void {
    for (const key of [...this.#last.keys()]) if (key.startsWith(`${owner} `)) this.#drop(key);
  }

  /** A client that a hub before this one had: it has had all this. */
  assume({ notified }: Client): void {
    for (const [key, { rest }] of this.#last) notified.set(key, eventIn(rest));
  }

  /** A client has said which nodes it wants: what it has not had yet, as the server would on first presence. */
  replay(client: Client): void {
    if (client.presence === undefined) return;
    const nodes = new Set(wantedNodes(client));
    for (const [key, message] of this.#last) {
      const node = key.slice(key.indexOf(' ') + 1);
      if (nodes.has(node) && isNews(client, key, message.rest)) this.#context.outlet.deliver([client.sid], message);
    }
  }
}

const hasItem = (items: Element): boolean => elements(items).some(({ name }) => name === 'item');

/** Behind the outer attributes. */
const eventIn = (text: string): string => text.slice(text.indexOf('>'));

/** Servers repeat last items whenever caps change: each client hears of a state once. */
function isNews(client: Client, key: string, text: string): boolean {
  const event = eventIn(text);
  if (client.notified.get(key) === event) return false;
  client.notified.set(key, event);
  return true;
}
