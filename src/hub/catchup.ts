/**
 * What an account missed: after an outage that was not made up for by resumption, the gap is filled from its server's archive before
 * live messages go on, which wait in order meanwhile. A gap that could not be filled is remembered, and tried again at the next login.
 */
import type { ArchivedMessage, Messages, Sought } from '../archive/types.ts';
import { type BareJid, bare, type Jid, resourceOf } from '../wire/jid.ts';
import { parseElement } from '../wire/parser.ts';
import { Stanza } from '../wire/stanza.ts';
import { readMessage } from './archivable.ts';
import type { Context } from './context.ts';
import type { Outbox } from './outbox.ts';
import type { NoPage, ServerArchive, ServerMessage, ServerPage, Where } from './server-archive.ts';

/** Where the account's part of the server's archive is known up to. */
export interface Anchor {
  /** The server's id of the last message that is known; without it the date counts. */
  alias?: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** The account came here then: what was said before was not missed. */
  isFirst?: boolean;
}

/** Clocks of servers differ, and archives are not sorted to the second: milliseconds. */
const overlap = 10 * 60_000;
/** When a server falls, senders send again what it may have archived: milliseconds between the two. */
const again = 10 * 60_000;
/** What waits at most meanwhile: what is more is in the server's archive, too, which is asked again then. */
const most = { messages: 5000, characters: 16 << 20 };

interface Parts {
  server: ServerArchive;
  messages: Messages;
  /** The last message of which the server's name is known. */
  latest(): Anchor | undefined;
  outbox: Pick<Outbox, 'doubtful' | 'found'>;
  /** A message that was missed, as if it came now; when it was said, in milliseconds. */
  missed(message: Stanza, at: number): void;
  /** A live message. */
  live(message: Stanza): void;
  /** Nothing is missed any more, or it cannot be had. */
  done(): void;
  /** The server has an archive. */
  found(): void;
  /** The server keeps messages for who is offline (XEP-0160). */
  keepsOffline(): boolean;
}

export class CatchUp {
  readonly #context: Context;
  readonly #parts: Parts;
  /** Live messages that wait; undefined while nothing has to. */
  #waiting: Stanza[] | undefined;
  #characters = 0;
  /** More came than can wait, since the server was asked last. */
  #isOver = false;
  /** Which login it is for. */
  #turn = 0;
  /** Not filled yet. */
  #gap: Anchor | undefined;
  /** When this account came here, once it has been online: milliseconds since the epoch. */
  #since: number | undefined;
  readonly #opened: number;
  /** Where the gap begins that people were told of. */
  #told: number | undefined;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
    this.#opened = context.now();
  }

  async load(): Promise<void> {
    const meta = await this.#context.kept.read('meta');
    const read = (name: string): Anchor | undefined => {
      const value = meta.find(({ key }) => key === name)?.value;
      return value === undefined ? undefined : (JSON.parse(value) as Anchor);
    };
    this.#gap = read('gap');
    this.#since = read('since')?.at;
  }

  /**
   * A login: calls `done` when live traffic may go on. At once where this process takes its own session up again, unless a gap is
   * open from before: one that ended in the midst may have sent what it did not live to archive.
   * COMPAT: each login asks the archive, if for nothing else: Prosody's mod_smacks then sends nobody an error about what we did not acknowledge.
   */
  begin(isResumed: boolean): void {
    const turn = ++this.#turn;
    const anchor = this.#gap ?? (isResumed ? undefined : (this.#parts.latest() ?? this.#first()));
    if (anchor === undefined) return this.#end();
    this.#waiting ??= [];
    this.#setGap(anchor); // before anything that has to wait counts as handled
    // what was never sent need not wait; what the server may have does
    if (this.#parts.outbox.doubtful().length === 0) this.#parts.done();
    const { alias } = anchor;
    this.#ask(turn, alias === undefined ? { start: startOf(anchor) } : { after: alias }, anchor);
  }

  /**
   * An account that was never online has missed what was said since it came here.
   * COMPAT: ejabberd 23.01 archives what comes between bind and initial presence, and delivers it to nobody.
   */
  #first(): Anchor {
    if (this.#since !== undefined) return { at: this.#since };
    this.#since = this.#opened;
    this.#context.kept.put('meta', 'since', JSON.stringify({ at: this.#since } satisfies Anchor));
    return { at: this.#since, isFirst: true };
  }

  /** Something is missing that the server may still have. */
  get isOpen(): boolean {
    return this.#gap !== undefined;
  }

  /** True if it has to wait. */
  holds(message: Stanza): boolean {
    if (this.#waiting === undefined) return false;
    const fits = this.#waiting.length < most.messages && this.#characters < most.characters;
    this.#characters += message.rest.length; // of what is left out, too: nothing overtakes it
    if (fits) this.#waiting.push(message);
    else this.#isOver = true;
    return true;
  }

  /** The stream is gone. What waited is found in the server's archive at the next login. */
  offline(): void {
    this.#turn++;
    const waiting = this.#waiting ?? [];
    if (this.#waiting !== undefined) this.#waiting = [];
    this.#characters = 0;
    if (this.#parts.latest()?.alias === undefined) this.#release(waiting); // perhaps it has no archive
  }

  #ask(turn: number, where: Where, anchor: Anchor): void {
    this.#isOver = false;
    this.#parts.server.page(where, (page) => {
      if (turn !== this.#turn) return;
      if (page === 'unknown-id' && where.start === undefined)
        return this.#ask(turn, { start: startOf(anchor) }, anchor);
      if (typeof page === 'string') return this.#giveUp(page, anchor);
      if (page.messages.length === 0 && !this.#isOver) return this.#filled();
      if (page.messages.length === 0) return this.#ask(turn, where, anchor);
      this.#take(turn, page)
        .then(({ isWhole, known }) => {
          // its archive does not reach back to what we know
          if (isWhole && known === 0 && where.start !== undefined && anchor.alias !== undefined)
            this.#tell(anchor, page.messages[0]!.at);
          if (isWhole) this.#next(turn, page);
        })
        .catch((error: unknown) => {
          this.#context.log.error('catch-up failed', { account: this.#context.account, error: String(error) });
          if (turn === this.#turn) this.#giveUp('failed', anchor);
        });
    });
  }

  #next(turn: number, { messages, complete }: ServerPage): void {
    if (complete && !this.#isOver) return this.#filled();
    const { alias, at } = messages.at(-1)!;
    this.#setGap({ alias, at });
    this.#ask(turn, { after: alias }, { alias, at });
  }

  /** How many of them were known already; not whole if the stream went meanwhile. */
  async #take(turn: number, { messages }: ServerPage): Promise<{ isWhole: boolean; known: number }> {
    const { account } = this.#context;
    let count = 0;
    for (const missed of messages) {
      if (missed.message.type === 'groupchat') continue; // rooms have a history of their own
      const known = await findKnown(this.#parts.messages, account, missed);
      if (turn !== this.#turn) return { isWhole: false, known: count };
      if (known === undefined) this.#each(() => this.#parts.missed(missed.message, missed.at));
      else this.#isHere(known, missed);
      if (known !== undefined) count++;
    }
    return { isWhole: true, known: count };
  }

  /** The server has it under that name. If it was ours to send, it need not be sent again. */
  #isHere(known: ArchivedMessage, { alias }: ServerMessage): void {
    const { outbox, messages } = this.#parts;
    if (known.alias === undefined) void messages.alias(this.#context.account, known.place, alias).catch(() => {});
    if (!known.isSent) return;
    const sent = outbox
      .doubtful()
      .find(({ message, client }) => client === known.client && message.id === known.id && isTo(message, known.peer));
    if (sent !== undefined) outbox.found(sent.key);
  }

  #filled(): void {
    this.#setGap(undefined);
    this.#end();
    this.#parts.found();
  }

  #giveUp(reason: NoPage, anchor: Anchor): void {
    if (reason === 'failed') this.#tell(anchor);
    else {
      this.#setGap(undefined);
      const isGap = this.#isOver || (!this.#parts.keepsOffline() && !anchor.isFirst);
      if (isGap) this.#tell(anchor, this.#context.now());
    }
    this.#end();
  }

  #end(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#characters = 0;
    this.#release(waiting);
    this.#parts.done();
  }

  #release(waiting: readonly Stanza[]): void {
    for (const message of waiting) this.#each(() => this.#parts.live(message));
  }

  /** A message at which something breaks is not to take the others with it. */
  #each(act: () => void): void {
    try {
      act();
    } catch (error) {
      const { account, log } = this.#context;
      log.error('message not handled', { account, error: String(error) });
    }
  }

  #setGap(gap: Anchor | undefined): void {
    if (gap === this.#gap) return;
    this.#gap = gap;
    if (gap === undefined) this.#context.kept.remove('meta', 'gap');
    else this.#context.kept.put('meta', 'gap', JSON.stringify(gap));
  }

  /** Once for each gap: where it begins, and where it ends if it stays one. */
  #tell({ at }: Anchor, end?: number): void {
    if (this.#told === at) return;
    this.#told = at;
    const { account, tell } = this.#context;
    if (end === undefined)
      tell(
        `The server of ${account} did not give out what came since ${dateOf(at)}. It is asked again at the next login.`,
      );
    else
      tell(
        `Messages to ${account} from ${dateOf(at)} to ${dateOf(end)} may be missing: its server did not keep them for us.`,
      );
  }
}

const dateOf = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

const startOf = ({ at, isFirst }: Anchor): number => (isFirst ? at : at - overlap);

const isTo = ({ to }: Stanza, peer: string): boolean => to !== undefined && bare(to as Jid) === peer;

/** That message in our archive, whatever it is known by. Senders may use an id twice: then the content tells. */
export async function findKnown(
  messages: Messages,
  account: BareJid,
  { alias, at, message }: ServerMessage,
): Promise<ArchivedMessage | undefined> {
  const named = await messages.find(account, { alias });
  if (named !== undefined) return named;
  const { originId, mark } = readMessage(message, account);
  for (const sought of otherNames(message, account, originId)) {
    const found = await messages.find(account, sought);
    if (found === undefined || (found.alias !== undefined && Math.abs(found.at - at) > again)) continue;
    if (readMessage(Stanza.of(parseElement(found.text)), account).mark === mark) return found;
  }
  return undefined;
}

function otherNames(message: Stanza, account: BareJid, originId: string | undefined): Sought[] {
  const isSent = isSentBy(message, account);
  const other = (isSent ? message.to : message.from) as Jid | undefined;
  if (other === undefined) return [];
  const peer = bare(other);
  const resource = isSent ? '' : resourceOf(other);
  const names: Sought[] = [];
  if (originId !== undefined) names.push({ originId, peer, isSent });
  if (message.id !== undefined) names.push({ id: message.id, peer, isSent, ...(resource !== '' && { resource }) });
  return names;
}

/** The account said it, and not to itself: that is as good as told. */
export const isSentBy = ({ from, to }: Stanza, account: BareJid): boolean =>
  from !== undefined && to !== undefined && bare(from as Jid) === account && bare(to as Jid) !== account;
