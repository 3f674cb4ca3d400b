/** What comes on a live stream, in order: taken at once, or held while nothing can be taken (RULES, "The real server"). */
import { isStanzaName } from '../wire/stanza.ts';
import type { Element } from '../wire/xml.ts';
import type { Session } from './session.ts';

export interface IntakeEvents {
  /** To be worked on; then it counts. */
  stanza(stanza: Element): void;
  /** Everything else. */
  other(element: Element): void;
  /** Nothing is to be read for the moment, or it is again. */
  rest(isResting: boolean): void;
  /** What was thrown at something that had been held. */
  fault(reason: unknown): void;
}

export class Intake {
  readonly #session: Session;
  readonly #events: IntakeEvents;
  #held: Element[] = [];
  /** Why nothing can be taken: our owner says so, too much is not durable, a note must be durable first. */
  #isPaused = false;
  #isBehind = false;
  #isDaring = false;
  #rests = false;
  #isOver = false;
  /** What comes was on its way to a process that ended: any of it may have been why. */
  #isCautious: boolean;

  constructor(session: Session, isCautious: boolean, events: IntakeEvents) {
    this.#session = session;
    this.#isCautious = isCautious;
    this.#events = events;
  }

  get isCautious(): boolean {
    return this.#isCautious;
  }
  /** Something came that was not taken. */
  get isBusy(): boolean {
    return this.#isDaring || this.#held.length > 0;
  }

  readonly take = (element: Element): void => {
    if (this.#isWaiting || this.#held.length > 0) this.#held.push(element);
    else this.#handle(element);
  };

  /** The owner can take nothing, or can again. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#go();
  }

  /** More is durable. */
  stored(): void {
    if (!this.#isBehind || this.#session.isBehind(true)) return;
    this.#isBehind = false;
    this.#go();
  }

  /** What was on its way when the session was taken up has come. */
  relax(): void {
    if (!this.#isCautious) return;
    this.#isCautious = false;
    this.#session.relax();
  }

  /** Nothing is taken any more: what is not counted the server keeps. */
  end(): void {
    this.#isOver = true;
    this.#held = [];
  }

  get #isWaiting(): boolean {
    return this.#isPaused || this.#isBehind || this.#isDaring;
  }

  #handle(element: Element): void {
    if (element.attrs.xmlns !== undefined || !isStanzaName(element.name)) this.#events.other(element);
    else if (this.#isOver) return;
    else if (this.#isCautious) this.#dare(element);
    else this.#count(element);
  }

  #count(element: Element): void {
    const session = this.#session;
    this.#events.stanza(element);
    session.took();
    if (!session.isBehind()) return;
    this.#isBehind = true;
    void session.settle();
    this.#go();
  }

  /** Taken when it is noted that it is. */
  #dare(element: Element): void {
    const { ready, undo } = this.#session.dare();
    this.#isDaring = true;
    this.#go();
    void ready.then(() => {
      this.#isDaring = false;
      if (this.#isOver) return undo();
      this.#count(element);
      this.#go();
    });
  }

  /** Takes what was held, in order, as far as it may; then reads on, or does not. */
  #go(): void {
    try {
      while (!this.#isWaiting && this.#held.length > 0) this.#handle(this.#held.shift()!);
    } catch (reason) {
      this.#events.fault(reason);
    }
    if (this.#rests === this.#isWaiting || this.#isOver) return;
    this.#rests = this.#isWaiting;
    this.#events.rest(this.#rests);
  }
}
