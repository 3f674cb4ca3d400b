/** The edge: listening sockets, streams and sessions on one side, units and root on the other. */
import { randomBytes } from 'node:crypto';
import type { Door, DoorOutlet, Speaker } from '../link/door.ts';
import type { EdgeLink, LoginView, UnitLink } from '../link/link.ts';
import type { Authority, OfferedMechanism } from '../stream/authority.ts';
import type { Certificates } from '../stream/certificates.ts';
import { systemClock } from '../stream/clock.ts';
import { createDecoys } from '../stream/decoys.ts';
import { Guesses } from '../stream/guesses.ts';
import { defaultLimits, type StreamLimits } from '../stream/limits.ts';
import { Listener, type Listening } from '../stream/listener.ts';
import { type Log, said } from '../stream/log.ts';
import { type Outgoing, outgoing, stanzaOf } from '../stream/outgoing.ts';
import type { Clock, Timer } from '../wire/clock.ts';
import { type StreamCondition, StreamError } from '../wire/error.ts';
import type { BareJid, FullJid } from '../wire/jid.ts';
import type { Mux } from '../wire/mux.ts';
import { Binding } from './binding.ts';
import type { ServiceDesk } from './desk.ts';
import type { SessionHost } from './host.ts';
import { arrive, outletOf } from './root.ts';
import { route } from './route.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';

export interface EdgeOptions {
  /** Our own domain. */
  domain: BareJid;
  authority: Authority;
  certificates: Certificates;
  log: Log;
  /** SASL without TLS from loopback (C2S_PLAINTEXT). */
  plaintext?: boolean;
  /** Offers channel binding (SASL_PLUS); on where left out. */
  plus?: boolean;
  limits?: Partial<StreamLimits>;
  clock?: Clock;
  /** Kept over restarts, it keeps unknown logins from being told by their changing salts. Random where left out. */
  decoySecret?: Uint8Array;
  /** What real verifiers have (RFC 5802 §5.1 `i`). */
  iterations: number;
}

/** What stands behind the edge. It needs the edge's `link` and `outlet`, so it comes later. */
export interface Behind {
  units: { unit(user: string): Promise<UnitLink> };
  door: Door;
  /** What our own domain answers. */
  routes: Mux<Speaker>;
  /** Service addresses, where there can be any. */
  desk?: ServiceDesk;
  account: EdgeLink['account'];
  ask: EdgeLink['ask'];
  /** Every 15 seconds, as sessions are looked after. */
  round?(): void;
}

/** Undefined: no such port. */
export interface Ports {
  host?: string | undefined;
  starttls: number | undefined;
  direct: number | undefined;
}

/** A session as root's commands list it. */
export interface SessionInfo {
  sid: number;
  user: string;
  view: LoginView;
  bare: BareJid;
  address: FullJid;
  remote: string;
  secure: boolean;
  mechanism: OfferedMechanism;
  /** Milliseconds since the epoch. */
  since: number;
  /** False while it waits to be resumed. */
  connected: boolean;
}

/** How often sessions are looked after, in milliseconds. */
const round = 15_000;

export class Edge {
  /** For the units. */
  readonly link: EdgeLink;
  /** For root. */
  readonly outlet: DoorOutlet;
  readonly #options: EdgeOptions;
  readonly #limits: StreamLimits;
  readonly #clock: Clock;
  readonly #sessions = new Sessions();
  /** Those that have something to report. */
  readonly #reporting = new Set<Session>();
  #behind: Behind | undefined;
  #listener: Listener | undefined;
  #round: Timer | undefined;

  constructor(options: EdgeOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.link = this.#createLink();
    this.outlet = outletOf({ sessions: this.#sessions }, () => this.#rest.door.address);
  }

  /** Resolves when all ports accept connections; rejects with a ListenError, and then none does. */
  async listen({ host, starttls, direct }: Ports, behind: Behind): Promise<Listening[]> {
    const { certificates, domain } = this.#options;
    if (certificates.secureContext(domain) === undefined) throw new Error(`no certificate for ${domain}`);
    this.#behind = behind;
    const listener = this.#createListener(this.#createHost(behind), behind);
    this.#listener = listener;
    const listening: Listening[] = [];
    try {
      if (starttls !== undefined) listening.push(await listener.listen({ host, port: starttls, direct: false }));
      if (direct !== undefined) listening.push(await listener.listen({ host, port: direct, direct: true }));
    } catch (reason) {
      await this.stop();
      throw reason;
    }
    this.#lookAfter();
    return listening;
  }

  get #rest(): Behind {
    if (this.#behind === undefined) throw new Error('nothing stands behind the edge yet');
    return this.#behind;
  }

  #createHost({ desk, door, routes }: Behind): SessionHost {
    const { domain, log } = this.#options;
    const sessions = this.#sessions;
    const context = { desk, door, routes, domain, sessions, log };
    return {
      limits: this.#limits,
      clock: this.#clock,
      route: (session, stanza) => route(context, session, stanza),
      resumable: (session, id) => sessions.resumable(session, id),
      changed: (session) => this.#changed(session),
      mute: sessions.mute,
      over: (session, isClean, unacknowledged) => this.#over(session, isClean, unacknowledged, door),
    };
  }

  /** What sessions have to report is told once this tick is over: a unit may be in the midst of a fan-out. */
  #changed(session: Session): void {
    if (this.#reporting.size === 0)
      process.nextTick(() => {
        const sessions = [...this.#reporting];
        this.#reporting.clear();
        for (const one of sessions) if (this.#sessions.get(one.sid) === one) this.#safely(() => one.report());
      });
    this.#reporting.add(session);
  }

  #over(session: Session, isClean: boolean, unacknowledged: readonly Outgoing[], door: Door): void {
    const { facts, sid, speaker, unit } = session;
    this.#sessions.remove(session);
    this.#options.log.info('session over', { address: facts.address, unacknowledged: unacknowledged.length });
    const left = unacknowledged.map(stanzaOf);
    const unheard = left.filter(({ from }) => from === door.address);
    this.#safely(() => session.report());
    this.#safely(() => unit.detach(sid, isClean));
    if (unheard.length > 0) this.#safely(() => door.unheard(speaker, unheard));
    this.#safely(() => door.gone(sid));
    this.#safely(() => this.#rest.desk?.over(session, left));
  }

  /** There is no stream left that a fault could end, and others wait for their turn. */
  #safely(tell: () => void): void {
    try {
      tell();
    } catch (reason) {
      this.#options.log.error('end of session failed', { reason: said(reason) });
    }
  }

  #createListener(host: SessionHost, { units }: Behind): Listener {
    const { decoySecret = randomBytes(32), iterations, plaintext = false, plus = true, ...options } = this.#options;
    const limits = this.#limits;
    const clock = this.#clock;
    const { authority, log } = options;
    const context = { authority, sessions: this.#sessions, host, log, unit: (user: string) => units.unit(user) };
    return new Listener({
      ...options,
      plaintext,
      plus,
      limits,
      clock,
      decoys: createDecoys(decoySecret, iterations, this.#options.domain),
      guesses: new Guesses(limits.guesses, limits.guessWindow, clock),
      authenticated: (stream, login) => new Binding(stream, login, context),
    });
  }

  #createLink(): EdgeLink {
    const sessions = this.#sessions;
    return {
      deliver(sids, stanza, place = 0) {
        const out = outgoing(stanza, place);
        for (const sid of sids) sessions.get(sid)?.send(out);
      },
      stored: (sid, position) => sessions.get(sid)?.stored(position),
      facts: (sid, change) => {
        const session = sessions.get(sid);
        if (session === undefined) return;
        const arrives = session.facts.presence === undefined && change.presence !== undefined;
        Object.assign(session.facts, change);
        if ('presence' in change) this.#safely(() => this.#rest.desk?.presence(session));
        if (arrives) arrive({ door: this.#rest.door, sessions, log: this.#options.log }, session);
      },
      close: (sid, condition, text) => sessions.get(sid)?.endSoon(new StreamError(condition, text)),
      pause: (sid) => sessions.get(sid)?.pause(),
      resume: (sid) => sessions.get(sid)?.unpause(),
      account: (user, state) => this.#rest.account(user, state),
      ask: (what, ask) => this.#rest.ask(what, ask),
    };
  }

  #lookAfter(): void {
    this.#round = this.#clock.after(round, () => {
      for (const session of this.#sessions.all()) session.checkAlive();
      this.#safely(() => this.#rest.round?.());
      this.#lookAfter();
    });
  }

  sessions(): SessionInfo[] {
    return this.#sessions.all().map(infoOf);
  }

  /** Ends the sessions that fit: their streams are closed with that error, none can be resumed. */
  endSessions(fits: (session: SessionInfo) => boolean, condition: StreamCondition, text: string): void {
    for (const session of this.#sessions.all())
      if (fits(infoOf(session))) session.end(new StreamError(condition, text));
  }

  /**
   * Every stream gets the error and is closed, once its client can be told that all it sent is durable; resolves when the sockets are
   * gone, by force after a second.
   */
  async stop(condition: StreamCondition = 'system-shutdown'): Promise<void> {
    this.#round?.cancel();
    this.#listener?.stopListening();
    await Promise.all(this.#sessions.all().map((session) => session.rest()));
    for (const session of this.#sessions.all()) session.end(new StreamError(condition));
    await this.#listener?.closeAll(new StreamError(condition));
  }
}

function infoOf(session: Session): SessionInfo {
  const { facts, login, sid, remote, secure, since, connected } = session;
  const { user, view, mechanism } = login;
  return { sid, user, view, bare: facts.bare, address: facts.address, remote, secure, mechanism, since, connected };
}
