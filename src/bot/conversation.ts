/** One session that speaks to root: its lines in order, its dialogs, and who may see what. */
import { randomBytes } from 'node:crypto';
import type { Answer, Log, Question, World } from '../commands/context.ts';
import { UsageError } from '../commands/error.ts';
import { isPlain } from '../commands/line.ts';
import { find, type Matching } from '../commands/tree.ts';
import { splitWords, trimLine } from '../commands/words.ts';
import type { DoorOutlet, Speaker } from '../link/door.ts';
import type { BareJid } from '../wire/jid.ts';
import type { Confirmations } from './confirmations.ts';
import { type Dialog, DialogEnd, type Dialogs } from './dialogs.ts';
import { type Act, grantNow, obey, type Turn } from './turn.ts';
import { Composing } from './voice.ts';

/** What all conversations share. */
export interface Parts {
  world: World;
  outlet: DoorOutlet;
  root: BareJid;
  log: Log;
  dialogs: Dialogs;
  confirmations: Confirmations<Act>;
  /** Logins that have spoken since the start. */
  heard: Set<BareJid>;
  /** A refusal in words for a person, from below. */
  isRefusal(reason: unknown): reason is Error;
}

const longestQueue = 20;
const wipe = 'Delete your message with the password in this app, which still has it.';
const endings: Record<DialogEnd['reason'], string> = {
  cancelled: 'Cancelled. Nothing was changed.',
  timeout: 'No answer for 10 minutes, so I stopped asking. Nothing was changed.',
  busy: 'Another question of mine waits for its answer. `cancel` ends it.',
  gone: '',
};
const elsewhere = 'That question waits for an answer from the app that asked. `cancel` ends it.';

export class Conversation {
  readonly #parts: Parts;
  readonly #speaker: Speaker;
  readonly #queue: { line: string; plain: boolean }[] = [];
  #busy = false;
  #over = false;

  constructor(parts: Parts, speaker: Speaker) {
    this.#parts = parts;
    this.#speaker = speaker;
  }

  /** True if the user's other apps may see that line. */
  hear(line: string): boolean {
    const dialog = this.#parts.dialogs.of(this.#speaker.bare);
    if (dialog !== undefined && isCancel(line)) return this.#cancel(dialog);
    if (dialog?.sid === this.#speaker.sid) return this.#answer(dialog, line);
    if (dialog?.alone === false && !this.#isCommand(line, 'prefix')) {
      this.#say(elsewhere, true);
      return false;
    }
    const plain = this.#isPlain(line);
    if (!this.#busy) void this.#run(line, plain);
    else if (this.#queue.length < longestQueue) this.#queue.push({ line, plain });
    else this.#say('I am still busy; that was too much at once. Say it again later.', !plain);
    return plain;
  }

  /** The session is over: what it waited for is dropped, nothing more is said. */
  end(): void {
    this.#over = true;
    this.#queue.length = 0;
  }

  #cancel(dialog: Dialog): boolean {
    dialog.end('cancelled');
    if (dialog.sid !== this.#speaker.sid) this.#say(endings.cancelled, true);
    return true;
  }

  #answer(dialog: Dialog, line: string): boolean {
    if (dialog.question.secret) {
      if (!/[\r\n]/.test(line.trim())) dialog.answer(line.trim());
      else this.#repeat(dialog, 'A password is one line.\n');
      return false;
    }
    if (!this.#isCommand(line, 'exact')) {
      const text = line.trim();
      const fits = dialog.question.fits?.(text) ?? true; // before it is answered, as the answer may change that
      dialog.answer(text);
      return fits && !dialog.alone;
    }
    const plain = this.#isPlain(line);
    dialog.wait();
    void this.#obey(line, plain).then(() => {
      if (this.#parts.dialogs.of(this.#speaker.bare) === dialog) this.#repeat(dialog);
    });
    return plain;
  }

  #repeat(dialog: Dialog, remark = ''): void {
    dialog.wait();
    this.#say(remark + dialog.question.text, dialog.alone);
  }

  async #run(line: string, plain: boolean): Promise<void> {
    this.#busy = true;
    await this.#obey(line, plain);
    this.#busy = false;
    const next = this.#queue.shift();
    if (next !== undefined) void this.#run(next.line, next.plain);
  }

  /** Never rejects. What follows a line that is kept from the other apps is kept from them too. */
  async #obey(line: string, plain: boolean): Promise<void> {
    const { world, outlet, root, heard } = this.#parts;
    const speaker = this.#speaker;
    const audience = { alone: !plain };
    const only = () => (audience.alone ? speaker.sid : undefined);
    const composing = new Composing(world.clock, outlet, root, speaker, only);
    const turn = this.#turn(audience, composing, !heard.has(speaker.bare));
    heard.add(speaker.bare);
    composing.start();
    const { text, after } = await obey(turn, line).catch((reason) => this.#refusal(reason, turn.secrets));
    composing.stop();
    if (text !== '') this.#say(turn.secrets.length > 0 ? `${text}\n${wipe}` : text, audience.alone);
    try {
      await after?.();
    } catch (reason) {
      this.#say(this.#refusal(reason, turn.secrets).text, audience.alone);
    }
  }

  #turn(audience: { alone: boolean }, composing: Composing, first: boolean): Turn {
    const { world, log, dialogs, confirmations } = this.#parts;
    const speaker = this.#speaker;
    const secrets: string[] = [];
    return {
      world,
      speaker,
      log,
      confirmations,
      first,
      secrets,
      say: (text) => {
        this.#say(text, audience.alone);
        composing.start();
      },
      ask: async (question: Question) => {
        if (dialogs.of(speaker.bare) !== undefined) throw new DialogEnd('busy');
        audience.alone ||= question.secret;
        // First the ear, then the question: the answer cannot come too early.
        const answer = dialogs.ask(speaker, question, audience.alone);
        composing.stop();
        this.#say(question.text, audience.alone);
        const text = await answer;
        if (question.secret) secrets.push(text);
        composing.start();
        return text;
      },
    };
  }

  #refusal(reason: unknown, secrets: readonly string[]): Answer {
    if (reason instanceof DialogEnd) return { text: endings[reason.reason] };
    if (reason instanceof UsageError || this.#parts.isRefusal(reason)) return { text: reason.message };
    const reference = randomBytes(3).toString('hex');
    let cause = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    for (const secret of secrets) cause = cause.replaceAll(secret, '…');
    this.#parts.log.error('a command failed', { reference, login: this.#speaker.bare, cause });
    const next = 'Try again; if it stays so, tell who runs this proxy that reference: it is in the log.';
    return { text: `Something went wrong (reference ${reference}). ${next}` };
  }

  /** With `exact` it is written out in full: an answer is not taken for a command by chance. */
  #isCommand(line: string, matching: Matching): boolean {
    if (isAct(line)) return true;
    try {
      const { world } = this.#parts;
      return find(world.tree, splitWords(line), grantNow(world, this.#speaker).level, matching).kind === 'command';
    } catch {
      return false;
    }
  }

  #isPlain(line: string): boolean {
    if (isAct(line) || isCancel(line)) return true;
    try {
      const { world } = this.#parts;
      return isPlain(world.tree, line, { ...world, grant: grantNow(world, this.#speaker) });
    } catch {
      return false;
    }
  }

  #say(text: string, alone: boolean): void {
    const { sid, bare } = this.#speaker;
    if (!this.#over) this.#parts.outlet.say(bare, text, alone ? sid : undefined, sid);
  }
}

/** What is no command of the tree. */
const isAct = (line: string): boolean => /^(?:start|yes(?:\s+\d{0,6}[.!]?)?)$/i.test(trimLine(line));
const isCancel = (line: string): boolean => trimLine(line).toLowerCase() === 'cancel';
