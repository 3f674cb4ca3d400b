/** The units' side of a worker: serves them to the edge at the other end of a port, and says how far each has got. */
import { errorOf, isRequest, type Stanza } from '../wire/stanza.ts';
import { type Batch, BatchReader, BatchWriter, type Port } from './batch.ts';
import type {
  AccountSettings,
  AccountState,
  Answer,
  Ask,
  EdgeLink,
  EdgeQuestions,
  Past,
  SessionFacts,
  UnitHost,
  UnitLink,
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
} from './operations.ts';
import { Reports, type Work } from './progress.ts';
import { ANSWER, ASK, Questions } from './questions.ts';

interface Served {
  unit: UnitLink;
  work: Work;
}

/** `host` is made with the edge it will speak to; `failed` is told of what a unit throws: one bad stanza must not end all. */
export function serveUnits(port: Port, host: (edge: EdgeLink) => UnitHost, failed: (reason: unknown) => void): void {
  const reports = new Reports();
  const writer = new BatchWriter(
    (batch) => port.postMessage(batch),
    () => reports.write(writer),
  );
  const units = new Map<number, Served>();
  const bySession = new Map<number, Served>();
  let next = 1;

  const questions = new Questions(writer, async (number, what, ask) => {
    if (what === 'open') {
      const unit = await served.open(ask as UnitSettings);
      units.set(next, { unit, work: reports.of(next, writer) });
      return next++;
    }
    if (what === 'tryLogin') {
      const { account, upstream } = ask as { account: AccountSettings; upstream: UpstreamSettings };
      return served.tryLogin(account, upstream);
    }
    const found = units.get(number);
    if (found === undefined) throw new Error('no such unit');
    if (what === 'stop') units.delete(number);
    return found.unit.ask(what as keyof UnitQuestions, ask as Ask<UnitQuestions, keyof UnitQuestions>);
  });
  const edge = new RemoteEdge(writer, questions);
  const served = host(edge);

  const guarded = (act: () => void, otherwise = () => {}): void => {
    try {
      act();
    } catch (reason) {
      failed(reason);
      otherwise();
    }
  };

  /** From a client: done, and told of. */
  const take = (sid: number, number: number, position: number, stanza: Stanza, past?: Past): void => {
    const found = bySession.get(sid);
    if (found === undefined) return;
    const { unit, work } = found;
    const refuse = () => {
      if (isAnswerable(stanza)) edge.deliver([sid], errorOf(stanza, 'internal-server-error'));
    };
    guarded(() => unit.stanza(sid, stanza, position, number, past), refuse);
    work.done(number, stanza.rest.length);
  };

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
          const found = units.get(reader.number());
          const sid = reader.number();
          const facts = JSON.parse(reader.string()) as SessionFacts;
          if (found === undefined) break;
          bySession.set(sid, found);
          const refuse = () => edge.close(sid, 'internal-server-error', 'This login cannot be served now');
          guarded(() => found.unit.attach(sid, facts), refuse);
          break;
        }
        case DETACH: {
          const sid = reader.number();
          const number = reader.number();
          const isClean = reader.number() === 1;
          const found = bySession.get(sid);
          bySession.delete(sid);
          if (found === undefined) break;
          guarded(() => found.unit.detach(sid, isClean));
          found.work.done(number, 0);
          break;
        }
        case RETOLD: {
          const [sid, number] = [reader.number(), reader.number()];
          bySession.get(sid)?.work.begin(number); // should it kill us, the edge knows
          take(sid, number, reader.number(), reader.stanza(), 'told');
          break;
        }
        case STANZA:
        case AGAIN:
          take(
            reader.number(),
            reader.number(),
            reader.number(),
            reader.stanza(),
            operation === AGAIN ? 'taken' : undefined,
          );
          break;
        case RESUMABLE: {
          const [sid, from] = [reader.number(), reader.number()];
          guarded(() => bySession.get(sid)?.unit.resumable(sid, from));
          break;
        }
        case PASSED: {
          const [sid, position] = [reader.number(), reader.number()];
          guarded(() => bySession.get(sid)?.unit.passed(sid, position));
          break;
        }
        case ACKNOWLEDGED: {
          const [sid, place] = [reader.number(), reader.number()];
          guarded(() => bySession.get(sid)?.unit.acknowledged(sid, place));
          break;
        }
        case FLOW: {
          const [sid, isOpen] = [reader.number(), reader.number() === 1];
          guarded(() => bySession.get(sid)?.unit.flow(sid, isOpen));
          break;
        }
        case ACTIVITY: {
          const sid = reader.number();
          const inactive = reader.number() === 1;
          guarded(() => bySession.get(sid)?.unit.activity(sid, inactive));
          break;
        }
        default:
          throw new Error(`unknown operation ${operation}`);
      }
    }
  });
}

/** RFC 6120 §8.3.1: may it be answered with an error? */
const isAnswerable = (stanza: Stanza): boolean =>
  isRequest(stanza) || (stanza.name === 'message' && stanza.type !== 'error');

class RemoteEdge implements EdgeLink {
  readonly #writer: BatchWriter;
  readonly #questions: Questions;

  constructor(writer: BatchWriter, questions: Questions) {
    this.#writer = writer;
    this.#questions = questions;
  }

  deliver(sids: readonly number[], stanza: Stanza, place = 0): void {
    if (sids.length > 0) this.#writer.numbers(DELIVER).list(sids).stanza(stanza).numbers(place);
  }
  stored(sid: number, position: number): void {
    this.#writer.numbers(STORED, sid, position);
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
