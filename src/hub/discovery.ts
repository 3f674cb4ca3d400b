/**
 * What the account's server offers (XEP-0030), kept: apps ask all of it at each login, and some wait for it. Asked anew at
 * each new session upstream; until that answers, and while the server is away, what was known holds.
 */
import { RecentMap } from '../wire/bounded.ts';
import { type BareJid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { Stanza } from '../wire/stanza.ts';
import { clone, detached, type Element, serialize, xml } from '../wire/xml.ts';
import type { Context } from './context.ts';

type Ask = (to: string, payload: Element, done: (response?: Stanza) => void) => void;

/** Services of a server that are asked and kept, and the longest answer that is. */
const mostItems = 20;
const longest = 65_536;

/** Answers of usual length are the same for most accounts of a server: one text for all hubs of a thread. */
const texts = new RecentMap<string, string>(300);
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
  readonly #hasArchive: boolean;
  /** Namespace and address → the result's payload as text. */
  readonly #kept = new Map<string, string>();

  /** `withArchive`: the account has its archive with us. */
  constructor(context: Context, ask: Ask, { withArchive }: { withArchive: boolean }) {
    this.#context = context;
    this.#ask = ask;
    this.#hasArchive = withArchive;
  }

  async load(): Promise<void> {
    for (const { key, value } of await this.#context.kept.read('meta'))
      if (key.startsWith(prefix)) this.#kept.set(detached(key), shared(value));
  }

  /** Did the server say that it offers that, when it was asked last? */
  offers(feature: string): boolean {
    return this.#kept.get(keyOf(NS.discoInfo, this.#context.server))?.includes(`var="${feature}"`) === true;
  }

  /** The answer to a client's question about the server, its services or the account; undefined where only they know. */
  answer(request: Stanza, payload: Element): Element | undefined {
    const ns = payload.attrs.xmlns as string;
    if (request.type !== 'get' || payload.name !== 'query' || payload.attrs.node) return undefined;
    const to = request.to ?? this.#context.account;
    const known = this.#kept.get(keyOf(ns, to));
    if (known === undefined) return undefined;
    return this.#complete(to, parseElement(known));
  }

  /** The server's own answer to such a question, with what we offer. */
  completed(request: Stanza, response: Stanza): Stanza {
    const to = request.to ?? this.#context.account;
    const info = response.tree.getChild('query', NS.discoInfo);
    if (response.type !== 'result' || info === undefined || info.attrs.node) return response;
    const tree = clone(response.tree);
    this.#complete(to, tree.getChild('query', NS.discoInfo)!);
    return Stanza.of(tree);
  }

  /** `result` is changed. */
  #complete(to: string, result: Element): Element {
    if (result.attrs.xmlns !== NS.discoInfo) return result;
    if (to === this.#context.server) return offer(result, [NS.carbons]); // whether the server does or not (XEP-0280)
    return to === this.#context.account && this.#hasArchive ? withArchive(result) : result;
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

/** XEP-0313 §7: our archive, and nothing of the server's. XEP-0490 §4.4: what has to be published with options can be. */
const archiveFeatures: readonly string[] = [
  NS.mam,
  `${NS.mam}#extended`,
  `${NS.mam}#groupchat-field`,
  `${NS.mam}#groupchat-available`,
  NS.fulltext,
  NS.rsm,
  NS.sid,
];

function withArchive(info: Element): Element {
  const isServers = (child: Element | string): boolean =>
    typeof child !== 'string' && child.name === 'feature' && /^urn:xmpp:mam:/.test(child.attrs.var ?? '');
  info.children = info.children.filter((child) => !isServers(child));
  const mayPublish = info.getChildren('feature').some(({ attrs }) => attrs.var === NS.publishOptions);
  return offer(info, mayPublish ? [...archiveFeatures, NS.displayedAssist] : archiveFeatures);
}

/** With these features, each once. */
function offer(info: Element, features: readonly string[]): Element {
  const there = new Set(info.getChildren('feature').map(({ attrs }) => attrs.var));
  for (const feature of features) if (!there.has(feature)) info.append(xml('feature', { var: feature }));
  return info;
}
