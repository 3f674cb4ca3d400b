/** Questions that wait for the next message of a session; one at a time for each login. */
import type { Question } from '../commands/context.ts';
import type { Speaker } from '../link/door.ts';
import type { Clock, Timer } from '../wire/clock.ts';
import type { BareJid } from '../wire/jid.ts';

export const patience = 10 * 60_000;

/** A dialog ended without an answer: the command that asked keeps nothing. */
export class DialogEnd extends Error {
  readonly reason: 'cancelled' | 'timeout' | 'gone' | 'busy';
  constructor(reason: DialogEnd['reason']) {
    super(reason);
    this.reason = reason;
  }
}

export interface Dialog {
  readonly sid: number;
  readonly question: Question;
  /** The login's other apps do not see it. */
  readonly alone: boolean;
  answer(text: string): void;
  end(reason: DialogEnd['reason']): void;
  /** A sign of life, though no answer. */
  wait(): void;
}

export class Dialogs {
  readonly #clock: Clock;
  readonly #open = new Map<BareJid, Dialog>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(login: BareJid): Dialog | undefined {
    return this.#open.get(login);
  }

  /** The answer to a question; rejects with a DialogEnd. */
  ask({ sid, bare }: Speaker, question: Question, alone: boolean): Promise<string> {
    if (this.#open.has(bare)) return Promise.reject(new DialogEnd('busy'));
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const close = () => {
        timer?.cancel();
        this.#open.delete(bare);
      };
      const dialog: Dialog = {
        sid,
        question,
        alone,
        answer(text) {
          close();
          resolve(text);
        },
        end(reason) {
          close();
          reject(new DialogEnd(reason));
        },
        wait: () => {
          timer?.cancel();
          timer = this.#clock.after(patience, () => dialog.end('timeout'));
        },
      };
      dialog.wait();
      this.#open.set(bare, dialog);
    });
  }

  gone(sid: number): void {
    for (const dialog of [...this.#open.values()]) if (dialog.sid === sid) dialog.end('gone');
  }

  close(): void {
    for (const dialog of [...this.#open.values()]) dialog.end('gone');
  }
}
