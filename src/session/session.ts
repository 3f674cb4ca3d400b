/** A client's bound resource: it outlives its streams, and is what a unit knows as a number. */
import { randomBytes } from 'node:crypto';
import type { Speaker } from '../link/door.ts';
import type { SessionFacts, UnitLink } from '../link/link.ts';
import type { Login } from '../stream/authentication.ts';
import { checkFrom, isAnswerable, takeStanza } from '../stream/check.ts';
import type { Clock, Timer } from '../stream/clock.ts';
import type { StreamLimits } from '../stream/limits.ts';
import { Management } from '../stream/management.ts';
import type { ClientStream, StreamOwner } from '../stream/stream.ts';
import { StanzaError, StreamError } from '../wire/error.ts';
import { type FullJid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, isStanzaName, Stanza } from '../wire/stanza.ts';
import { type Element, escapeAttribute } from '../wire/xml.ts';

/** What a session asks of the edge. */
export interface SessionHost {
  limits: StreamLimits;
  clock: Clock;
  /** A checked stanza of that client. */
  route(session: Session, stanza: Stanza): void;
  /** XEP-0198 is on, and the session may be resumed with that id. */
  resumable(session: Session, id: string): void;
  /** Once. */
  over(session: Session, unacknowledged: readonly Stanza[]): void;
}

export class Session implements StreamOwner {
  readonly sid: number;
  readonly login: Login;
  readonly facts: SessionFacts;
  readonly unit: UnitLink;
  readonly speaker: Speaker;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Of the stream it has, or had last. */
  remote: string;
  secure: boolean;
  readonly #host: SessionHost;
  /** `<name to="…"`: all of a stanza that is this recipient's own. */
  readonly #message: string;
  readonly #presence: string;
  readonly #iq: string;
  #stream: ClientStream | undefined;
  #management: Management | undefined;
  #patience: number;
  #timer: Timer | undefined;
  #paused = false;
  /** Stanzas that came. */
  #position = 0;
  #probed = 0;
  #doomed = false;
  #over = false;

  constructor(sid: number, address: FullJid, login: Login, unit: UnitLink, stream: ClientStream, host: SessionHost) {
    const { account, bare, user, view } = login;
    this.sid = sid;
    this.login = login;
    this.unit = unit;
    this.speaker = { sid, user, view, bare, address };
    this.facts = {
      view,
      bare,
      ...(account && { account }),
      address,
      carbons: false,
      interested: false,
      blocklist: false,
      presence: undefined,
      inactive: false,
      directed: [],
      rooms: [],
      stream: { id: randomBytes(18).toString('base64url'), from: undefined },
      delivered: 0,
      acknowledged: 0,
      isOpen: true,
    };
    this.since = host.clock.now();
    this.remote = stream.remote;
    this.secure = stream.secure;
    this.#host = host;
    this.#patience = host.limits.resume;
    const to = ` to="${escapeAttribute(address)}"`;
    this.#message = `<message${to}`;
    this.#presence = `<presence${to}`;
    this.#iq = `<iq${to}`;
    this.#take(stream);
  }

  get position(): number {
    return this.#position;
  }

  get connected(): boolean {
    return this.#stream !== undefined;
  }

  /** XEP-0198 `h`, and the id it goes with. */
  get handled(): { id: string; h: number } | undefined {
    return this.#management && { id: this.#management.id, h: this.#management.handled };
  }

  /** `tail`: the stanza's text behind its `to`, the same for all who get it. Never calls the unit back. */
  send(stanza: Stanza, tail: string, place = 0): void {
    if (this.#over) return;
    if (place > this.facts.delivered) this.facts.delivered = place;
    const management = this.#management;
    if (management !== undefined) {
      management.sent(stanza);
      if (management.overfull) this.#overfull(management);
    }
    this.#stream?.write(this.#head(stanza) + tail);
  }

  #head({ name }: Stanza): string {
    return name === 'message' ? this.#message : name === 'presence' ? this.#presence : this.#iq;
  }

  /** A unit may be in the middle of a fan-out: the end waits for this tick's. */
  #overfull(management: Management): void {
    if (this.#doomed || (this.#stream !== undefined && !management.hopeless)) return;
    this.endSoon(new StreamError('resource-constraint', 'too much is unacknowledged'));
  }

  /** A stanza of our own to this session alone. */
  tell(stanza: Stanza): void {
    this.send(stanza, tailOf(stanza));
  }

  element(element: Element): void {
    const ns = element.attrs.xmlns;
    if (ns === undefined && isStanzaName(element.name)) this.#stanza(element);
    else if (ns === NS.sm) this.#manage(element);
    else if (ns === NS.csi && (element.name === 'active' || element.name === 'inactive'))
      this.#activity(element.name === 'inactive');
    else throw new StreamError('unsupported-stanza-type', element.name);
  }

  #stanza(element: Element): void {
    this.#position += 1;
    this.#management?.received();
    checkFrom(element, this.facts.address, this.facts.bare);
    let stanza: Stanza;
    try {
      stanza = takeStanza(element, this.#stream?.lang);
    } catch (reason) {
      if (!(reason instanceof StanzaError)) throw reason;
      return this.#refuse(element, reason);
    }
    this.#host.route(this, stanza);
  }

  #refuse(element: Element, reason: StanzaError): void {
    if (!isAnswerable(element)) return;
    const to = readJid(element.attrs.to) ?? this.facts.bare;
    this.tell(errorOf(Stanza.of(element).readdress({ to }), reason));
  }

  /** XEP-0352 §4. */
  #activity(inactive: boolean): void {
    this.facts.inactive = inactive;
    this.unit.activity(this.sid, inactive);
  }

  /** XEP-0198 §§3, 4. */
  #manage(element: Element): void {
    const management = this.#management;
    if (element.name === 'a') {
      if (management === undefined) return;
      management.acknowledge(element.attrs.h);
      const request = management.request();
      if (request !== '') this.#stream?.write(request);
    } else if (element.name === 'r' && management !== undefined) this.#stream?.write(answer(management));
    else if (element.name === 'enable' && management === undefined) this.#enable(element);
    else this.#stream?.write(unexpected);
  }

  #enable({ attrs }: Element): void {
    const { clock, limits } = this.#host;
    const resumable = attrs.resume === 'true' || attrs.resume === '1';
    const management = new Management(this.facts.stream.id, resumable, limits, clock);
    this.#management = management;
    if (!resumable) return this.#stream?.write(`<enabled xmlns="${NS.sm}"/>`);
    const wished = /^\d{1,9}$/.test(attrs.max ?? '') ? Number(attrs.max) * 1000 : limits.resume;
    this.#patience = Math.min(wished, limits.resume);
    this.facts.stream.from = this.#position;
    this.#host.resumable(this, management.id);
    this.unit.resumable(this.sid, this.#position);
    const max = Math.floor(this.#patience / 1000);
    this.#stream?.write(`<enabled xmlns="${NS.sm}" id="${management.id}" resume="true" max="${max}"/>`);
  }

  /** XEP-0198 §5: the session goes on, on that stream. Throws the StreamError that a wrong `h` deserves. */
  resume(stream: ClientStream, h: string | undefined): void {
    const management = this.#management!;
    management.acknowledge(h);
    management.resumed();
    this.#timer?.cancel();
    this.#stream?.close(new StreamError('conflict', 'the session was resumed on another stream'));
    this.#take(stream);
    stream.write(`<resumed xmlns="${NS.sm}" previd="${management.id}" h="${management.handled}"/>`);
    for (const stanza of management.unacknowledged) stream.write(this.#head(stanza) + tailOf(stanza));
    if (this.facts.inactive) this.#activity(false); // XEP-0352 §4.2: a stream begins active
  }

  #take(stream: ClientStream): void {
    this.#stream = stream;
    this.remote = stream.remote;
    this.secure = stream.secure;
    if (this.#paused) stream.hold();
    stream.established(this);
  }

  trailer(): string {
    return this.#management?.request() ?? '';
  }

  ended(broken: boolean): void {
    this.#stream = undefined;
    const management = this.#management;
    if (!broken || !management?.resumable || management.overfull || this.#doomed) return this.end();
    this.#timer = this.#host.clock.after(this.#patience, () => this.end());
  }

  /** Stops reading what the client sends. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#stream?.hold();
  }

  /** What has been read already comes once the present tick is over, not within the call of a unit. */
  unpause(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const stream = this.#stream;
    if (stream !== undefined) process.nextTick(() => stream.release());
  }

  /** From time to time: a client that is silent is asked, one that does not answer has lost its stream. */
  checkAlive(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const { clock, limits } = this.#host;
    const management = this.#management;
    const silence = clock.now() - stream.heard;
    if (silence >= quiet) stream.sleep();
    if (management?.hopeless) this.end(new StreamError('resource-constraint', 'too much is unacknowledged'));
    else if (management && Math.min(management.unansweredFor, silence) >= limits.answer)
      stream.abandon(new StreamError('connection-timeout'));
    else if (silence >= limits.idle && clock.now() - this.#probed >= limits.idle) {
      this.#probed = clock.now();
      stream.write(management === undefined ? ' ' : management.demand());
    }
  }

  /** As end, once the present tick is over. */
  endSoon(error: StreamError): void {
    if (this.#doomed) return;
    this.#doomed = true;
    process.nextTick(() => this.end(error));
  }

  /** The session is over, and its stream with it; it cannot be resumed. */
  end(error?: StreamError): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    const stream = this.#stream;
    const management = this.#management;
    this.#stream = undefined;
    if (stream !== undefined && management !== undefined) stream.write(answer(management)); // what need not be sent again
    stream?.close(error);
    this.#host.over(this, management?.unacknowledged ?? []);
  }
}

/** Milliseconds without a byte after which a stream sleeps. */
const quiet = 15_000;

/** A stanza's text behind its `to`. */
export function tailOf(stanza: Stanza): string {
  return stanza.from === undefined ? stanza.rest : ` from="${escapeAttribute(stanza.from)}"${stanza.rest}`;
}

const answer = ({ handled }: Management): string => `<a xmlns="${NS.sm}" h="${handled}"/>`;
const unexpected = `<failed xmlns="${NS.sm}"><unexpected-request xmlns="${NS.stanzas}"/></failed>`;
