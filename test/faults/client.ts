/** An app that lives through faults: connects again, resumes, asks the archive, sends again, each as far as it knows how. */
import { NS } from '../../src/wire/ns.ts';
import { childIn, type Element, firstElement, serialize, xml } from '../../src/wire/xml.ts';
import { freshId } from '../lib/party.ts';
import { type Endpoint, RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';

/** What an app can do beyond RFC 6121. */
export interface Skills {
  /** XEP-0198, with resumption. */
  managed: boolean;
  /** XEP-0313: asks for what it missed. */
  archive: boolean;
  /** XEP-0280. */
  carbons: boolean;
}

/** One message that the app has sent, or will. */
export interface Sent {
  body: string;
  id: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** When the other side took responsibility (XEP-0198). */
  acknowledgedAt: number | undefined;
  /** An error came back. */
  refused: boolean;
}

/** One message that came, by whatever way. */
export interface Arrival {
  body: string;
  /** Bare address of who wrote it. */
  author: string;
  id: string | undefined;
  /** The archive's id. */
  stanzaId: string | undefined;
  way: 'live' | 'carbon' | 'archive';
  isDelayed: boolean;
  at: number;
  /** On which of the app's streams. */
  stream: number;
}

/** A stream that counts what it sends (XEP-0198 §4). */
class Stream extends RawClient {
  /** Stanzas sent since `<enable/>` and not acknowledged, oldest first. */
  unacknowledged: string[] = [];
  acknowledgedCount = 0;
  onAcknowledged: (stanza: string) => void = () => {};
  onEnd: () => void = () => {};
  onMessage: (message: Element) => void = () => {};
  isOver = false;

  override send(text: string): void {
    if (this.isOver) return;
    if (this.sm !== undefined && /^<(message|presence|iq)\b/.test(text)) this.unacknowledged.push(text);
    super.send(text);
  }

  /** Not a whole stanza. */
  write(text: string): void {
    super.send(text);
  }

  /** Its `h`. */
  acknowledge(h: number): void {
    const fresh = h - this.acknowledgedCount;
    if (fresh < 0 || fresh > this.unacknowledged.length)
      throw new Error(`h=${h}, but ${this.acknowledgedCount}+${this.unacknowledged.length} were sent`);
    this.acknowledgedCount = h;
    for (const stanza of this.unacknowledged.splice(0, fresh)) this.onAcknowledged(stanza);
  }

  protected override element(element: Element): void {
    if (element.name === 'a' && element.attrs.xmlns === NS.sm) return this.acknowledge(Number(element.attrs.h));
    super.element(element);
    if (element.name === 'message') this.onMessage(element);
    this.all.length = 0;
  }

  protected override end(reason: Error): void {
    super.end(reason);
    if (this.isOver) return;
    this.isOver = true;
    this.onEnd();
  }
}

export interface AppOptions {
  name: string;
  account: Account;
  /** Where it connects. */
  endpoint: Endpoint;
  skills: Skills;
  log(text: string): void;
}

export class App {
  readonly name: string;
  readonly sent: Sent[] = [];
  readonly arrivals: Arrival[] = [];
  /** When its streams ended: by number. */
  readonly ends: number[] = [];
  /** Answers that cannot be, in words. */
  readonly faults: string[] = [];
  readonly account: Account;
  readonly skills: Skills;
  readonly #options: AppOptions;
  #stream: Stream | undefined;
  /** What a session is resumed with. */
  #before: Stream | undefined;
  #number = -1;
  /** Messages that wait for a stream. */
  #waiting: { to: string; sent: Sent }[] = [];
  readonly #byId = new Map<string, Sent>();
  /** The last that it knows of the archive. */
  #last: string | undefined;
  #isCaughtUp = false;
  #isReady = false;
  #isOver = false;
  #retry: NodeJS.Timeout | undefined;
  readonly #since = new Date().toISOString();

  constructor(options: AppOptions) {
    this.#options = options;
    this.name = options.name;
    this.account = options.account;
    this.skills = options.skills;
    void this.#connect();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** All it has sent is acknowledged, refused, or cannot be known. */
  get isSettled(): boolean {
    return this.#isReady && this.#waiting.length === 0 && (this.#stream?.unacknowledged.length ?? 0) === 0;
  }

  say(to: string, body: string): void {
    const sent: Sent = {
      body,
      id: `${body.replaceAll(' ', '-')}-${freshId()}`,
      at: Date.now(),
      acknowledgedAt: undefined,
      refused: false,
    };
    this.sent.push(sent);
    this.#byId.set(sent.id, sent);
    if (this.#isReady) this.#write(to, sent);
    if (this.sent.length % 5 === 0) this.ask();
    if (!this.#isReady) this.#waiting.push({ to, sent });
  }

  #write(to: string, { id, body }: Sent): void {
    this.#stream!.send(serialize(xml('message', { to, id, type: 'chat' }, xml('body', {}, body))));
  }

  /** As a network does it; `midway`: in the middle of a stanza. */
  cut(midway: boolean): void {
    if (midway) this.#stream?.write('<message to="nobody@home.example" id="half"><body>ha');
    this.#stream?.cut();
  }

  /** A question to the other side, to hear from it. */
  ask(): void {
    if (this.#isReady && this.skills.managed) this.#stream?.send(`<r xmlns="${NS.sm}"/>`);
  }

  stop(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#retry);
    return this.#stream?.isOver === false ? this.#stream.close() : Promise.resolve();
  }

  async #connect(): Promise<void> {
    try {
      await this.#login();
    } catch (error) {
      this.#options.log(`${this.name}: ${(error as Error).message.slice(0, 200)}`);
      this.#stream?.cut();
      this.#again();
    }
  }

  #again(): void {
    this.#isReady = false;
    if (this.#isOver) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), 300);
  }

  async #login(): Promise<void> {
    const { account, endpoint, skills } = this.#options;
    const [user, domain] = account.jid.split('@') as [string, string];
    const stream = new Stream(domain, endpoint);
    const number = ++this.#number;
    this.#isCaughtUp = false; // what comes first on it may be newer than what was missed
    stream.onMessage = (message) => this.#take(message, number);
    stream.onAcknowledged = (stanza) => this.#acknowledged(stanza);
    this.#stream = stream;
    await stream.connect();
    await stream.authenticate(user, account.password);
    stream.onEnd = () => {
      this.ends[number] = Date.now();
      if (this.#isReady && stream.sm?.id) this.#before = stream;
      this.#again();
    };
    if (this.#before !== undefined && (await this.#resume(stream, this.#before))) return this.#goOn(stream);
    const unacknowledged = this.#before?.unacknowledged ?? [];
    await stream.bind(this.name);
    if (skills.managed) await stream.enableSm();
    if (skills.carbons) await stream.iq('set', undefined, xml('enable', NS.carbons));
    stream.send('<presence/>');
    await stream.roundtrip();
    this.#before = undefined;
    for (const stanza of unacknowledged) if (stanza.startsWith('<message')) stream.send(stanza);
    this.#goOn(stream);
    if (skills.archive) await this.#catchUp(stream, number);
  }

  async #resume(stream: Stream, before: Stream): Promise<boolean> {
    stream.sm = undefined; // what follows is no stanza
    const count = before.sm!;
    stream.send(`<resume xmlns="${NS.sm}" previd="${count.id}" h="${count.handled}"/>`);
    stream.sm = { ...count };
    stream.jid = before.jid;
    const answer = await stream.received(({ name }) => name === 'resumed' || name === 'failed', {
      what: 'the answer to <resume/>',
    });
    const { h } = answer.attrs;
    before.onAcknowledged = (stanza) => this.#acknowledged(stanza);
    if (h !== undefined) before.acknowledge(Number(h));
    if (answer.name === 'failed') {
      stream.sm = undefined;
      return false;
    }
    stream.acknowledgedCount = before.acknowledgedCount;
    for (const stanza of before.unacknowledged) stream.send(stanza);
    this.#before = undefined;
    return true;
  }

  #goOn(stream: Stream): void {
    if (stream.isOver) return;
    this.#isReady = true;
    if (stream.sm?.id) this.#before = undefined;
    for (const { to, sent } of this.#waiting.splice(0)) this.#write(to, sent);
  }

  #acknowledged(stanza: string): void {
    const id = /^<message[^>]* id="([^"]*)"/.exec(stanza)?.[1];
    const sent = id === undefined ? undefined : this.#byId.get(id);
    if (sent !== undefined) sent.acknowledgedAt ??= Date.now();
  }

  #take(message: Element, stream: number): void {
    if (message.attrs.type === 'error') {
      const sent = this.#byId.get(message.attrs.id ?? '');
      if (sent !== undefined) sent.refused = true;
      return;
    }
    const result = message.getChild('result', NS.mam);
    if (result !== undefined) {
      const inner = result.getChild('forwarded', NS.forward)?.getChild('message');
      if (inner !== undefined) this.#note(inner, 'archive', stream, result.attrs.id);
      this.#last = result.attrs.id;
      return;
    }
    const wrapper = childIn(message, NS.carbons);
    const carbon = wrapper?.getChild('forwarded', NS.forward)?.getChild('message');
    if (carbon !== undefined) return this.#note(carbon, 'carbon', stream, this.#idOf(carbon));
    const stanzaId = this.#idOf(message);
    this.#note(message, 'live', stream, stanzaId);
    if (this.#isCaughtUp && stanzaId !== undefined) this.#last = stanzaId;
  }

  #idOf(message: Element): string | undefined {
    return message.getChildren('stanza-id', NS.sid).find(({ attrs }) => attrs.by === this.account.jid)?.attrs.id;
  }

  #note(message: Element, way: Arrival['way'], stream: number, stanzaId: string | undefined): void {
    const arrival = arrivalOf(message, way, stanzaId, stream);
    if (arrival !== undefined) this.arrivals.push(arrival);
  }

  /** XEP-0313: all since the last that it knows, page by page. */
  async #catchUp(stream: Stream, number: number): Promise<void> {
    for (let isComplete = false; !isComplete; ) isComplete = await askPage(stream, this.#last, this.#since);
    this.#isCaughtUp = true;
    // what came alive meanwhile is newer than any page
    const live = this.arrivals.filter(({ way, stream: on }) => way === 'live' && on === number).at(-1);
    if (live?.stanzaId !== undefined) this.#last = live.stanzaId;
  }
}

/** One page; true if it was the last. */
async function askPage(stream: RawClient, after: string | undefined, start: string): Promise<boolean> {
  const field = (name: string, value: string) => xml('field', { var: name }, xml('value', {}, value));
  const form = xml('x', { xmlns: NS.data, type: 'submit' }, field('FORM_TYPE', NS.mam), field('start', start));
  const set = xml('set', NS.rsm, xml('max', {}, '50'), after === undefined ? undefined : xml('after', {}, after));
  const answer = await stream.iq('set', undefined, xml('query', { xmlns: NS.mam, queryid: freshId() }, form, set));
  const fin = answer.getChild('fin', NS.mam);
  if (fin === undefined) throw new Error(`the archive was refused: ${serialize(firstElement(answer) ?? answer)}`);
  return fin.attrs.complete === 'true';
}

/** All that an archive has since then, oldest first. */
export async function readArchive(account: Account, endpoint: Endpoint, since: string): Promise<Arrival[]> {
  const [user, domain] = account.jid.split('@') as [string, string];
  const stream = new Stream(domain, endpoint);
  await stream.connect();
  await stream.authenticate(user, account.password);
  await stream.bind('auditor');
  const found: Arrival[] = [];
  let last: string | undefined;
  stream.onMessage = (message) => {
    const result = message.getChild('result', NS.mam);
    const archived = result?.getChild('forwarded', NS.forward)?.getChild('message');
    if (result === undefined || archived === undefined) return;
    last = result.attrs.id;
    const arrival = arrivalOf(archived, 'archive', last, 0);
    if (arrival !== undefined) found.push(arrival);
  };
  for (let isComplete = false; !isComplete; ) isComplete = await askPage(stream, last, since);
  await stream.close();
  return found;
}

function arrivalOf(message: Element, way: Arrival['way'], stanzaId: string | undefined, stream: number) {
  const body = message.getChildText('body');
  if (!body) return undefined;
  const author = message.attrs.from?.split('/')[0] ?? '';
  const isDelayed = message.getChild('delay', NS.delay) !== undefined;
  return { body, author, id: message.attrs.id, stanzaId, way, isDelayed, at: Date.now(), stream };
}
