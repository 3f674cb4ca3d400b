/** What commands are given: the lasting parts of the program, and the session that speaks. */
import type { Speaker } from '../link/door.ts';
import type { LoginView } from '../link/link.ts';
import type { PoolControl } from '../pool/types.ts';
import type { Registry } from '../registry/types.ts';
import type { ServiceControl } from '../services/types.ts';
import type { Clock } from '../wire/clock.ts';
import type { BareJid, FullJid } from '../wire/jid.ts';
import type { Admins } from './admins.ts';
import type { Attempts } from './attempts.ts';
import type { Grant } from './grant.ts';
import type { Locks } from './locks.ts';
import type { Numbers } from './numbers.ts';
import type { Tree } from './tree.ts';

/** Fixed messages, varying fields; never a secret. */
export interface Log {
  info(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** A bound session, as it is listed. */
export interface Client {
  sid: number;
  view: LoginView;
  bare: BareJid;
  address: FullJid;
  /** IP address that it comes from. */
  remote: string;
  secure: boolean;
  mechanism: string;
  /** Milliseconds since the epoch. */
  since: number;
  /** False while it waits to be resumed. */
  connected: boolean;
}

export interface Sessions {
  /** Bound sessions of a user, whatever they logged in to; the oldest first. */
  of(user: string): readonly Client[];
  /** Ends one session; its app may log in again. */
  kick(sid: number, reason: string): void;
  /**
   * Ends sessions: with `user`, those that logged in by that user's proxy password; with `account`, those of that
   * account's identity view. `except` is a session that stays.
   */
  end(
    match: { user: string; except?: number | undefined } | { account: BareJid; except?: number | undefined },
    reason: string,
  ): void;
}

export interface ServerFacts {
  domain: BareJid;
  version: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** What people type into their apps; a port that is 0 is off. */
  host: string;
  port: number;
  tlsPort: number;
  /** SHA-256 (hex) of the certificate that is shown for a domain. */
  fingerprint(domain: BareJid): string | undefined;
}

/** The parts that outlive a command. */
export interface World {
  registry: Registry;
  pool: PoolControl;
  sessions: Sessions;
  services: ServiceControl;
  server: ServerFacts;
  clock: Clock;
  tree: Tree;
  numbers: Numbers;
  locks: Locks;
  admins: Admins;
  /** Logins that were tried in vain. */
  failed: Attempts;
  /** Is that the user's proxy password? Takes as long for a wrong one. */
  proves(user: string, password: string): Promise<boolean>;
  /** A word to another user: now, or when an app of that user is there to hear it. */
  tell(user: string, text: string): void;
}

export interface Question {
  text: string;
  /** The answer is a secret: the next message, whatever it says but for `cancel`. */
  secret: boolean;
  /** Could that be an answer? What could not may be a secret sent in the wrong place. */
  fits?(text: string): boolean;
}

/** One run of a command. */
export interface Context extends World {
  speaker: Speaker;
  grant: Grant;
  /** Says something before the answer. */
  say(text: string): void;
  /** The next message of this session. Rejects when the dialog ends otherwise; the command must let that through. */
  ask(question: Question): Promise<string>;
}

/** What a command answers. */
export type Reply = string | Answer;
export interface Answer {
  text: string;
  /** Done after the text is said: what ends the speaker's own session. */
  after?: () => void | Promise<void>;
  /** Nothing is done yet: a random code is asked for, then this. */
  confirm?: () => Promise<Reply>;
}
