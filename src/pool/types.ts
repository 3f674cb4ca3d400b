/** The pool as administration sees it. */
import type { AccountSettings, AccountState, LoginTrial, RoomState } from '../link/link.ts';
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
  status(user: string): Promise<AccountState[]>;
  rooms(user: string): Promise<RoomState[]>;
  /** False if the account is in no such room. */
  room(user: string, account: BareJid, room: BareJid, action: 'leave' | 'detach' | 'attach'): Promise<boolean>;
  /** Worker threads for units, and how often one died. */
  workers(): { count: number; restarts: number };
}
