/** A small XMPP client that sends what it is told and nothing else, but for the answers it is told to give. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { NS } from '../../src/wire/ns.ts';
import { StreamParser } from '../../src/wire/parser.ts';
import { type Element, escapeText, firstElement, serialize, xml } from '../../src/wire/xml.ts';
import { freshId, isAnswer, Party } from './party.ts';
import { within } from './process.ts';
import { type Binding, scram } from './scram.ts';

export type Security = 'starttls' | 'direct' | 'none';
type Scram = 'SCRAM-SHA-1' | 'SCRAM-SHA-256';
export type Mechanism = 'PLAIN' | Scram;
export type PlusMechanism = `${Scram}-PLUS`;

export interface Endpoint {
  host: string;
  port: number;
  security?: Security;
  /** PEM file; without it any certificate will do. */
  ca?: string | undefined;
  maxVersion?: 'TLSv1.2';
}

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

const limits = { bytes: 16 * 1024 * 1024, depth: 200, attributes: 200 };

/** One stream; `open`, `authenticate` and `bind` are its steps, `login` all of them. */
export class RawClient extends Party {
  /** Stream features as last offered. */
  features: Element = xml('features');
  /** What this client says of itself to disco#info, once `available` was given them. */
  interests: readonly string[] = [];
  /** XEP-0198: stanzas handled since `<enabled/>`, and what to resume with. */
  sm: { id: string; handled: number } | undefined;
  /** False: what comes from now on is neither counted nor acknowledged, as if this client had died. */
  acknowledges = true;
  /** TLS as negotiated. */
  tls: { protocol: string | null; alpn: string | false | null; fingerprint: string } | undefined;
  readonly #to: string;
  readonly #endpoint: Endpoint;
  #socket!: Socket;
  #parser!: StreamParser;
  #closed: Promise<void> = Promise.resolve();

  constructor(to: string, endpoint: Endpoint) {
    super();
    this.#to = to;
    this.#endpoint = endpoint;
  }

  /** Connects, with TLS as asked, up to the features before SASL. */
  static async open(to: string, endpoint: Endpoint): Promise<RawClient> {
    const client = new RawClient(to, endpoint);
    await client.#open();
    return client;
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return within(15_000, () => `${this.jid}: the connection stays open`, this.#closed);
  }

  async #open(): Promise<void> {
    const { host, port, security = 'starttls' } = this.#endpoint;
    const direct = security === 'direct';
    const socket = direct
      ? connectTls({ host, port, ...this.#tlsOptions(), ALPNProtocols: ['xmpp-client'] })
      : connectTcp(port, host);
    await this.#ready(socket, direct ? 'secureConnect' : 'connect');
    await this.restart();
    if (security === 'starttls') await this.#startTls();
  }

  #tlsOptions() {
    const { ca, maxVersion } = this.#endpoint;
    const trust = { rejectUnauthorized: ca !== undefined, ...(ca && { ca: readFileSync(ca) }) };
    return { servername: this.#to, ...trust, ...(maxVersion && { maxVersion }) };
  }

  async #ready(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
    const made = new Promise<void>((resolve, reject) => socket.once(event, resolve).once('error', reject));
    await within(15_000, () => `no ${event} to port ${this.#endpoint.port}`, made);
    this.#socket = socket.setNoDelay(true).unref(); // every wait has a timer that keeps the process
    socket.removeAllListeners('error').on('error', (error) => this.end(error));
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.once('close', () => this.end(new Error(`${this.jid || 'stream'}: the connection is closed`)));
    socket.on('data', (chunk) => this.#read(chunk));
    if ('getProtocol' in socket) {
      const secured = socket as TLSSocket;
      const fingerprint = secured.getPeerCertificate().fingerprint256?.replaceAll(':', '').toLowerCase() ?? '';
      this.tls = { protocol: secured.getProtocol(), alpn: secured.alpnProtocol, fingerprint };
    }
  }

  #read(chunk: Buffer): void {
    try {
      this.#parser.write(chunk);
    } catch (error) {
      this.end(error as Error);
      this.#socket.destroy();
    }
  }

  async #startTls(): Promise<void> {
    this.send('<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>');
    const answer = await this.received((element) => element.attrs.xmlns === NS.tls);
    if (answer.name !== 'proceed') throw new Error(`STARTTLS refused: ${serialize(answer)}`);
    const plain = this.#socket;
    plain.removeAllListeners('data').removeAllListeners('close').removeAllListeners('error');
    await this.#ready(connectTls({ socket: plain, ...this.#tlsOptions() }), 'secureConnect');
    await this.restart();
  }

  /** A new stream header, and the features that answer it (RFC 6120 §4.3.3). */
  async restart(): Promise<void> {
    this.#parser = new StreamParser(
      { open() {}, element: (element) => this.#element(element), close: () => this.#socket.end() },
      limits,
    );
    this.send(
      `<?xml version="1.0"?><stream:stream to="${this.#to}" version="1.0" xmlns="jabber:client" xmlns:stream="${NS.stream}">`,
    );
    const answer = await this.received(({ attrs }) => attrs.xmlns === NS.stream, { what: 'stream features' });
    if (answer.name !== 'features') throw new Error(`the stream is refused: ${serialize(answer)}`);
    this.features = answer;
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

  /** The binding of that type (RFC 9266; RFC 5929 §4 for a certificate that is signed with SHA-256). */
  binding(type: string): Binding {
    const tls = this.#socket as TLSSocket;
    const certificate = () => createHash('sha256').update(tls.getPeerCertificate().raw).digest();
    const exported = () => tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    return { type, data: type === 'tls-exporter' ? exported() : certificate() };
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

  send(text: string): void {
    this.#socket.write(text);
  }

  /** As the network does it: no closing tag, no TLS alert. */
  cut(): void {
    this.#socket.destroy();
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    this.#socket.end('</stream:stream>');
    const timer = setTimeout(() => this.#socket.destroy(), 2000);
    await this.#closed;
    clearTimeout(timer);
  }

  #element(element: Element): void {
    if (element.attrs.xmlns === NS.sm && element.name === 'r') {
      if (this.acknowledges) this.send(`<a xmlns="${NS.sm}" h="${this.sm?.handled ?? 0}"/>`);
      return;
    }
    if (element.attrs.xmlns === NS.sm && element.name === 'enabled') this.sm = { id: '', handled: 0 };
    else if (this.sm && this.acknowledges && ['message', 'presence', 'iq'].includes(element.name)) this.sm.handled += 1;
    if (!this.#answers(element)) this.take(element);
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
