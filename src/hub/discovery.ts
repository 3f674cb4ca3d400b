/**
 * What the account's server offers (XEP-0030), kept: apps ask all of it at each login, and some wait for it. Asked anew at
 * each new session upstream; until that answers, and while the server is away, what was known holds.
 */
import { type BareJid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import type { Stanza } from '../wire/stanza.ts';
import { detached, type Element, serialize, xml } from '../wire/xml.ts';
import { BoundedMap } from './bounded.ts';
import type { Context } from './context.ts';

type Ask = (to: string, payload: Element, done: (response?: Stanza) => void) => void;

/** Services of a server that are asked and kept, and the longest answer that is. */
const mostItems = 20;
const longest = 65_536;

/** Answers of usual length are the same for most accounts of a server: one text for all hubs of a thread. */
const texts = new BoundedMap<string, string>(300);
const usual = 16_384;

function shared(text: string): string {
  if (text.length > usual) return text;
  const one = texts.get(text) ?? text;
  texts.set(one, one); // newest again
  return one;
}

const prefix = 'disco ';
const keyOf = (ns: string, to: string): string => `${prefix}${ns} ${to}`;

export class Discovery {
  readonly #context: Context;
  readonly #ask: Ask;
  /** Namespace and address → the result's payload as text. */
  readonly #kept = new Map<string, string>();

  constructor(context: Context, ask: Ask) {
    this.#context = context;
    this.#ask = ask;
  }

  async load(): Promise<void> {
    for (const { key, value } of await this.#context.kept.read('meta'))
      if (key.startsWith(prefix)) this.#kept.set(detached(key), shared(value));
  }

  /** The answer to a client's question about the server, its services or the account; undefined where only they know. */
  answer(request: Stanza, payload: Element): Element | undefined {
    const ns = payload.attrs.xmlns as string;
    if (request.type !== 'get' || payload.name !== 'query' || payload.attrs.node) return undefined;
    const to = request.to ?? this.#context.account;
    const known = this.#kept.get(keyOf(ns, to));
    if (known === undefined) return undefined;
    const result = parseElement(known);
    return to === this.#context.server && ns === NS.discoInfo ? withCarbons(result) : result;
  }

  /** A new session upstream: everything is asked again. */
  renewed(): void {
    const { server, account } = this.#context;
    this.#learn(server, NS.discoInfo);
    this.#learn(account, NS.discoInfo);
    this.#learn(server, NS.discoItems, (items) => {
      for (const service of servicesIn(items)) this.#learn(service, NS.discoInfo);
    });
  }

  #learn(to: BareJid, ns: string, learned: (payload: Element) => void = () => {}): void {
    this.#ask(to, xml('query', ns), (response) => {
      if (response === undefined) return;
      const payload = response.type === 'result' ? response.tree.getChild('query', ns) : undefined;
      if (payload === undefined) return this.#drop(keyOf(ns, to));
      this.#keep(keyOf(ns, to), payload);
      learned(payload);
    });
  }

  #keep(key: string, payload: Element): void {
    const text = detached(serialize(payload));
    if (text.length > longest) return this.#drop(key);
    if (this.#kept.get(key) === text) return;
    this.#kept.set(detached(key), shared(text));
    this.#context.kept.put('meta', key, text);
  }

  #drop(key: string): void {
    if (this.#kept.delete(key)) this.#context.kept.remove('meta', key);
  }
}

/** Addresses of the server's services; what has a node or is somebody else's is left to the app. */
function servicesIn(items: Element): BareJid[] {
  const services = items
    .getChildren('item')
    .filter(({ attrs }) => attrs.node === undefined)
    .map(({ attrs }) => readJid(attrs.jid))
    .filter((jid): jid is BareJid => jid !== undefined && !jid.includes('@') && !jid.includes('/'));
  return services.slice(0, mostItems);
}

/** We offer carbons (XEP-0280) whether the server does or not. */
function withCarbons(info: Element): Element {
  if (!info.getChildren('feature').some(({ attrs }) => attrs.var === NS.carbons))
    info.append(xml('feature', { var: NS.carbons }));
  return info;
}
