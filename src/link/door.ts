/** Between the edge and root: messages and IQs to root's address never reach a unit. */
import type { BareJid, FullJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import type { LoginView } from './link.ts';

/** Who speaks to root: a bound session of ours and nothing else (RULES 0). */
export interface Speaker {
  sid: number;
  user: string;
  view: LoginView;
  /** Own bare address: the account's in the identity view, else user@domain or user+label@domain. */
  bare: BareJid;
  address: FullJid;
}

/** Root, as the edge sees it. */
export interface Door {
  /** root@domain */
  readonly address: BareJid;
  /** A message of any type. The answer says whether the user's other apps may see a copy: not of secrets. */
  message(speaker: Speaker, stanza: Stanza): { mirror: boolean };
  /** A get or set to root's address; always answered. */
  iq(speaker: Speaker, stanza: Stanza): Promise<Stanza>;
  /** A session has sent its initial presence: from now on it hears what is said to its login. */
  arrived(speaker: Speaker): void;
  /** That session is over, and these messages of root were never acknowledged (XEP-0198). Comes before `gone`. */
  unheard(speaker: Speaker, messages: readonly Stanza[]): void;
  /** That session is over. */
  gone(sid: number): void;
}

/** What root says, as the edge delivers it. */
export interface DoorOutlet {
  /**
   * A chat message from root to every available app of that login (the speaker's bare address), and in any case to the
   * `asker` whom it answers; or to `only` one session. True if one took it that is connected now, not one that may come
   * back.
   */
  say(bare: BareJid, text: string, only?: number, asker?: number): boolean;
  /** As say, with chat states and the like. */
  send(bare: BareJid, stanza: Stanza, only?: number, asker?: number): boolean;
}
