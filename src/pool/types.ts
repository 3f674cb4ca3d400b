/** The pool as administration sees it. */
import type { AccountSettings, AccountState, LoginTrial } from '../link/link.ts';
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
  /** Worker threads for units, and how often one died. */
  workers(): { count: number; restarts: number };
}
