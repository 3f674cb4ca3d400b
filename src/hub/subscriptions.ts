/** Subscription requests and answers (RFC 6121 §3): a request is kept until it is answered, here or elsewhere. */
import { type BareJid, bare, type Jid } from '../wire/jid.ts';
import { parseElement } from '../wire/parser.ts';
import { Stanza } from '../wire/stanza.ts';
import { xml } from '../wire/xml.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import type { Subscription } from './roster.ts';

/** Anybody can ask: so many requests are kept, and of one so many characters. */
const most = { requests: 1000, characters: 16_384 };

export const isSubscription = (type: string | undefined): boolean =>
  type === 'subscribe' || type === 'subscribed' || type === 'unsubscribe' || type === 'unsubscribed';

export class Subscriptions {
  readonly #context: Context;
  readonly #requests = new Map<BareJid, Stanza>();

  constructor(context: Context) {
    this.#context = context;
  }

  async load(): Promise<void> {
    for (const { key, value } of await this.#context.kept.read('subscription'))
      this.#requests.set(key as BareJid, Stanza.of(parseElement(value)));
  }

  fromContact(presence: Stanza): void {
    if (presence.from === undefined) return;
    const contact = bare(presence.from as Jid);
    const { outlet, clients } = this.#context;
    if (presence.type === 'subscribe') {
      if (this.#accepts(contact)) return;
      const request = presence.readdress({ from: contact });
      if (this.#requests.has(contact) || this.#requests.size < most.requests) this.#keep(contact, request);
      return outlet.deliver(clients.available, request);
    }
    if (presence.type === 'unsubscribe') this.#settle(contact);
    outlet.deliver(clients.interested, presence);
  }

  /** What the account answers for has to know when it is there: no person is asked. */
  #accepts(contact: BareJid): boolean {
    const { account, settings, up } = this.#context;
    if (settings.services?.[account]?.includes(contact) !== true) return false;
    up.send(Stanza.of(xml('presence', { type: 'subscribed', to: contact })).toString());
    return true;
  }

  /** Settings have changed. */
  review(): void {
    for (const contact of [...this.#requests.keys()]) if (this.#accepts(contact)) this.#settle(contact);
  }

  #keep(contact: BareJid, request: Stanza): void {
    const isLong = request.rest.length > most.characters;
    const kept = isLong ? Stanza.of(xml('presence', { type: 'subscribe', from: contact })) : request;
    this.#requests.set(contact, kept);
    this.#context.kept.put('subscription', contact, kept.toString());
  }

  /** A client's initial presence (RFC 6121 §3.1.3). */
  welcome(client: Client): void {
    for (const request of this.#requests.values()) this.#context.outlet.deliver([client.sid], request);
  }

  /** A client answers. */
  answered(contact: BareJid, type: string): void {
    if (type === 'subscribed' || type === 'unsubscribed') this.#settle(contact);
  }

  /** The server says how things stand: somebody answered elsewhere. */
  changed(contact: BareJid, subscription: Subscription): void {
    if (subscription === 'from' || subscription === 'both') this.#settle(contact);
  }

  #settle(contact: BareJid): void {
    if (this.#requests.delete(contact)) this.#context.kept.remove('subscription', contact);
  }
}
