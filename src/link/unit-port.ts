/** The units' side of a worker: serves a UnitHost to the edge at the other end of a port. */
import type { Stanza } from '../wire/stanza.ts';
import { type Batch, BatchReader, BatchWriter, type Port } from './batch.ts';
import type {
  AccountSettings,
  AccountState,
  Answer,
  Ask,
  EdgeLink,
  EdgeQuestions,
  SessionFacts,
  UnitHost,
  UnitLink,
  UnitQuestions,
  UnitSettings,
  UpstreamSettings,
} from './link.ts';
import { ACCOUNT, ACTIVITY, ATTACH, CLOSE, DELIVER, DETACH, FACTS, PAUSE, RESUME, STANZA } from './operations.ts';
import { ANSWER, ASK, Questions } from './questions.ts';

/** `host` is made with the edge it will speak to. */
export function serveUnits(port: Port, host: (edge: EdgeLink) => UnitHost): void {
  const writer = new BatchWriter((batch) => port.postMessage(batch));
  const units = new Map<number, UnitLink>();
  const bySession = new Map<number, UnitLink>();
  let next = 1;

  const questions = new Questions(writer, async (number, what, ask) => {
    if (what === 'open') {
      const given = next++;
      units.set(given, await served.open(ask as UnitSettings));
      return given;
    }
    if (what === 'tryLogin') {
      const { account, upstream } = ask as { account: AccountSettings; upstream: UpstreamSettings };
      return served.tryLogin(account, upstream);
    }
    const unit = units.get(number);
    if (unit === undefined) throw new Error('no such unit');
    if (what === 'stop') units.delete(number);
    return unit.ask(what as keyof UnitQuestions, ask as Ask<UnitQuestions, keyof UnitQuestions>);
  });
  const served = host(new RemoteEdge(writer, questions));

  port.on('message', (message) => {
    const reader = new BatchReader(message as Batch);
    while (reader.more) {
      const operation = reader.number();
      switch (operation) {
        case ASK:
          questions.asked(reader);
          break;
        case ANSWER:
          questions.answered(reader);
          break;
        case ATTACH: {
          const unit = units.get(reader.number());
          const sid = reader.number();
          const facts = JSON.parse(reader.string()) as SessionFacts;
          if (unit !== undefined) bySession.set(sid, unit);
          unit?.attach(sid, facts);
          break;
        }
        case DETACH: {
          const sid = reader.number();
          const unacknowledged: Stanza[] = [];
          for (let left = reader.number(); left > 0; left--) unacknowledged.push(reader.stanza());
          bySession.get(sid)?.detach(sid, unacknowledged);
          bySession.delete(sid);
          break;
        }
        case STANZA: {
          const sid = reader.number();
          const stanza = reader.stanza();
          bySession.get(sid)?.stanza(sid, stanza);
          break;
        }
        case ACTIVITY: {
          const sid = reader.number();
          bySession.get(sid)?.activity(sid, reader.number() === 1);
          break;
        }
        default:
          throw new Error(`unknown operation ${operation}`);
      }
    }
  });
}

class RemoteEdge implements EdgeLink {
  readonly #writer: BatchWriter;
  readonly #questions: Questions;

  constructor(writer: BatchWriter, questions: Questions) {
    this.#writer = writer;
    this.#questions = questions;
  }

  deliver(sids: readonly number[], stanza: Stanza): void {
    if (sids.length > 0) this.#writer.numbers(DELIVER).list(sids).stanza(stanza);
  }
  facts(sid: number, change: Partial<SessionFacts>): void {
    const nulled = 'presence' in change ? { ...change, presence: change.presence ?? null } : change;
    this.#writer.numbers(FACTS, sid).strings(JSON.stringify(nulled));
  }
  close(sid: number, condition: string, text: string): void {
    this.#writer.numbers(CLOSE, sid).strings(condition, text);
  }
  pause(sid: number): void {
    this.#writer.numbers(PAUSE, sid);
  }
  resume(sid: number): void {
    this.#writer.numbers(RESUME, sid);
  }
  account(user: string, state: AccountState): void {
    this.#writer.numbers(ACCOUNT).strings(user, JSON.stringify(state));
  }
  async ask<K extends keyof EdgeQuestions>(what: K, ask: Ask<EdgeQuestions, K>): Promise<Answer<EdgeQuestions, K>> {
    return (await this.#questions.ask(0, what, ask)) as Answer<EdgeQuestions, K>;
  }
}
