/** An app that lives through faults: connects again, resumes, asks the archive, sends again, each as far as it knows how. */
import { NS } from '../../src/wire/ns.ts';
import { childIn, type Element, serialize, xml } from '../../src/wire/xml.ts';
import { freshId } from '../lib/party.ts';
import type { Endpoint } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { type Arrival, arrivalOf, askPage } from './arrivals.ts';
import { Stream } from './stream.ts';

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
  /** How often it was written to a stream. */
  times: number;
}

/** Prosody 0.12.3 reads a resumed stream as what follows the stanza in which the one before it was cut; milliseconds. */
const deaf = 10_000;

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
  /** What it has not confirmed yet of this session, each with its number in that (XEP-0198). */
  #open: { arrival: Arrival; count: number }[] = [];

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
      times: 0,
    };
    this.sent.push(sent);
    this.#byId.set(sent.id, sent);
    if (this.#isReady) this.#write(to, sent);
    else this.#waiting.push({ to, sent });
    if (this.sent.length % 5 === 0) this.ask();
  }

  #write(to: string, sent: Sent): void {
    const { id, body } = sent;
    sent.times++;
    this.#stream!.send(serialize(xml('message', { to, id, type: 'chat' }, xml('body', {}, body))));
  }

  /** As a network does it; `midway`: in the middle of a stanza. */
  cut(midway: boolean): void {
    if (midway) this.#stream?.write('<message to="nobody@home.example" id="half"><body>ha');
    this.#stream?.cut();
  }

  /** A question to the other side, to hear from it. One that answers none has resumed the session in vain: it is not resumed again. */
  ask(): void {
    const stream = this.#stream;
    if (!this.#isReady || !this.skills.managed || stream === undefined) return;
    stream.askedAt ??= Date.now();
    if (Date.now() - stream.askedAt < deaf) return stream.send(`<r xmlns="${NS.sm}"/>`);
    this.#options.log(`${this.name}: no answer`);
    stream.isDeaf = true;
    stream.cut();
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
    stream.onConfirmed = (h) => this.#confirm(h, number);
    this.#stream = stream;
    await stream.connect();
    await stream.authenticate(user, account.password);
    stream.onEnd = () => {
      this.ends[number] = Date.now();
      if (this.#isReady && stream.sm?.id) this.#before = stream;
      this.#again();
    };
    const mayResume = this.#before !== undefined && !this.#before.isDeaf;
    if (mayResume && (await this.#resume(stream, this.#before!, number))) return this.#goOn(stream);
    this.#open = [];
    const unacknowledged = this.#before?.unacknowledged ?? [];
    await stream.bind(this.name);
    if (skills.managed) await stream.enableSm();
    if (skills.carbons) await stream.iq('set', undefined, xml('enable', NS.carbons));
    stream.send('<presence/>');
    await stream.roundtrip();
    this.#before = undefined;
    this.#repeat(
      stream,
      unacknowledged.filter((stanza) => stanza.startsWith('<message')),
    );
    this.#goOn(stream);
    if (skills.archive) await this.#catchUp(stream, number);
  }

  async #resume(stream: Stream, before: Stream, number: number): Promise<boolean> {
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
    this.#confirm(count.handled, number);
    stream.acknowledgedCount = before.acknowledgedCount;
    this.#repeat(stream, before.unacknowledged);
    this.#before = undefined;
    return true;
  }

  #repeat(stream: Stream, stanzas: readonly string[]): void {
    for (const stanza of stanzas) {
      const sent = this.#sentOf(stanza);
      if (sent !== undefined) sent.times++;
      stream.send(stanza);
    }
  }

  #goOn(stream: Stream): void {
    if (stream.isOver) return;
    this.#isReady = true;
    if (stream.sm?.id) this.#before = undefined;
    for (const { to, sent } of this.#waiting.splice(0)) this.#write(to, sent);
  }

  #acknowledged(stanza: string): void {
    const sent = this.#sentOf(stanza);
    if (sent !== undefined) sent.acknowledgedAt ??= Date.now();
  }

  #sentOf(stanza: string): Sent | undefined {
    return this.#byId.get(/^<message[^>]* id="([^"]*)"/.exec(stanza)?.[1] ?? '');
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
    if (arrival === undefined) return;
    this.arrivals.push(arrival);
    this.#open.push({ arrival, count: this.#stream?.sm?.handled ?? 0 });
  }

  /** By XEP-0198 in order; without, an answer to a ping says that it has all that came before on that stream. */
  #confirm(h: number | undefined, stream: number): void {
    if (this.skills.managed !== (h !== undefined)) return;
    const confirmed = { at: Date.now(), stream };
    const isMeant = ({ arrival, count }: { arrival: Arrival; count: number }) =>
      h === undefined ? arrival.stream === stream : count <= h;
    for (const one of this.#open) if (isMeant(one)) one.arrival.confirmed = confirmed;
    this.#open = this.#open.filter((one) => !isMeant(one));
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
