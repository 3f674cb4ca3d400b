/** One side of a conversation: what has come to it, and how a test waits for what should come. */
import { NS } from '../../src/wire/ns.ts';
import { parseElement } from '../../src/wire/parser.ts';
import { isStanzaName } from '../../src/wire/stanza.ts';
import { type Element, type Node, serialize, xml } from '../../src/wire/xml.ts';
import { within } from './process.ts';

export type Predicate = (element: Element) => boolean;

interface Waiter {
  takes: Predicate;
  resolve(element: Element): void;
  reject(reason: Error): void;
}

let count = 0;
/** A stanza id that no other stanza of this process has. */
export const freshId = (): string => `t${++count}`;

/** What a raw and a slixmpp client have in common. */
export abstract class Party {
  /** Own full address, once bound. */
  jid = '';
  /** Every stanza that came, oldest first. */
  readonly all: Element[] = [];
  /** Sees every stanza when it comes. */
  witness: ((stanza: Element) => void) | undefined;
  #inbox: Element[] = [];
  readonly #waiters: Waiter[] = [];
  #ended: Error | undefined;

  /** XML text, whole stanzas. */
  abstract send(xml: string): void;

  get bare(): string {
    return this.jid.split('/')[0]!;
  }

  get domain(): string {
    return this.bare.slice(this.bare.indexOf('@') + 1);
  }

  /** Takes the oldest element that fits, of those that no other call took; waits for it if it has not come. */
  received(takes: Predicate, options: { within?: number; what?: string } = {}): Promise<Element> {
    const at = this.#inbox.findIndex(takes);
    if (at >= 0) return Promise.resolve(this.#inbox.splice(at, 1)[0]!);
    if (this.#ended) return Promise.reject(this.#ended);
    let waiter: Waiter;
    const found = new Promise<Element>((resolve, reject) => {
      waiter = { takes, resolve, reject };
      this.#waiters.push(waiter);
    });
    const words = () => `${this.jid || 'stream'} did not receive ${options.what ?? takes}; it has ${this.#untaken()}`;
    return within(options.within ?? 15_000, words, found).finally(() => this.#drop(waiter));
  }

  /** The next stanza, whatever it is. */
  next(options: { within?: number; what?: string } = {}): Promise<Element> {
    return this.received(() => true, { what: 'anything', ...options });
  }

  /** What has come and no call took; they are taken by this. */
  rest(): Element[] {
    const rest = this.#inbox;
    this.#inbox = [];
    return rest;
  }

  /** A request; resolves with the answer, be it result or error. */
  async iq(type: 'get' | 'set', to: string | undefined, payload: Node, id = freshId()): Promise<Element> {
    this.send(serialize(xml('iq', { type, id, to }, payload)));
    return this.received(isAnswer(id));
  }

  /**
   * A barrier: what was sent to us, before the far side handles this ping, has come when it resolves. Without an
   * address the server or proxy answers; with a peer's full address it goes all the way and back.
   */
  async roundtrip(to: string = this.domain): Promise<void> {
    await this.iq('get', to, xml('ping', NS.ping));
  }

  message(to: string, body: string, ...more: Node[]): string {
    const id = freshId();
    this.send(serialize(xml('message', { to, id, type: 'chat' }, xml('body', {}, body), ...more)));
    return id;
  }

  /** Bodies of the chat messages that came as themselves (no carbons), in order; delayed ones too. */
  bodies(from?: string): string[] {
    const found = this.all.filter(isMessage({ from }));
    return found.map((message) => message.getChildText('body') ?? '').filter((body) => body !== '');
  }

  /** By the side that reads: one more element of the first level. */
  protected take(element: Element): void {
    if (isStanzaName(element.name)) {
      this.all.push(element);
      this.witness?.(element);
    }
    const at = this.#waiters.findIndex(({ takes }) => takes(element));
    if (at >= 0) this.#waiters.splice(at, 1)[0]!.resolve(element);
    else this.#inbox.push(element);
  }

  protected takeText(text: string): void {
    this.take(parseElement(text));
  }

  /** Nothing more will come: whoever waits is told. */
  protected end(reason: Error): void {
    this.#ended = reason;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }

  protected reopened(): void {
    this.#ended = undefined;
  }

  #drop(waiter: Waiter): void {
    const at = this.#waiters.indexOf(waiter);
    if (at >= 0) this.#waiters.splice(at, 1);
  }

  #untaken(): string {
    return this.#inbox.length === 0 ? 'nothing' : `\n${this.#inbox.slice(-20).map(serialize).join('\n')}`;
  }
}

/** A predicate that says in words what it looks for. */
const wordy = (what: string, takes: Predicate): Predicate => Object.assign(takes, { toString: () => what });

const isFrom = (element: Element, from: string | undefined): boolean =>
  from === undefined || element.attrs.from === from || (element.attrs.from?.startsWith(`${from}/`) ?? false);

export const isAnswer = (id: string): Predicate =>
  wordy(
    `the answer to ${id}`,
    ({ name, attrs }) => name === 'iq' && attrs.id === id && (attrs.type === 'result' || attrs.type === 'error'),
  );

/** A message as it is itself, with that body, sender (bare or full) or id. */
export const isMessage = (wanted: { body?: string; from?: string | undefined; id?: string }): Predicate =>
  wordy(
    `a message ${JSON.stringify(wanted)}`,
    (element) =>
      element.name === 'message' &&
      (wanted.body === undefined || element.getChildText('body') === wanted.body) &&
      (wanted.id === undefined || element.attrs.id === wanted.id) &&
      isFrom(element, wanted.from),
  );

/** Presence of that type (null: available) from that address, bare or full. */
export const isPresence = (wanted: { from?: string; type?: string | null }): Predicate =>
  wordy(
    `presence ${JSON.stringify(wanted)}`,
    (element) =>
      element.name === 'presence' &&
      (wanted.type === undefined || (element.attrs.type ?? null) === wanted.type) &&
      isFrom(element, wanted.from),
  );

/** The forwarded message inside a carbon (XEP-0280), where it is one. */
export function carbon(element: Element, direction: 'sent' | 'received'): Element | undefined {
  return element.getChild(direction, NS.carbons)?.getChild('forwarded', NS.forward)?.getChild('message');
}
