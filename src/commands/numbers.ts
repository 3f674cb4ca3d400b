/** Short numbers for a user's accounts: given in order, never given again while the program runs. */
import type { User } from '../registry/types.ts';
import type { BareJid } from '../wire/jid.ts';

export class Numbers {
  readonly #users = new Map<string, Map<BareJid, number>>();

  of(user: Readonly<User>, account: BareJid): number {
    const numbers = this.#users.get(user.name) ?? new Map<BareJid, number>();
    this.#users.set(user.name, numbers);
    for (const { jid } of user.accounts) if (!numbers.has(jid)) numbers.set(jid, numbers.size + 1);
    return numbers.get(account) ?? 0;
  }

  /** That user is gone; a later one of the same name starts at 1. */
  forget(user: string): void {
    this.#users.delete(user);
  }
}
