/** Bytes to a port and what comes back, for what no client would send. */
import { connect, type Socket } from 'node:net';
import { NS } from '../../src/wire/ns.ts';
import { domain } from './edge.ts';
import { within } from './process.ts';
import type { Endpoint } from './raw.ts';

export class Wire {
  text = '';
  readonly closed: Promise<void>;
  readonly socket: Socket;
  #waiters: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.text += chunk.toString();
      this.#wake();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    this.closed.then(() => this.#wake());
  }

  static async open({ port, host }: Endpoint): Promise<Wire> {
    const socket = connect(port, host);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Wire(socket);
  }

  /** Logged in without TLS, with a new header sent. */
  static async authenticated(endpoint: Endpoint): Promise<Wire> {
    const wire = await Wire.open(endpoint);
    wire.send(header());
    await wire.sees(/<\/stream:features>/);
    wire.send(plain('alice', 'proxy secret'));
    await wire.sees(/<success/);
    return wire;
  }

  /** With a session: it never says anything by itself. */
  static async bound(endpoint: Endpoint): Promise<Wire> {
    const wire = await Wire.authenticated(endpoint);
    wire.send(`${header()}<iq type="set" id="b"><bind xmlns="${NS.bind}"><resource>desk</resource></bind></iq>`);
    await wire.sees(/<\/jid><\/bind><\/iq>/);
    wire.text = '';
    return wire;
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data);
  }

  /** Waits until all that came fits. */
  async sees(pattern: RegExp): Promise<string> {
    const found = (async () => {
      while (!pattern.test(this.text)) {
        if (this.socket.destroyed) throw new Error(`closed before ${pattern}: ${this.text}`);
        await new Promise<void>((resolve) => this.#waiters.push(resolve));
      }
    })();
    await within(10_000, () => `${pattern} did not come, but ${this.text}`, found);
    return this.text;
  }

  /** What had come when the far side ended. */
  async end(): Promise<string> {
    await within(10_000, () => `not closed: ${this.text}`, this.closed);
    return this.text;
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

export const header = (attributes = `to="${domain}" version="1.0"`, xmlns: string = NS.client): string =>
  `<?xml version="1.0"?><stream:stream ${attributes} xmlns="${xmlns}" xmlns:stream="${NS.stream}">`;
export const base64 = (text: string): string => Buffer.from(text).toString('base64');
export const plain = (user: string, password: string, authzid = ''): string =>
  `<auth xmlns="${NS.sasl}" mechanism="PLAIN">${base64(`${authzid}\0${user}\0${password}`)}</auth>`;
