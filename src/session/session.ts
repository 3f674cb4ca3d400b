/**
 * A client's bound resource: it outlives its streams, and is what a unit knows as a number. Longer than 300 lines, because being
 * bound, losing a stream, going on and ending are one life; what comes and what goes out is counted elsewhere (intake, delivery).
 */
import type { Speaker } from '../link/door.ts';
import type { SessionFacts, UnitLink } from '../link/link.ts';
import type { Login } from '../stream/authentication.ts';
import { checkFrom, isAnswerable, takeStanza } from '../stream/check.ts';
import type { Management } from '../stream/management.ts';
import { type Outgoing, outgoing } from '../stream/outgoing.ts';
import type { ClientStream, StreamOwner } from '../stream/stream.ts';
import type { Timer } from '../wire/clock.ts';
import { StanzaError, StreamError } from '../wire/error.ts';
import { type FullJid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, isStanzaName, Stanza, type StanzaName } from '../wire/stanza.ts';
import { type Element, escapeAttribute } from '../wire/xml.ts';
import { Delivery } from './delivery.ts';
import { factsOf } from './facts.ts';
import type { SessionHost } from './host.ts';
import { Intake } from './intake.ts';

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
  readonly #intake: Intake;
  readonly #delivery: Delivery;
  /** What the unit was told last of `facts.acknowledged` and `facts.isOpen`. */
  #reported = { place: 0, isOpen: true };
  #patience: number;
  #timer: Timer | undefined;
  #paused = false;
  /** When it was read again after a pause. */
  #unpausedAt = 0;
  #probed = 0;
  /** The client has said good-bye. */
  #isClosing = false;
  #doomed = false;
  #over = false;

  constructor(sid: number, address: FullJid, login: Login, unit: UnitLink, stream: ClientStream, host: SessionHost) {
    const { bare, user, view } = login;
    this.sid = sid;
    this.login = login;
    this.unit = unit;
    this.speaker = { sid, user, view, bare, address };
    this.facts = factsOf(login, address);
    this.since = host.clock.now();
    this.remote = stream.remote;
    this.secure = stream.secure;
    this.#host = host;
    const { clock, limits } = host;
    const isMute = host.mute.has(address);
    this.#intake = new Intake(sid, unit, { clock, limits, write: (text) => this.#stream?.write(text) });
    this.#delivery = new Delivery(this.facts, { clock, limits, isMute, changed: () => host.changed(this) });
    this.#patience = host.limits.resume;
    const to = ` to="${escapeAttribute(address)}"`;
    this.#message = `<message${to}`;
    this.#presence = `<presence${to}`;
    this.#iq = `<iq${to}`;
    this.#take(stream);
  }

  get #management(): Management | undefined {
    return this.#intake.management;
  }

  get connected(): boolean {
    return this.#stream !== undefined;
  }

  /** Never calls the unit back. */
  send(stanza: Outgoing): void {
    if (this.#over) return;
    if (this.#delivery.sent(stanza) && this.#management?.overfull) this.#overfull(this.#management);
    this.#stream?.write(this.#head(stanza.name) + stanza.tail);
  }

  #head(name: StanzaName): string {
    return name === 'message' ? this.#message : name === 'presence' ? this.#presence : this.#iq;
  }

  /** A unit may be in the middle of a fan-out: the end waits for this tick's. */
  #overfull(management: Management): void {
    if (this.#doomed || (this.#stream !== undefined && !this.#isHopeless(management))) return;
    this.endSoon(new StreamError('resource-constraint', 'too much is unacknowledged'));
  }

  /** What it says is not read while it is paused, and it cannot be blamed for that. */
  #isHopeless(management: Management): boolean {
    return this.#paused ? management.flooded : management.hopeless;
  }

  /** A stanza of our own to this session alone. */
  tell(stanza: Stanza): void {
    this.send(outgoing(stanza));
  }

  /** A stanza of its client's, the last that came, goes to the unit. */
  give(stanza: Stanza): void {
    this.#intake.give(stanza);
  }

  /** The unit says that what it was given is durable up to that position. */
  stored(position: number): void {
    this.#intake.stored(position);
  }

  /** Tells the unit what has changed about its client: how much of it that has, and whether it can take more. */
  report(): void {
    const { acknowledged: place, isOpen } = this.facts;
    const before = this.#reported;
    this.#reported = { place, isOpen };
    if (place > before.place) this.unit.acknowledged(this.sid, place);
    if (isOpen !== before.isOpen) this.unit.flow(this.sid, isOpen);
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
    this.#intake.count();
    checkFrom(element, this.facts.address, this.facts.bare);
    let stanza: Stanza;
    try {
      stanza = takeStanza(element, this.#stream?.lang);
    } catch (reason) {
      if (!(reason instanceof StanzaError)) throw reason;
      return this.#refuse(element, reason);
    }
    if (stanza.name === 'iq' && this.#delivery.takes(stanza.id)) return;
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
      this.#delivery.acknowledge(element.attrs.h);
      const request = management.request();
      if (request !== '') this.#stream?.write(request);
    } else if (element.name === 'r' && management !== undefined) this.#intake.answer();
    else if (element.name === 'enable' && management === undefined) this.#enable(element);
    else this.#stream?.write(unexpected);
  }

  #enable({ attrs }: Element): void {
    const { limits } = this.#host;
    const resumable = attrs.resume === 'true' || attrs.resume === '1';
    const { management, from } = this.#intake.manage(this.facts.stream.id, resumable);
    this.#delivery.manage(management);
    if (!resumable) return this.#stream?.write(`<enabled xmlns="${NS.sm}"/>`);
    const wished = /^\d{1,9}$/.test(attrs.max ?? '') ? Number(attrs.max) * 1000 : limits.resume;
    this.#patience = Math.min(wished, limits.resume);
    this.facts.stream.from = from;
    this.#host.resumable(this, management.id);
    this.unit.resumable(this.sid, from);
    const max = Math.floor(this.#patience / 1000);
    this.#stream?.write(`<enabled xmlns="${NS.sm}" id="${management.id}" resume="true" max="${max}"/>`);
  }

  /**
   * Its client is back on another stream: the one it has is closed. Resolves when all is durable that came on that: the client will
   * send again what it is not told of. False: that takes too long.
   */
  async settle(): Promise<boolean> {
    const stream = this.#stream;
    if (stream !== undefined) {
      stream.close(new StreamError('conflict', 'the session was resumed on another stream'));
      this.#lost();
    }
    return this.#intake.settled(this.#host.limits.grace) ?? true;
  }

  /** XEP-0198 §5: the session, which is settled, goes on, on that stream. Throws the StreamError that a wrong `h` deserves. */
  resume(stream: ClientStream, h: string | undefined): void {
    const management = this.#management!;
    this.#delivery.acknowledge(h);
    management.resumed();
    this.#timer?.cancel();
    this.#take(stream);
    this.#intake.announce(`<resumed xmlns="${NS.sm}" previd="${management.id}" h="${management.handled}"/>`);
    for (const { name, tail } of management.unacknowledged) stream.write(this.#head(name) + tail);
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
    return this.#delivery.trailer(this.#iq);
  }

  pressed(isPressed: boolean): void {
    this.#delivery.pressed(isPressed);
  }

  /** The last `<a/>` tells of all that came, where that is durable in time: what need not be sent again. */
  ending(): Promise<void> | undefined {
    this.#isClosing = true;
    this.#delivery.ends();
    const settled = this.#management && this.#intake.settled(this.#host.limits.closing);
    if (settled === undefined) return void this.#goodbye();
    return settled.then(() => this.#goodbye());
  }

  /** Nothing more is read; resolves when what was can be told to be handled, or will not be soon. */
  async rest(): Promise<void> {
    this.pause();
    if (this.#management !== undefined) await this.#intake.settled(this.#host.limits.closing);
  }

  #goodbye(): void {
    if (this.#stream !== undefined) this.#intake.answer();
  }

  ended(broken: boolean): void {
    const management = this.#management;
    const isOver = !broken || this.#isClosing || !management?.resumable || management.overfull || this.#doomed;
    if (!isOver) return this.#lost();
    if (this.#stream !== undefined) this.#delivery.check(this.#stream.heard);
    this.#stream = undefined;
    this.end();
  }

  /** It has no stream, and waits for another. */
  #lost(): void {
    this.#stream = undefined;
    this.#timer?.cancel();
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
    this.#unpausedAt = this.#host.clock.now();
    const stream = this.#stream;
    if (stream !== undefined) process.nextTick(() => stream.release());
  }

  /** From time to time: a client that is silent is asked, one that does not answer has lost its stream. */
  checkAlive(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const { clock, limits } = this.#host;
    const management = this.#management;
    const silence = clock.now() - Math.max(stream.heard, this.#unpausedAt);
    if (silence >= quiet) stream.sleep();
    if (management && this.#isHopeless(management))
      this.end(new StreamError('resource-constraint', 'too much is unacknowledged'));
    else if (management && !this.#paused && Math.min(management.unansweredFor, silence) >= limits.answer)
      stream.abandon(new StreamError('connection-timeout'));
    else if (silence >= limits.idle && clock.now() - this.#probed >= limits.idle) {
      this.#probed = clock.now();
      stream.write(management === undefined ? ' ' : management.demand());
    } else if (management === undefined) this.#confirm(stream);
  }

  /** What was written is asked after; a phone that sleeps (XEP-0352) is not woken for that: it is asked with the next message. */
  #confirm(stream: ClientStream): void {
    this.#delivery.check(stream.heard);
    const ping = this.facts.inactive ? '' : this.trailer();
    if (ping !== '') stream.write(ping);
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
    this.#goodbye(); // what need not be sent again
    this.#over = true;
    this.#timer?.cancel();
    const stream = this.#stream;
    const management = this.#management;
    this.#stream = undefined;
    stream?.close(error);
    const isDurable = this.#intake.end();
    this.#host.over(this, this.#isClosing && isDurable, management?.unacknowledged ?? []);
  }

  /** Its client answers no pings. */
  get isMute(): boolean {
    return this.#delivery.isMute;
  }
}

/** Milliseconds without a byte after which a stream sleeps. */
const quiet = 15_000;

const unexpected = `<failed xmlns="${NS.sm}"><unexpected-request xmlns="${NS.stanzas}"/></failed>`;
