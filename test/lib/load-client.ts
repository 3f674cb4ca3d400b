/** The generator's client: writes texts, and finds `~run:sequence~` in what comes without parsing it. */
import { connect, type Socket } from 'node:net';

/** Logged in by PLAIN, available; tells every token it sees. */
export class LoadClient {
  jid = '';
  seen: (sequence: number, run: number) => void = () => {};
  #socket: Socket;
  #text = '';
  #out = '';
  #answers = false;
  #waiting: { text: string; resolve(before: string): void } | undefined;

  constructor(where: string) {
    const [host, port] = where.split(':') as [string, string];
    this.#socket = connect(Number(port), host).setNoDelay(true).setEncoding('latin1');
    this.#socket.on('data', (text: string) => this.#read(text));
  }

  #read(text: string): void {
    this.#text += text;
    if (this.#waiting !== undefined) {
      const at = this.#text.indexOf(this.#waiting.text);
      if (at < 0) return;
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      const before = this.#text.slice(0, at);
      this.#text = this.#text.slice(at);
      resolve(before);
      return;
    }
    if (this.#answers) return this.#answer();
    let end = 0;
    for (let at = this.#text.indexOf('~'); at >= 0; at = this.#text.indexOf('~', end)) {
      const close = this.#text.indexOf('~', at + 1);
      if (close < 0) break;
      const [run, sequence] = this.#text.slice(at + 1, close).split(':');
      this.seen(Number(sequence), Number(run));
      end = close + 1;
    }
    const open = this.#text.indexOf('~', end);
    this.#text = open < 0 ? '' : this.#text.slice(open);
  }

  /** From now on it gives every request back as a result, and lets everybody see its presence. */
  answers(): this {
    this.#answers = true;
    return this;
  }

  #answer(): void {
    const whole = /<iq ([^>]*)>(.*?)<\/iq>|<presence ([^>]*?)\/?>/gs;
    let end = 0;
    for (let found = whole.exec(this.#text); found !== null; found = whole.exec(this.#text)) {
      end = whole.lastIndex;
      const [, iq, payload, presence] = found;
      const attribute = (name: string) => new RegExp(`(?:^| )${name}=['"]([^'"]*)`).exec(iq ?? presence ?? '')?.[1];
      const to = attribute('from');
      if (iq !== undefined && attribute('type') === 'get')
        this.write(`<iq type='result' id='${attribute('id')}' to='${to}'>${payload}</iq>`);
      if (attribute('type') === 'subscribe') this.write(`<presence type='subscribed' to='${to}'/>`);
    }
    this.#text = this.#text.slice(end);
  }

  /** Writes, and resolves when that text has come, with what came before it. */
  ask(words: string, text: string): Promise<string> {
    this.#text = '';
    const answer = new Promise<string>((resolve) => {
      this.#waiting = { text, resolve };
    });
    this.#socket.write(words);
    return answer;
  }

  /** `user` is a bare address. */
  async login(user: string, password: string, resource: string, carbons: boolean): Promise<this> {
    const [local, domain] = user.split('@') as [string, string];
    const header = `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
    await this.ask(header, '</stream:features>');
    const proof = Buffer.from(`\0${local}\0${password}`).toString('base64');
    await this.ask(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${proof}</auth>`, '<success');
    await this.ask(header, '</stream:features>');
    const bind = `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`;
    this.jid = (await this.ask(bind, '</jid>')).split('<jid>').at(-1)!;
    if (carbons) await this.ask(`<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>`, 'carbons');
    await this.ask(`<presence/><iq type='get' id='ping' to='${domain}'><ping xmlns='urn:xmpp:ping'/></iq>`, 'ping');
    return this;
  }

  write(text: string): void {
    if (this.#out === '') setImmediate(() => this.#flush());
    this.#out += text;
  }
  #flush(): void {
    this.#socket.write(this.#out, 'latin1');
    this.#out = '';
  }
  end(): void {
    this.#socket.end('</stream:stream>');
  }
}
