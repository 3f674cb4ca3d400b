/** What the clients can do (XEP-0115): learned from each, announced as one, events filtered on the way back. */
import { randomBytes } from 'node:crypto';
import { RecentMap } from '../wire/bounded.ts';
import { NS } from '../wire/ns.ts';
import { Stanza } from '../wire/stanza.ts';
import { firstElement, xml } from '../wire/xml.ts';
import { capsHash, featuresOf, type Info, verifyCaps } from '../xep/disco.ts';
import { capsNode } from './aggregate.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';

/** Features by verified hash: the same for all clients of a kind, so for all hubs of a thread. */
const known = new RecentMap<string, ReadonlySet<string>>(500);

/** What the proxy itself answers for the core session, whatever clients there are. */
const ownFeatures: readonly string[] = [NS.caps, NS.discoInfo, NS.ping, NS.version, NS.time, NS.last];

export class Capabilities {
  readonly #context: Context;
  /** Our questions to clients: id → what was asked. */
  readonly #asked = new Map<string, { sid: number; key: string; hash: string | undefined }>();
  /** A late answer to a hub before this one shall not be taken for one to this. */
  readonly #run = randomBytes(4).toString('hex');
  #next = 0;
  /** Told when a client's features have become known. */
  onLearned: (client: Client) => void = () => {};

  constructor(context: Context) {
    this.#context = context;
  }

  /** A client's presence may name what it can do; asks it where that is new. */
  fromPresence(client: Client, presence: Stanza): void {
    const caps = presence.tree.getChild('c', NS.caps)?.attrs as
      | { node?: string; ver?: string; hash?: string }
      | undefined;
    if (caps?.node === undefined || caps.ver === undefined) return;
    const key = `${caps.hash ?? ''} ${caps.node}#${caps.ver}`;
    // what it could do before is not worth an answer any more
    for (const [id, asked] of this.#asked) if (asked.sid === client.sid && asked.key !== key) this.#asked.delete(id);
    const features = known.get(key);
    if (features !== undefined) return this.#learn(client, features);
    if ([...this.#asked.values()].some((asked) => asked.sid === client.sid)) return;
    const id = `caps${this.#next++}-${this.#run}`;
    const hash = caps.hash === 'sha-1' ? caps.ver : undefined;
    this.#asked.set(id, { sid: client.sid, key, hash });
    const query = xml('query', { xmlns: NS.discoInfo, node: `${caps.node}#${caps.ver}` });
    this.#context.outlet.deliver(
      [client.sid],
      Stanza.of(xml('iq', { type: 'get', id, from: this.#context.account }, query)),
    );
  }

  /** True if that response was to a question of ours. */
  takes(client: Client, response: Stanza): boolean {
    const asked = response.id === undefined ? undefined : this.#asked.get(response.id);
    if (asked === undefined || asked.sid !== client.sid) return false;
    this.#asked.delete(response.id!);
    const query = firstElement(response.tree);
    if (response.type !== 'result' || query?.getNS() !== NS.discoInfo) return true;
    const features = new Set(featuresOf(query));
    // only what the hash vouches for serves other clients too (XEP-0115 §9.1: poisoning)
    if (asked.hash !== undefined && verifyCaps(query, asked.hash)) known.set(asked.key, features);
    this.#learn(client, features);
    return true;
  }

  #learn(client: Client, learned: ReadonlySet<string>): void {
    const features = client.usable(learned);
    if (client.features === features) return;
    client.features = features;
    this.onLearned(client);
  }

  gone(sid: number): void {
    for (const [id, asked] of this.#asked) if (asked.sid === sid) this.#asked.delete(id);
  }

  /** Our one answer to disco#info: the union. */
  own(): Info {
    const features = new Set<string>(ownFeatures);
    for (const client of this.#context.clients.all())
      if (client.presence !== undefined) for (const feature of client.features) features.add(feature);
    return { identities: [{ category: 'client', type: 'pc', name: 'xmpproxy' }], features: [...features].sort() };
  }

  isOwnNode(node: string): boolean {
    return node === `${capsNode}#${capsHash(this.own())}`;
  }

  /** Who wants events of that PEP node (XEP-0163 §4.3). */
  wanting(node: string): Client[] {
    return [...this.#context.clients.all()].filter(
      ({ presence, features }) => presence !== undefined && features.has(`${node}+notify`),
    );
  }
}

/** The PEP nodes a client wants. */
export const wantedNodes = (client: Client): string[] =>
  [...client.features].filter((feature) => feature.endsWith('+notify')).map((feature) => feature.slice(0, -7));
