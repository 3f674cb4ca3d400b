/**
 * What a client missed (RULES, "Nothing lost"): given from the archive when it comes, oldest first. What comes meanwhile is archived,
 * too, so it is given in its turn, until there is nothing more and the client gets everything as it comes. One file, for what a client
 * has, waits for and is given is one state.
 */
import type { ArchivedMessage, Selection } from '../archive/types.ts';
import { type BareJid, type FullJid, withResource } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import type { Archive } from './archive.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import type { Cursors } from './cursors.ts';
import type { Flow } from './flow.ts';
import type { Habit, Habits } from './habits.ts';
import type { Archived } from './ids.ts';
import { Recalled } from './recalled.ts';
import { isAmong, type Run, replayed, sendersOf } from './replayed.ts';

/** How long a client may take to ask the archive, or to enable carbons, before it counts as one that does not: milliseconds. */
const grace = 10_000;

/** A place before all others: who has got nothing yet is known to the next hub, too. */
const before = 1;

/** What is given at once, between two looks at whether the client can take more; and the time between: milliseconds. */
const portion = { messages: 100, characters: 128 * 1024 };
const breath = 3;

/** When it is tried once more if the archive cannot be read: milliseconds. */
const again = 2000;

/** Messages without a place that wait behind a replay, at most. */
const mostHeld = 100;

interface Parts {
  context: Context;
  archive: Archive;
  archived: Archived;
  cursors: Cursors;
  habits: Habits;
  flow: Flow;
  /** For an occupant of a room of ours: the clients that are in it. */
  membersAt(occupant: FullJid): ReadonlySet<number> | undefined;
}

export class Replay {
  readonly #parts: Parts;
  readonly #runs = new Map<number, Run>();
  /** Of clients that have stopped taking messages, and are still there: what they had by then. */
  readonly #stopped = new Map<number, number>();
  readonly recalled = new Recalled();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Its presence or priority has changed. */
  present(client: Client): void {
    const takes = client.presence !== undefined && client.priority >= 0;
    const run = this.#runs.get(client.sid);
    if (takes && run === undefined) this.#begin(client);
    else if (!takes && run !== undefined) this.#stop(run);
  }

  #begin(client: Client): void {
    const { cursors, habits, context } = this.#parts;
    const habit = habits.of(client.address);
    const cursor = this.#stopped.get(client.sid) ?? cursors.of(client.address);
    const run = this.#open(client, cursor ?? cursors.highest, habit);
    cursors.move(client.address, run.position);
    if (habit.mam) return this.#finish(run);
    context.later(grace, () => this.#learn(run));
    if (cursor === undefined) run.backlog = context.settings.backlog;
    if (run.position >= this.#newest && run.backlog === 0) return this.#finish(run);
    this.#hold(run);
    context.outlet.facts(client.sid, { delivered: Math.max(run.position, before) });
    if (habit.plain && (client.carbons || !habit.carbons)) return this.#start(run);
    context.later(grace, () => this.#start(run));
    if (run.backlog === 0) void this.#look(run);
  }

  /** What there was when it came may be all its own: then there is nothing to wait for. */
  async #look(run: Run): Promise<void> {
    const { archive, archived } = this.#parts;
    const [newest] = [this.#newest, await this.recalled.there];
    const missed = { ...this.#missedBy(run), before: newest + 1 };
    const { messages } = await archived.page(missed, 1).catch(() => ({ messages: [undefined] }));
    if (messages.length > 0 || run.isOver || run.isStarted) return;
    run.position = newest;
    if (archive.newest > newest) this.#start(run);
    else this.#finish(run);
  }

  #missedBy({ position, client }: Run): Selection {
    return { after: position, groupchat: false, notBy: client.address };
  }

  #open(client: Client, position: number, habit: Habit, inherited = 0): Run {
    const began = this.#parts.archive.last;
    const run: Run = {
      ...{ client, position, began, inherited, habit },
      ...{ backlog: 0, isStarted: false, isPostponed: false, isOver: false },
      held: [],
      given: new Set(),
    };
    this.#runs.set(client.sid, run);
    this.#stopped.delete(client.sid);
    return run;
  }

  /** The highest place of a message that somebody may have missed. */
  get #newest(): number {
    return Math.max(this.#parts.archive.newest, this.recalled.highest);
  }

  /** A client that a hub before this one had, and gave all up to `delivered`: it goes on from there. */
  restore(client: Client, delivered: number): void {
    if (client.presence === undefined || client.priority < 0) return;
    const { archive, cursors, habits } = this.#parts;
    const habit = { ...habits.of(client.address) };
    const position = delivered || (cursors.of(client.address) ?? archive.newest);
    const run = this.#open(client, position, habit, position);
    if (run.position >= this.#newest) return;
    this.#hold(run);
    this.#start(run);
  }

  /** It did not ask the archive while it could. */
  #learn({ client, isOver }: Run): void {
    const { habits } = this.#parts;
    if (!isOver && !habits.of(client.address).mam) habits.change(client.address, { plain: true });
  }

  /** It asks the archive: all from before it came it fetches itself. */
  queried(client: Client): void {
    this.#parts.habits.change(client.address, { mam: true });
    const run = this.#runs.get(client.sid);
    if (run === undefined || !client.isBehind) return;
    run.position = Math.max(run.position, run.began);
    run.backlog = 0;
    this.#start(run);
  }

  /** From that place on it gets everything in its turn, after `until` at the latest (see Context). */
  postpone(client: Client, place: number, until: number): boolean {
    const run = this.#runs.get(client.sid);
    if (run === undefined || client.isBehind) return false;
    run.position = place - 1;
    run.isStarted = false;
    run.isPostponed = true;
    this.#hold(run);
    this.#parts.context.later(until - this.#parts.context.now(), () => this.#start(run));
    return true;
  }

  /** It has enabled carbons: that is all there was to wait for, if it does not ask the archive. */
  enabledCarbons(client: Client): void {
    this.#parts.habits.change(client.address, { carbons: true });
    const run = this.#runs.get(client.sid);
    if ((run?.habit.plain || run?.isPostponed) && client.isBehind) this.#start(run);
  }

  // ---- giving

  #hold({ client }: Run): void {
    client.isBehind = true;
    this.#parts.context.clients.changed();
  }

  #start(run: Run): void {
    if (run.isStarted || run.isOver) return;
    run.isStarted = true;
    run.isPostponed = false;
    void this.#run(run).catch((error: unknown) => {
      const { context } = this.#parts;
      if (run.isOver) return;
      // nothing is passed over: what it misses now would be taken for given
      context.log.error('replay failed, and is tried again', { account: context.account, error: String(error) });
      run.isStarted = false;
      context.later(again, () => this.#start(run));
    });
  }

  async #run(run: Run): Promise<void> {
    const { archive, archived, flow, context } = this.#parts;
    await this.recalled.there;
    if (run.backlog > 0) await this.#goBack(run);
    for (;;) {
      await flow.opened(run.client.sid);
      if (run.isOver) return;
      const { newest } = archive;
      const { messages, complete } = await archived.page(this.#missedBy(run), portion.messages);
      const about = await sendersOf(this.#parts.archived, messages);
      if (run.isOver) return;
      const isAll = this.#give(run, messages, about) && complete;
      if (isAll) run.position = Math.max(run.position, newest);
      if (isAll && archive.newest <= run.position) return this.#finish(run);
      await new Promise<void>((resolve) => context.later(breath, resolve));
    }
  }

  /** A client that was never here gets so many messages that others have seen. */
  async #goBack(run: Run): Promise<void> {
    const seen = { before: run.position + 1, groupchat: false };
    const { messages } = await this.#parts.archived.page(seen, run.backlog, true);
    run.backlog = 0;
    if (messages[0] !== undefined) run.position = Math.min(run.position, messages[0].place - 1);
  }

  /** False if not all could be given. */
  #give(run: Run, messages: readonly ArchivedMessage[], senders: ReadonlyMap<number, string | undefined>): boolean {
    const { context, flow } = this.#parts;
    const { client } = run;
    let left = portion.characters;
    for (const message of messages) {
      if (left <= 0 || !flow.isOpen(client.sid)) return false;
      if (message.place <= run.position) continue;
      run.position = message.place;
      const members = this.#membersFor(message);
      if (run.given.has(message.place) || (members !== undefined && !isAmong(run, message, members))) continue;
      const isInRoom = members !== undefined;
      const stanza = replayed(context, client, message, { sender: senders.get(message.place), isInRoom });
      left -= message.text.length;
      if (stanza !== undefined) context.outlet.deliver([client.sid], stanza, message.place);
    }
    return true;
  }

  #membersFor({ peer, resource }: ArchivedMessage): ReadonlySet<number> | undefined {
    return resource === undefined ? undefined : this.#parts.membersAt(withResource(peer as BareJid, resource));
  }

  /** It has all: from now on it gets what comes as it comes. */
  #finish(run: Run): void {
    const { context, archive } = this.#parts;
    const { client, held } = run;
    run.isStarted = true;
    if (client.isBehind) {
      client.isBehind = false;
      context.clients.changed();
    }
    context.outlet.facts(client.sid, { delivered: Math.max(archive.newest, before) });
    for (const stanza of held.splice(0)) context.outlet.deliver([client.sid], stanza);
  }

  /** What is not archived waits, too, for it may belong behind what is. */
  hold(sids: readonly number[], stanza: Stanza): void {
    for (const sid of sids) {
      const held = this.#runs.get(sid)?.held;
      if (held !== undefined && held.length < mostHeld) held.push(stanza);
      else this.#parts.context.outlet.deliver([sid], stanza);
    }
  }

  /** It has been given that ahead of its turn. */
  gave(sid: number, place: number): void {
    this.#runs.get(sid)?.given.add(place);
  }

  /** It has another place now than the hub before this one gave it, at `since` or later: who had got so far by then has it. */
  replaced(place: number, since: number): void {
    for (const { inherited, given } of this.#runs.values()) if (inherited >= since) given.add(place);
  }

  /** It is the newest, and no client is given it otherwise: all get it in its turn that have not got it as above. */
  placedAnew(place: number, since: number): void {
    this.replaced(place, since);
    for (const run of this.#runs.values()) {
      if (run.client.isBehind || run.inherited >= since) continue;
      run.position = place - 1;
      run.isStarted = false;
      this.#hold(run);
      this.#start(run);
    }
  }

  /**
   * How far a client has got that acknowledges what stands there. One that does not take what is sent to the bare address has some
   * of what is sent to full ones: that says nothing of what is between.
   */
  acknowledged({ sid }: Client, place: number): number | undefined {
    if (this.#runs.has(sid)) return place;
    const stopped = this.#stopped.get(sid);
    return stopped && Math.min(place, stopped);
  }

  // ---- the end

  #stop(run: Run): void {
    const { client } = run;
    this.#end(run);
    this.#stopped.set(client.sid, client.isBehind ? run.position : this.#parts.archive.newest);
    client.isBehind = false;
    this.#parts.context.clients.changed();
  }

  #end(run: Run): void {
    run.isOver = true;
    this.#runs.delete(run.client.sid);
  }

  gone(sid: number): void {
    const run = this.#runs.get(sid);
    if (run !== undefined) this.#end(run);
    this.#stopped.delete(sid);
  }

  close(): void {
    for (const run of this.#runs.values()) run.isOver = true;
  }
}
