/** The pool as administration sees it. */
import type {
  AccountSettings,
  AccountState,
  Ask,
  ExportFormat,
  Hits,
  LoginTrial,
  Reach,
  RoomState,
  Sought,
  UnitQuestions,
} from '../link/link.ts';
import type { BareJid } from '../wire/jid.ts';

export interface PoolControl {
  /** Tries a login upstream and logs out again; changes nothing. */
  tryLogin(user: string, account: AccountSettings): Promise<LoginTrial>;
  /** The registry's settings of that user hold from now on: accounts are started, changed, stopped. */
  refresh(user: string): Promise<void>;
  /** Stops a user's unit: its core sessions are closed. */
  drop(user: string): Promise<void>;
  /** Deletes what is kept of an account (it is no longer configured). */
  forget(user: string, account: BareJid): Promise<void>;
  /** Messages with those words, the newest first. */
  search(user: string, ask: Ask<UnitQuestions, 'search'>): Promise<Hits>;
  /** Deletes messages for good; says how many. */
  forgetHistory(user: string, ask: Sought): Promise<number>;
  /** Writes messages into a file; says which, and how many. */
  exportHistory(user: string, ask: Sought & { format: ExportFormat }): Promise<{ file: string; messages: number }>;
  reach(user: string, ask: Sought): Promise<Reach>;
  /** Whom there are messages with whose address begins so; the first of them. */
  peers(user: string, accounts: BareJid[], start: string): Promise<string[]>;
  status(user: string): Promise<AccountState[]>;
  rooms(user: string): Promise<RoomState[]>;
  /** False if the account is in no such room. */
  room(user: string, account: BareJid, room: BareJid, action: 'leave' | 'detach' | 'attach'): Promise<boolean>;
  /** Worker threads for units, and how often one died. */
  workers(): { count: number; restarts: number };
}
