/** What others say to an account in rooms that no app of it is in: to whoever has the account; who is away hears it on arrival. */
import type { World } from '../commands/context.ts';
import type { Speaker } from '../link/door.ts';
import type { BareJid } from '../wire/jid.ts';

/** Kept for one account; older ones are forgotten. */
const most = 20;

export interface RelaysParts {
  registry: Pick<World['registry'], 'ownerOf'>;
  domain: BareJid;
  /** True if somebody hears it. */
  say(login: BareJid, text: string): boolean;
}

export class Relays {
  readonly #parts: RelaysParts;
  readonly #waiting = new Map<BareJid, string[]>();

  constructor(parts: RelaysParts) {
    this.#parts = parts;
  }

  tell(user: string, account: BareJid, text: string): void {
    const heard = this.#logins(user, account).map((login) => this.#parts.say(login, text));
    if (heard.length > 0 && !heard.includes(true))
      this.#waiting.set(account, [...(this.#waiting.get(account) ?? []), text].slice(-most));
  }

  arrived({ user, bare }: Speaker): void {
    for (const [account, texts] of [...this.#waiting]) {
      if (!this.#logins(user, account).includes(bare)) continue;
      this.#waiting.delete(account);
      this.#parts.say(bare, texts.join('\n'));
    }
  }

  /** Those with all accounts, and the account's own; none where it is not that user's any more. */
  #logins(user: string, jid: BareJid): BareJid[] {
    const owned = this.#parts.registry.ownerOf(jid);
    if (owned === undefined || owned.user.name !== user) return [];
    const { domain } = this.#parts;
    return [`${user}@${domain}`, `${user}+${owned.account.label}@${domain}`, jid] as BareJid[];
  }
}
