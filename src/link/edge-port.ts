/** The edge's side of a worker: units that are at the other end of a port. What is told them is numbered, and they say how far they are. */
import type { Stanza } from '../wire/stanza.ts';
import { type Batch, BatchReader, BatchWriter, type Port } from './batch.ts';
import type {
  AccountSettings,
  Answer,
  Ask,
  EdgeLink,
  EdgeQuestions,
  LoginTrial,
  Past,
  SessionFacts,
  UnitQuestions,
  UnitSettings,
  UpstreamSettings,
} from './link.ts';
import {
  ACCOUNT,
  ACKNOWLEDGED,
  ACTIVITY,
  AGAIN,
  ATTACH,
  BEGUN,
  CLOSE,
  DELIVER,
  DETACH,
  FACTS,
  FLOW,
  PASSED,
  PAUSE,
  RESUMABLE,
  RESUME,
  RETOLD,
  STANZA,
  STORED,
  TAKEN,
} from './operations.ts';
import { ANSWER, ASK, Questions } from './questions.ts';

/** How far a unit has got with what it was told. */
export interface Progress {
  /** It has done all up to that number. */
  taken(number: number): void;
  /** It is about to do that, of which the unit before this one may have died. */
  begun(number: number): void;
}

export class RemoteHost {
  readonly #writer: BatchWriter;
  readonly #questions: Questions;
  readonly #edge: EdgeLink;
  readonly #units = new Map<number, Progress>();

  constructor(port: Port, edge: EdgeLink) {
    this.#edge = edge;
    this.#writer = new BatchWriter((batch) => port.postMessage(batch));
    this.#questions = new Questions(this.#writer, (_unit, what, ask) =>
      edge.ask(what as keyof EdgeQuestions, ask as Ask<EdgeQuestions, keyof EdgeQuestions>),
    );
    port.on('message', (message) => this.#read(new BatchReader(message as Batch)));
  }

  async open(settings: UnitSettings, progress: Progress): Promise<RemoteUnit> {
    const number = (await this.#questions.ask(0, 'open', settings)) as number;
    this.#units.set(number, progress);
    return new RemoteUnit(number, this.#writer, this.#questions, () => this.#units.delete(number));
  }

  async tryLogin(account: AccountSettings, upstream: UpstreamSettings): Promise<LoginTrial> {
    return (await this.#questions.ask(0, 'tryLogin', { account, upstream })) as LoginTrial;
  }

  /** The thread is over: nobody will answer what was asked. */
  ended(reason: Error): void {
    this.#questions.failAll(reason);
  }

  #read(reader: BatchReader): void {
    const edge = this.#edge;
    while (reader.more) {
      const operation = reader.number();
      switch (operation) {
        case ASK:
          this.#questions.asked(reader);
          break;
        case ANSWER:
          this.#questions.answered(reader);
          break;
        case DELIVER:
          edge.deliver(reader.list(), reader.stanza(), reader.number() || undefined);
          break;
        case STORED:
          edge.stored(reader.number(), reader.number());
          break;
        case FACTS:
          edge.facts(reader.number(), readFacts(reader.string()));
          break;
        case CLOSE:
          edge.close(reader.number(), reader.string() as Parameters<EdgeLink['close']>[1], reader.string());
          break;
        case PAUSE:
          edge.pause(reader.number());
          break;
        case RESUME:
          edge.resume(reader.number());
          break;
        case ACCOUNT:
          edge.account(reader.string(), JSON.parse(reader.string()));
          break;
        case TAKEN:
          this.#units.get(reader.number())?.taken(reader.number());
          break;
        case BEGUN:
          this.#units.get(reader.number())?.begun(reader.number());
          break;
        default:
          throw new Error(`unknown operation ${operation}`);
      }
    }
  }
}

/** JSON has no undefined: null stands for it, and only `presence` can be that. */
function readFacts(text: string): Partial<SessionFacts> {
  const change = JSON.parse(text) as Partial<SessionFacts>;
  if (change.presence === null) change.presence = undefined;
  return change;
}

/** As UnitLink; what may be lost has a number of the caller's, each higher than the last. */
export class RemoteUnit {
  readonly #unit: number;
  readonly #writer: BatchWriter;
  readonly #questions: Questions;
  readonly #stopped: () => void;

  constructor(unit: number, writer: BatchWriter, questions: Questions, stopped: () => void) {
    this.#unit = unit;
    this.#writer = writer;
    this.#questions = questions;
    this.#stopped = stopped;
  }

  attach(sid: number, facts: SessionFacts): void {
    this.#writer.numbers(ATTACH, this.#unit, sid).strings(JSON.stringify(facts));
  }
  resumable(sid: number, from: number): void {
    this.#writer.numbers(RESUMABLE, sid, from);
  }
  detach(number: number, sid: number, isClean: boolean): void {
    this.#writer.numbers(DETACH, sid, number, isClean ? 1 : 0);
  }
  /** `past`: what is known of it from the unit before this one. */
  stanza(number: number, sid: number, stanza: Stanza, position: number, past?: Past): void {
    const operation = past === undefined ? STANZA : past === 'taken' ? AGAIN : RETOLD;
    this.#writer.numbers(operation, sid, number, position).stanza(stanza);
  }
  passed(sid: number, position: number): void {
    this.#writer.numbers(PASSED, sid, position);
  }
  acknowledged(sid: number, place: number): void {
    this.#writer.numbers(ACKNOWLEDGED, sid, place);
  }
  flow(sid: number, isOpen: boolean): void {
    this.#writer.numbers(FLOW, sid, isOpen ? 1 : 0);
  }
  activity(sid: number, inactive: boolean): void {
    this.#writer.numbers(ACTIVITY, sid, inactive ? 1 : 0);
  }
  async ask<K extends keyof UnitQuestions>(what: K, ask: Ask<UnitQuestions, K>): Promise<Answer<UnitQuestions, K>> {
    const answer = (await this.#questions.ask(this.#unit, what, ask)) as Answer<UnitQuestions, K>;
    if (what === 'stop') this.#stopped();
    return answer;
  }
}
