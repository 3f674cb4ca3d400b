/** The edge's side of a worker: a UnitHost whose units are at the other end of a port. */
import type { Stanza } from '../wire/stanza.ts';
import { type Batch, BatchReader, BatchWriter, type Port } from './batch.ts';
import type {
  AccountSettings,
  Answer,
  Ask,
  EdgeLink,
  EdgeQuestions,
  LoginTrial,
  SessionFacts,
  UnitHost,
  UnitLink,
  UnitQuestions,
  UnitSettings,
  UpstreamSettings,
} from './link.ts';
import { ACCOUNT, ACTIVITY, ATTACH, CLOSE, DELIVER, DETACH, FACTS, PAUSE, RESUME, STANZA } from './operations.ts';
import { ANSWER, ASK, Questions } from './questions.ts';

export class RemoteHost implements UnitHost {
  readonly #writer: BatchWriter;
  readonly #questions: Questions;
  readonly #edge: EdgeLink;
  readonly #end: () => Promise<unknown>;

  /** `end`: stops the thread behind the port. */
  constructor(port: Port, edge: EdgeLink, end: () => Promise<unknown>) {
    this.#edge = edge;
    this.#end = end;
    this.#writer = new BatchWriter((batch) => port.postMessage(batch));
    this.#questions = new Questions(this.#writer, (_unit, what, ask) =>
      edge.ask(what as keyof EdgeQuestions, ask as Ask<EdgeQuestions, keyof EdgeQuestions>),
    );
    port.on('message', (message) => this.#read(new BatchReader(message as Batch)));
  }

  async open(settings: UnitSettings): Promise<UnitLink> {
    const number = (await this.#questions.ask(0, 'open', settings)) as number;
    return new RemoteUnit(number, this.#writer, this.#questions);
  }

  async tryLogin(account: AccountSettings, upstream: UpstreamSettings): Promise<LoginTrial> {
    return (await this.#questions.ask(0, 'tryLogin', { account, upstream })) as LoginTrial;
  }

  async close(): Promise<void> {
    await this.#end();
    this.#questions.failAll(new Error('the worker has ended'));
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
          edge.deliver(reader.list(), reader.stanza());
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

class RemoteUnit implements UnitLink {
  readonly #number: number;
  readonly #writer: BatchWriter;
  readonly #questions: Questions;

  constructor(number: number, writer: BatchWriter, questions: Questions) {
    this.#number = number;
    this.#writer = writer;
    this.#questions = questions;
  }

  attach(sid: number, facts: SessionFacts): void {
    this.#writer.numbers(ATTACH, this.#number, sid).strings(JSON.stringify(facts));
  }
  detach(sid: number, unacknowledged: readonly Stanza[]): void {
    this.#writer.numbers(DETACH, sid, unacknowledged.length);
    for (const stanza of unacknowledged) this.#writer.stanza(stanza);
  }
  stanza(sid: number, stanza: Stanza): void {
    this.#writer.numbers(STANZA, sid).stanza(stanza);
  }
  activity(sid: number, inactive: boolean): void {
    this.#writer.numbers(ACTIVITY, sid, inactive ? 1 : 0);
  }
  async ask<K extends keyof UnitQuestions>(what: K, ask: Ask<UnitQuestions, K>): Promise<Answer<UnitQuestions, K>> {
    return (await this.#questions.ask(this.#number, what, ask)) as Answer<UnitQuestions, K>;
  }
}
