/** A small XMPP client that sends what it is told and nothing else, but for the answers it is told to give. */
import { NS } from '../../src/wire/ns.ts';
import { type Element, escapeText, firstElement, serialize, xml } from '../../src/wire/xml.ts';
import { freshId, isAnswer } from './party.ts';
import { type Endpoint, RawStream } from './raw-stream.ts';
import { type Binding, scram } from './scram.ts';

export type { Endpoint } from './raw-stream.ts';

type Scram = 'SCRAM-SHA-1' | 'SCRAM-SHA-256';
export type Mechanism = 'PLAIN' | Scram;
export type PlusMechanism = `${Scram}-PLUS`;

export interface Login extends Endpoint {
  /** Bare. */
  jid: string;
  password: string;
  mechanism?: Mechanism | PlusMechanism;
  /** Asked for at bind; without it the server chooses. */
  resource?: string;
}

/** SASL said no (RFC 6120 §6.5). */
export class LoginFailure extends Error {
  readonly condition: string;
  constructor(condition: string) {
    super(`login failed: ${condition}`);
    this.condition = condition;
  }
}

/** One stream; `open`, `authenticate` and `bind` are its steps, `login` all of them. */
export class RawClient extends RawStream {
  /** What this client says of itself to disco#info, once `available` was given them. */
  interests: readonly string[] = [];
  /** XEP-0198: stanzas handled since `<enabled/>`, and what to resume with. */
  sm: { id: string; handled: number } | undefined;
  /** False: what comes from now on is neither counted nor acknowledged, as if this client had died. */
  acknowledges = true;
  /** Connects, with TLS as asked, up to the features before SASL. */
  static async open(to: string, endpoint: Endpoint): Promise<RawClient> {
    const client = new RawClient(to, endpoint);
    await client.connect();
    return client;
  }

  get mechanisms(): string[] {
    const offered = this.features.getChild('mechanisms', NS.sasl)?.getChildren('mechanism') ?? [];
    return offered.map((mechanism) => mechanism.getText());
  }

  /** Channel binding types as offered (XEP-0440). */
  get bindings(): string[] {
    const offered =
      this.features.getChild('sasl-channel-binding', NS.saslBinding)?.getChildren('channel-binding') ?? [];
    return offered.map(({ attrs }) => attrs.type!);
  }

  /**
   * SASL (RFC 6120 §6); throws LoginFailure, after which another attempt may be made. `binding`: of SCRAM, the best of the
   * offered ones where it is left out.
   */
  async authenticate(
    user: string,
    password: string,
    mechanism: Mechanism | PlusMechanism = 'PLAIN',
    { authzid = '', binding = this.#bestBinding(mechanism) }: { authzid?: string; binding?: Binding | 'n' | 'y' } = {},
  ): Promise<void> {
    const hash = mechanism.startsWith('SCRAM-SHA-256') ? 'sha256' : 'sha1';
    const exchange = mechanism === 'PLAIN' ? undefined : scram(hash, user, password, binding);
    const first = exchange?.first ?? `${authzid}\0${user}\0${password}`;
    this.send(`<auth xmlns="${NS.sasl}" mechanism="${mechanism}">${base64(first)}</auth>`);
    let answer = await this.#sasl();
    if (exchange && answer.name === 'challenge') {
      this.send(`<response xmlns="${NS.sasl}">${base64(exchange.final(text(answer)))}</response>`);
      answer = await this.#sasl();
      if (answer.name === 'challenge') {
        exchange.verify(text(answer));
        this.send(`<response xmlns="${NS.sasl}"/>`);
        answer = await this.#sasl();
      } else if (answer.name === 'success') exchange.verify(text(answer));
    }
    if (answer.name !== 'success') throw new LoginFailure(firstElement(answer)?.name ?? 'no condition');
    await this.restart();
  }

  #bestBinding(mechanism: string): Binding | 'n' {
    const [best] = [...this.bindings].sort();
    return mechanism.endsWith('-PLUS') && best !== undefined ? this.binding(best) : 'n';
  }

  #sasl(): Promise<Element> {
    return this.received(({ attrs }) => attrs.xmlns === NS.sasl, { what: 'the answer of SASL', within: 30_000 });
  }

  /** Resource binding (RFC 6120 §7). */
  async bind(resource?: string): Promise<string> {
    const wish = resource === undefined ? undefined : xml('resource', {}, resource);
    const answer = await this.iq('set', undefined, xml('bind', NS.bind, wish));
    const jid = answer.getChild('bind', NS.bind)?.getChildText('jid');
    if (!jid) throw new Error(`bind failed: ${serialize(answer)}`);
    this.jid = jid;
    return jid;
  }

  /** XEP-0198 §3, with resumption. */
  async enableSm(): Promise<void> {
    this.send(`<enable xmlns="${NS.sm}" resume="true"/>`);
    const answer = await this.received(({ attrs, name }) => attrs.xmlns === NS.sm && name !== 'r' && name !== 'a');
    if (answer.name !== 'enabled') throw new Error(`XEP-0198 refused: ${serialize(answer)}`);
    this.sm = { id: answer.attrs.id ?? '', handled: this.sm?.handled ?? 0 };
  }

  /** XEP-0198 §5, in place of `bind`; gives `<resumed/>` or `<failed/>`. */
  async resume(before: RawClient): Promise<Element> {
    this.sm = before.sm!;
    this.jid = before.jid;
    this.send(`<resume xmlns="${NS.sm}" previd="${this.sm.id}" h="${this.sm.handled}"/>`);
    return this.received(({ name }) => name === 'resumed' || name === 'failed', { what: 'the answer to <resume/>' });
  }

  /** Resolves when the other side says that it has handled that many of our stanzas (XEP-0198 §4). */
  async acknowledged(count: number): Promise<void> {
    this.send(`<r xmlns="${NS.sm}"/>`);
    const enough = ({ name, attrs }: Element) => name === 'a' && attrs.xmlns === NS.sm && Number(attrs.h) >= count;
    await this.received(enough, { what: `<a/> with h of at least ${count}` });
  }

  protected override element(element: Element): void {
    if (element.attrs.xmlns === NS.sm && element.name === 'r') {
      if (this.acknowledges) this.send(`<a xmlns="${NS.sm}" h="${this.sm?.handled ?? 0}"/>`);
      return;
    }
    if (element.attrs.xmlns === NS.sm && element.name === 'enabled') this.sm = { id: '', handled: 0 };
    else if (this.sm && this.acknowledges && ['message', 'presence', 'iq'].includes(element.name)) this.sm.handled += 1;
    if (!this.#answers(element)) super.element(element);
  }

  /** A client that is alive answers pings, and questions about its features. */
  #answers({ name, attrs, children }: Element): boolean {
    const payload = children.find((child): child is Element => typeof child !== 'string');
    if (name !== 'iq' || attrs.type !== 'get' || payload === undefined) return false;
    const addresses = { type: 'result', id: attrs.id, to: attrs.from };
    if (payload.name === 'ping') this.send(serialize(xml('iq', addresses)));
    else if (payload.attrs.xmlns === NS.discoInfo && this.interests.length > 0)
      this.send(serialize(xml('iq', addresses, aboutClient(this.interests, payload.attrs.node))));
    else return false;
    return true;
  }
}

function aboutClient(features: readonly string[], node: string | undefined): Element {
  const identity = xml('identity', { category: 'client', type: 'pc', name: 'test' });
  return xml(
    'query',
    { xmlns: NS.discoInfo, node },
    identity,
    ...features.map((feature) => xml('feature', { var: feature })),
  );
}

const base64 = (plain: string): string => Buffer.from(plain).toString('base64');
const text = (element: Element): string => Buffer.from(element.getText(), 'base64').toString();

/** All steps up to a bound resource. */
export async function login({ jid, password, mechanism, resource, ...endpoint }: Login): Promise<RawClient> {
  const [user, domain] = jid.split('@') as [string, string];
  const client = await RawClient.open(domain, endpoint);
  await client.authenticate(user, password, mechanism);
  await client.bind(resource);
  return client;
}

/** In-band registration (XEP-0077) before login. */
export async function register({ jid, password, ...endpoint }: Login): Promise<void> {
  const [user, domain] = jid.split('@') as [string, string];
  const client = await RawClient.open(domain, endpoint);
  const id = freshId();
  client.send(
    `<iq type="set" id="${id}" to="${domain}"><query xmlns="${NS.register}"><username>${escapeText(user)}</username><password>${escapeText(password)}</password></query></iq>`,
  );
  const answer = await client.received(isAnswer(id));
  if (answer.attrs.type !== 'result') throw new Error(`cannot register ${jid}: ${serialize(answer)}`);
  await client.close();
}
