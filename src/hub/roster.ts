/**
 * The account's roster (RFC 6121 §2), kept durably: a client is answered from the kept copy whether the server is there or
 * not, and root's item is in it for every client without the server knowing.
 */
import { createHash } from 'node:crypto';
import { StanzaError } from '../wire/error.ts';
import { type BareJid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { iqAround, resultOf, Stanza } from '../wire/stanza.ts';
import { clone, detached, type Element, elements, escapeAttribute, firstElement, serialize, xml } from '../wire/xml.ts';
import type { Context } from './context.ts';

/** How long a roster request waits when nothing is kept yet: milliseconds. */
const patience = 30_000;

export type Subscription = 'none' | 'to' | 'from' | 'both' | 'remove';

export class Roster {
  readonly #context: Context;
  /** As text, which is a tenth of what an element takes. */
  readonly #items = new Map<BareJid, string>();
  #rootItem: string;
  /** The server's version string (XEP-0237), if it has one. */
  #serverVersion: string | undefined;
  #known = false;
  #ownVersion: string | undefined;
  #waiting: { sid: number; request: Stanza; timer: NodeJS.Timeout }[] = [];
  #nextPush = 0;
  /** Told of each contact whose item has changed. */
  onChange: (contact: BareJid, subscription: Subscription) => void = () => {};

  constructor(context: Context) {
    this.#context = context;
    this.#rootItem = itemText(xml('item', { jid: context.settings.root, name: 'root', subscription: 'both' }));
  }

  async load(): Promise<void> {
    for (const { key, value } of await this.#context.kept.read('roster')) {
      this.#items.set(key as BareJid, value);
    }
    for (const { key, value } of await this.#context.kept.read('meta')) {
      if (key === 'roster-version') this.#serverVersion = value;
      if (key === 'roster-known') this.#known = true;
      if (key === 'roster-root') this.#rootItem = value;
    }
  }

  get size(): number {
    return this.#items.size;
  }

  /** The contacts whose presence we get. */
  sources(): BareJid[] {
    return [...this.#items.keys()].filter((contact) => /^(to|both)$/.test(this.subscription(contact)));
  }

  has(contact: BareJid): boolean {
    return this.#items.has(contact);
  }

  subscription(contact: BareJid): Subscription {
    return subscriptionIn(this.#items.get(contact) ?? '');
  }

  /** A client's get: at once from the kept copy, or as soon as the server has told us, or an error after 30 s. */
  get(sid: number, request: Stanza): void {
    const client = this.#context.clients.get(sid);
    if (client !== undefined && !client.interested) {
      client.interested = true;
      this.#context.clients.changed();
      this.#context.outlet.facts(sid, { interested: true });
    }
    if (this.#known) return this.#answer(sid, request);
    const timer = setTimeout(() => {
      this.#waiting = this.#waiting.filter((waiting) => waiting.timer !== timer);
      this.#context.outlet.deliver([sid], timedOut(request));
    }, patience);
    this.#waiting.push({ sid, request, timer });
  }

  #answer(sid: number, request: Stanza): void {
    const asked = firstElement(request.tree)?.attrs.ver as string | undefined;
    const ver = this.#version();
    const { id, from: to, to: from } = request;
    const whole = queryAround(this.#all().join(''), asked === undefined ? undefined : ver);
    const answer = asked === ver ? resultOf(request) : iqAround(whole, { type: 'result', id, from, to });
    this.#context.outlet.deliver([sid], answer);
  }

  #all(): string[] {
    return [...this.#items.values(), this.#rootItem];
  }

  /** Ours, over all that clients see: the server's would not change with root's item. */
  #version(): string {
    this.#ownVersion ??= createHash('sha1').update(this.#all().sort().join('')).digest('base64url');
    return this.#ownVersion;
  }

  /** What to ask the server after a new login. */
  query(): Element {
    return xml('query', { xmlns: NS.roster, ver: this.#known ? (this.#serverVersion ?? '') : undefined });
  }

  /** The server's answer: the whole roster, or nothing where ours is current. Interested clients get what differs. */
  replace(query: Element | undefined): void {
    if (query !== undefined) {
      const items = new Map<BareJid, string>();
      for (const item of query.getChildren('item')) {
        const jid = readJid(item.attrs.jid) as BareJid | undefined;
        if (jid !== undefined && jid !== this.#context.settings.root) items.set(jid, itemText(item));
      }
      this.#setServerVersion(query.attrs.ver);
      for (const contact of [...this.#items.keys()]) if (!items.has(contact)) this.#apply(contact, removal(contact));
      for (const [contact, item] of items) if (this.#items.get(contact) !== item) this.#apply(contact, item);
    }
    if (!this.#known) this.#context.kept.put('meta', 'roster-known', '1');
    this.#known = true;
    for (const { sid, request, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      this.#answer(sid, request);
    }
  }

  /** A roster push (RFC 6121 §2.1.6), already known to come from the server. What it says of root, whose item is ours, is nothing. */
  push(query: Element): void {
    const item = query.getChild('item');
    const contact = readJid(item?.attrs.jid) as BareJid | undefined;
    if (item === undefined || contact === undefined) throw new StanzaError('bad-request');
    this.#setServerVersion(query.attrs.ver);
    if (contact !== this.#context.settings.root) this.#apply(contact, itemText(item));
  }

  #apply(contact: BareJid, item: string): void {
    const { kept } = this.#context;
    const subscription = subscriptionIn(item);
    if (subscription === 'remove') {
      this.#items.delete(contact);
      kept.remove('roster', contact);
    } else {
      this.#items.set(detached(contact), item);
      kept.put('roster', contact, item);
    }
    this.#tell(item);
    this.onChange(contact, subscription);
  }

  #tell(item: string): void {
    this.#ownVersion = undefined;
    const { interested } = this.#context.clients;
    if (!this.#known || interested.length === 0) return;
    const id = `roster${(this.#nextPush++).toString(36)}-${Date.now().toString(36)}`;
    const push = queryAround(item, this.#version());
    this.#context.outlet.deliver(interested, iqAround(push, { type: 'set', id, from: this.#context.account }));
  }

  #setServerVersion(ver: unknown): void {
    if (typeof ver !== 'string' || ver === this.#serverVersion) return;
    this.#serverVersion = detached(ver);
    this.#context.kept.put('meta', 'roster-version', ver);
  }

  /** Root's item is ours: name and groups are kept here, it cannot be removed. Undefined: not about root. */
  setRoot(request: Stanza): Stanza | undefined {
    const items = elements(firstElement(request.tree)!).filter(({ name }) => name === 'item');
    if (items.length !== 1 || readJid(items[0]!.attrs.jid) !== this.#context.settings.root) return undefined;
    if (items[0]!.attrs.subscription === 'remove') throw new StanzaError('not-allowed', 'root stays in every roster');
    const item = clone(items[0]!);
    item.attrs.subscription = 'both';
    delete item.attrs.ask;
    this.#rootItem = itemText(item);
    this.#context.kept.put('meta', 'roster-root', this.#rootItem);
    this.#tell(this.#rootItem);
    return resultOf(request);
  }

  close(): void {
    for (const { timer } of this.#waiting.splice(0)) clearTimeout(timer);
  }
}

/** With a prepared address and nothing between its elements: comparable. */
function itemText(item: Element): string {
  const own = { xmlns: NS.roster, jid: readJid(item.attrs.jid)! };
  return detached(serialize(xml('item', { ...own, ...item.attrs, ...own }, ...elements(item).map(clone))));
}

const removal = (contact: BareJid): string => itemText(xml('item', { jid: contact, subscription: 'remove' }));

/** In the start tag no other attribute's value has a quotation mark in it, or a closing bracket. */
const subscriptionIn = (item: string): Subscription =>
  (/^<item[^>]* subscription="(\w+)"/.exec(item)?.[1] ?? 'none') as Subscription;

const queryAround = (items: string, ver: string | undefined): string =>
  `<query xmlns="${NS.roster}"${ver === undefined ? '' : ` ver="${escapeAttribute(ver)}"`}>${items}</query>`;

const timedOut = (request: Stanza): Stanza =>
  Stanza.of(
    xml(
      'iq',
      { type: 'error', id: request.id, from: request.to },
      new StanzaError('remote-server-timeout', 'The server is not reachable and no roster is kept yet').toElement(),
    ),
  );
