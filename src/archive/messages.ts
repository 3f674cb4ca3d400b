/** The messages of a user's accounts in SQLite. */
import { setImmediate as turn } from 'node:timers/promises';
import { knownCount } from './counting.ts';
import { ArchiveError } from './database.ts';
import { found } from './naming.ts';
import type { Opened } from './opened.ts';
import type { Entered } from './record.ts';
import { placeMask } from './schema.ts';
import { countIn, pieceOf, rest, type Stretch, select, stretchOf } from './search.ts';
import { type Clause, clauseOf } from './selection.ts';
import type { ArchivedMessage, Extent, Messages, Page, Selection, Sought } from './types.ts';
import { deletePeers, deleteSome } from './writing.ts';

/** What the messages need of their store. */
export interface Desk {
  read<T>(act: (opened: Opened) => T): Promise<T>;
  /** Resolves when durable. */
  write(work: (opened: Opened) => void): Promise<void>;
  enter(record: Entered): Promise<void>;
  /** What was deleted is gone from the files, too: when this resolves, or else soon. */
  wipe(isUrgent: boolean): Promise<void>;
}

/** So many are deleted before others have their turn. */
const bite = 100;

/** A search: which messages, and where they can be. */
interface Search {
  clause: Clause;
  stretch: Stretch;
}

export class FileMessages implements Messages {
  readonly #desk: Desk;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  add(account: string, message: ArchivedMessage, isPast = false): Promise<void> {
    const { place } = message;
    if (!(Number.isInteger(place) && place >= 0 && place <= placeMask))
      return Promise.reject(new ArchiveError(`${place} is no place in an archive`));
    return this.#desk.enter({ account, message, isPast });
  }

  alias(account: string, place: number, alias: string): Promise<void> {
    return this.#desk.enter({ account, place, alias });
  }

  find(account: string, sought: Sought): Promise<ArchivedMessage | undefined> {
    return this.#desk.read((opened) => found(opened, account, sought));
  }

  async page(account: string, selection: Selection, limit: number, backwards = false): Promise<Page> {
    const messages: ArchivedMessage[] = [];
    await this.#each(account, selection, backwards, (opened, clause, stretch) => {
      messages.push(...select(opened, clause, stretch, limit + 1 - messages.length, backwards));
      return messages.length <= limit;
    });
    const complete = messages.length <= limit;
    if (!complete) messages.pop();
    return { messages: backwards ? messages.reverse() : messages, complete };
  }

  async count(account: string, selection: Selection): Promise<number> {
    const known = await this.#desk.read((opened) => {
      const parties = partiesOf(opened, account, selection);
      return parties === undefined ? 0 : knownCount(opened, parties, selection);
    });
    if (known !== undefined) return known;
    let count = 0;
    await this.#each(account, selection, false, (opened, clause, stretch) => {
      count += countIn(opened, clause, stretch);
      return true;
    });
    return count;
  }

  peers(account: string, start: string, limit: number): Promise<string[]> {
    return this.#desk.read((opened) => {
      const number = opened.numbers.account(account);
      if (number === undefined) return [];
      const sql = 'SELECT jid FROM peer WHERE account = ? AND jid >= ? AND substr(jid, 1, ?) = ? ORDER BY jid LIMIT ?';
      return opened.statement(sql).pluck().all(number, start, start.length, start, limit) as string[];
    });
  }

  async extent(account: string, selection: Selection = {}): Promise<Extent | undefined> {
    const [first] = (await this.page(account, selection, 1)).messages;
    const [last] = (await this.page(account, selection, 1, true)).messages;
    return first && last && { count: await this.count(account, selection), first: end(first), last: end(last) };
  }

  async forget(account: string, selection: Selection): Promise<number> {
    let count = 0;
    const search = await this.#search(account, selection);
    for (let left = search?.stretch; search !== undefined && left !== undefined; ) {
      const stretch = left;
      let places: number[] = [];
      await this.#desk.write((opened) => {
        places = deleteSome(opened, search.clause, stretch, bite);
      });
      count += places.length;
      left = places.length < bite ? undefined : { from: places.at(-1)! + 1, to: stretch.to };
    }
    if (count > 0) await this.#tidy(account, selection.places === undefined);
    return count;
  }

  async #tidy(account: string, isUrgent: boolean): Promise<void> {
    await this.#desk.write((opened) => {
      const number = opened.numbers.account(account);
      if (number !== undefined) deletePeers(opened, number);
    });
    await this.#desk.wipe(isUrgent);
  }

  /** Undefined where there can be none. */
  async #search(account: string, selection: Selection): Promise<Search | undefined> {
    if (selection.words !== undefined) await this.#enter(account);
    return this.#desk.read((opened) => {
      const parties = partiesOf(opened, account, selection);
      if (parties === undefined) return undefined;
      const clause = clauseOf(parties.account, parties.peer, selection);
      const stretch = stretchOf(opened, parties.account, selection);
      return clause && stretch && { clause, stretch };
    });
  }

  /** What is not in the indexes is not found by its words. */
  async #enter(account: string): Promise<void> {
    const isNeeded = await this.#desk.read((opened) => {
      const number = opened.numbers.account(account);
      return number !== undefined && opened.tail.loose(number).size > 0;
    });
    if (!isNeeded) return;
    const entered = this.#desk.write((opened) => {
      const number = opened.numbers.account(account);
      if (number !== undefined) opened.tail.enter(number);
    });
    entered.catch(() => {}); // the search goes on with what there is
  }

  /** Looks at one piece after the other, while it says so, with time for others between them. */
  async #each(
    account: string,
    selection: Selection,
    backwards: boolean,
    look: (opened: Opened, clause: Clause, stretch: Stretch) => boolean,
  ): Promise<void> {
    const search = await this.#search(account, selection);
    for (let left = search?.stretch; search !== undefined && left !== undefined; ) {
      const { clause } = search;
      const stretch = left;
      left = await this.#desk.read((opened) => {
        const piece = clause.isLoose ? pieceOf(opened, clause, stretch, backwards) : stretch;
        return look(opened, clause, piece) ? rest(stretch, piece, backwards) : undefined;
      });
      if (left !== undefined) await turn();
    }
  }
}

interface Parties {
  account: number;
  peer: number | undefined;
}

/** Undefined where there is no message of theirs. */
function partiesOf(opened: Opened, jid: string, selection: Selection): Parties | undefined {
  const account = opened.numbers.account(jid);
  if (account === undefined) return undefined;
  const peer = selection.peer === undefined ? undefined : opened.numbers.peer(account, selection.peer);
  return selection.peer !== undefined && peer === undefined ? undefined : { account, peer };
}

const end = ({ place, at }: ArchivedMessage): { place: number; at: number } => ({ place, at });
