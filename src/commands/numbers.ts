/** Short numbers for a user's accounts and apps: given in order, never given again while the program runs. */
import type { User } from '../registry/types.ts';
import type { BareJid } from '../wire/jid.ts';

export class Numbers {
  readonly #accounts = new Map<string, Series<BareJid>>();
  readonly #clients = new Map<string, Series<number>>();

  of(user: Readonly<User>, account: BareJid): number {
    const all = user.accounts.map(({ jid }) => jid);
    return seriesOf(this.#accounts, user.name).among(all).get(account) ?? 0;
  }

  /** Sessions as one login may see them: `only` is the account that it knows of. Who sees more counts by itself. */
  ofClients(user: Readonly<User>, only: BareJid | undefined, sids: readonly number[]): ReadonlyMap<number, number> {
    return seriesOf(this.#clients, `${user.name}@${only ?? ''}`).among(sids);
  }

  /** That user is gone; a later one of the same name starts at 1. */
  forget(user: string): void {
    this.#accounts.delete(user);
    for (const key of this.#clients.keys()) if (key.startsWith(`${user}@`)) this.#clients.delete(key);
  }
}

class Series<K> {
  #numbers = new Map<K, number>();
  #last = 0;

  /** The numbers of all that there are now: new ones get theirs, those that are gone lose it. */
  among(all: readonly K[]): ReadonlyMap<K, number> {
    this.#numbers = new Map(all.map((one) => [one, this.#numbers.get(one) ?? ++this.#last]));
    return this.#numbers;
  }
}

function seriesOf<K>(all: Map<string, Series<K>>, key: string): Series<K> {
  const series = all.get(key) ?? new Series<K>();
  all.set(key, series);
  return series;
}
