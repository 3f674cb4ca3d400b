/** The stream of a raw client: its socket, TLS, headers and features. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { NS } from '../../src/wire/ns.ts';
import { StreamParser } from '../../src/wire/parser.ts';
import { type Element, serialize, xml } from '../../src/wire/xml.ts';
import { Party } from './party.ts';
import { within } from './process.ts';
import type { Binding } from './scram.ts';

export type Security = 'starttls' | 'direct' | 'none';

export interface Endpoint {
  host: string;
  port: number;
  security?: Security;
  /** PEM file; without it any certificate will do. */
  ca?: string | undefined;
  maxVersion?: 'TLSv1.2';
}

const limits = { bytes: 16 * 1024 * 1024, depth: 200, attributes: 200 };

/** Everything up to the features before SASL, and what stays of a stream after that. */
export class RawStream extends Party {
  /** Stream features as last offered. */
  features: Element = xml('features');
  /** TLS as negotiated. */
  tls: { protocol: string | null; alpn: string | false | null; fingerprint: string } | undefined;
  readonly #to: string;
  readonly #endpoint: Endpoint;
  #socket = new Socket();
  #parser!: StreamParser;
  #closed: Promise<void> = Promise.resolve();

  constructor(to: string, endpoint: Endpoint) {
    super();
    this.#to = to;
    this.#endpoint = endpoint;
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return within(15_000, () => `${this.jid}: the connection stays open`, this.#closed);
  }

  /** Connects, with TLS as asked, up to the features before SASL. */
  async connect(): Promise<void> {
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
      { open() {}, element: (element) => this.element(element), close: () => this.#socket.end() },
      limits,
    );
    this.send(
      `<?xml version="1.0"?><stream:stream to="${this.#to}" version="1.0" xmlns="jabber:client" xmlns:stream="${NS.stream}">`,
    );
    const answer = await this.received(({ attrs }) => attrs.xmlns === NS.stream, { what: 'stream features' });
    if (answer.name !== 'features') throw new Error(`the stream is refused: ${serialize(answer)}`);
    this.features = answer;
  }

  /** The binding of that type (RFC 9266; RFC 5929 §4 for a certificate that is signed with SHA-256). */
  binding(type: string): Binding {
    const tls = this.#socket as TLSSocket;
    const certificate = () => createHash('sha256').update(tls.getPeerCertificate().raw).digest();
    const exported = () => tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    return { type, data: type === 'tls-exporter' ? exported() : certificate() };
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

  /** One more element of the first level. */
  protected element(element: Element): void {
    this.take(element);
  }
}
