/** What people are told that others did to them; who is away hears it on arrival. */
import type { World } from '../commands/context.ts';
import type { Speaker } from '../link/door.ts';
import type { BareJid } from '../wire/jid.ts';

type User = NonNullable<ReturnType<World['registry']['user']>>;

/** Kept for one person; older ones are forgotten. */
const most = 20;

export interface NotesParts {
  registry: Pick<World['registry'], 'user'>;
  domain: BareJid;
  /** True if somebody hears it. */
  say(login: BareJid, text: string): boolean;
}

export class Notes {
  readonly #parts: NotesParts;
  readonly #waiting = new Map<string, { created: number; texts: string[] }>();

  constructor(parts: NotesParts) {
    this.#parts = parts;
  }

  tell(name: string, text: string): void {
    const user = this.#parts.registry.user(name);
    if (user === undefined) return;
    const heard = this.#logins(user).map((login) => this.#parts.say(login, text));
    if (!heard.includes(true)) this.#waiting.set(name, this.#with(user, text));
  }

  #with(user: User, text: string): { created: number; texts: string[] } {
    const before = this.#of(user);
    return { created: user.created, texts: [...before, text].slice(-most) };
  }

  /** Not those of another person who had that name before. */
  #of({ name, created }: User): readonly string[] {
    const waiting = this.#waiting.get(name);
    return waiting?.created === created ? waiting.texts : [];
  }

  arrived({ user: name, bare }: Speaker): void {
    const user = this.#parts.registry.user(name);
    if (user === undefined || !this.#logins(user).includes(bare)) return;
    const texts = this.#of(user);
    this.#waiting.delete(name);
    if (texts.length > 0) this.#parts.say(bare, texts.join('\n'));
  }

  /** Those that have proved the proxy password; who has none cannot be logged in but to an account. */
  #logins({ name, verifiers, accounts }: User): BareJid[] {
    if (verifiers === undefined) return accounts.map(({ jid }) => jid);
    const local = [name, ...accounts.map(({ label }) => `${name}+${label}`)];
    return local.map((one) => `${one}@${this.#parts.domain}` as BareJid);
  }
}
