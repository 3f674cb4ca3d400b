/** A server that does what the test says, right or wrong, one script for each connection. */
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';
import { within } from './process.ts';

export const header =
  '<?xml version="1.0"?><stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" ' +
  'version="1.0" from="far.example" id="s1">';
const features = (inner: string) => `<stream:features>${inner}</stream:features>`;
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl';
export const starttls = '<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"><required/></starttls>';
export const mechanisms = (...names: string[]): string =>
  `<mechanisms xmlns="${sasl}">${names.map((name) => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`;
const bind = '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>';
const sm = '<sm xmlns="urn:xmpp:sm:3"/>';
const request = /<iq [^>]*id="([^"]+)".*<\/iq>|<resume [^>]*>/;

/** One connection, as the server has it. */
export class Far {
  /** What came and was not waited for. */
  unread = '';
  /** The client asked to resume a session. */
  resumption = false;
  /** SNI and ALPN that the client sent. */
  servername: string | undefined;
  alpn: string | false | null = null;
  #socket: Socket;
  #changed: () => void = () => {};
  #closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  #listen(socket: Socket): void {
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        this.unread += chunk;
        this.#changed();
      });
    socket.on('close', () => {
      this.#closed = true;
      this.#changed();
    });
  }

  send(data: string | Uint8Array): void {
    if (!this.#closed) this.#socket.write(data);
  }

  /** The chunk leaves before anything that is sent later. */
  sent(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.write(data, () => setImmediate(resolve)));
  }

  /** Takes all up to the end of the first match. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const found = this.#wait(() => {
      const match = pattern.exec(this.unread);
      if (match !== null) this.unread = this.unread.slice(match.index + match[0].length);
      else if (this.#closed) throw new Error(`closed before ${pattern}: ${this.unread}`);
      return match ?? undefined;
    });
    return within(5000, () => `no ${pattern}, but ${this.unread}`, found);
  }

  /** The client has closed, or reset, the connection; its `</stream:stream>` is answered. */
  async closed(): Promise<void> {
    const look = () => {
      if (/<\/stream:stream>$/.test(this.unread)) this.send('</stream:stream>');
      return this.#closed || undefined;
    };
    await within(5000, () => 'the connection stays open', this.#wait(look));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#socket.pause();
  }

  async #wait<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** Answers a stream header with ours and these features. */
  async stream(...offered: string[]): Promise<void> {
    await this.until(/<stream:stream[^>]*>/);
    this.send(header + features(offered.join('')));
  }

  /** Up to SASL's success. */
  async login(): Promise<void> {
    await this.stream(mechanisms('PLAIN'));
    await this.until(/<auth [^>]*mechanism="PLAIN"[^>]*>[^<]*<\/auth>/);
    this.send(`<success xmlns="${sasl}"/>`);
  }

  /** Up to the bound resource; there is no session to resume. */
  async bound(jid = 'me@far.example/xmpproxy-t', ...more: string[]): Promise<void> {
    await this.login();
    await this.stream(bind, sm, ...more);
    let asked = await this.until(request);
    if (asked[1] === undefined) {
      this.resumption = true;
      this.send('<failed xmlns="urn:xmpp:sm:3"/>');
      asked = await this.until(request);
    }
    const id = asked[1];
    this.send(
      `<iq type="result" id="${id}"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>${jid}</jid></bind></iq>`,
    );
  }

  /** Up to a session with XEP-0198; `more` comes in one chunk with `<enabled/>`. */
  async session(more = '', id = 'sm1'): Promise<void> {
    await this.bound();
    await this.until(/<enable [^>]*\/>/);
    this.send(`<enabled xmlns="urn:xmpp:sm:3" id="${id}" resume="true"/>${more}`);
  }

  /** TLS, as a server, on the connection as it is. */
  secure(certificate: SecureContextOptions, alpn?: string[]): void {
    const plain = this.#socket;
    plain.removeAllListeners('data').removeAllListeners('close');
    this.unread = '';
    const secureContext = createSecureContext(certificate);
    const secured = new TLSSocket(plain, {
      isServer: true,
      secureContext,
      ...(alpn && { ALPNProtocols: alpn }),
      SNICallback: (name, done) => {
        this.servername = name;
        done(null, secureContext);
      },
    });
    secured.once('secure', () => {
      this.alpn = secured.alpnProtocol;
    });
    this.#socket = secured;
    this.#listen(secured);
  }
}

export type Play = (far: Far) => unknown;

/** The n-th connection plays the n-th script, those after the last the last. What a script throws fails `stop()`. */
export class Scripted {
  readonly port: number;
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #played: Promise<unknown>[] = [];

  private constructor(server: Server, plays: Play[]) {
    this.#server = server;
    this.port = (server.address() as { port: number }).port;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      const play = plays[Math.min(this.connections, plays.length - 1)]!;
      this.connections++;
      const played = (async () => play(new Far(socket)))();
      played.catch(() => {});
      this.#played.push(played);
    });
  }

  static async start(...plays: Play[]): Promise<Scripted> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Scripted(server, plays);
  }

  get route(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** All scripts have come to their end. */
  async finished(): Promise<void> {
    await within(8000, () => 'a script has not come to its end', Promise.all(this.#played));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
