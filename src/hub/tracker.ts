/**
 * IQ requests that went upstream (RULES 4): our own ids there, so that two clients may use one id; a response counts
 * only from whom the request went to (RFC 6120 §8.2.3), and each request gets exactly one answer.
 */
import { randomBytes } from 'node:crypto';
import type { BareJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';

/** Longest wait for a response: milliseconds. */
const patience = 10 * 60_000;

export interface Pending {
  /** Whom it was sent to; undefined for the own bare address. */
  to: string | undefined;
  since: number;
  /** Called once: with the response, or undefined when there will be none. */
  done(response: Stanza | undefined): void;
}

export class Tracker {
  readonly #account: BareJid;
  readonly #server: BareJid;
  readonly #pending = new Map<string, Pending>();
  /** A late answer to a session before this one, of the same address, shall not be taken for one to this. */
  readonly #run = randomBytes(4).toString('hex');
  #next = 0;

  constructor(account: BareJid, server: BareJid) {
    this.#account = account;
    this.#server = server;
  }

  /** Notes a request and gives the id it has to carry upstream. */
  add(pending: Pending): string {
    const id = `p${(this.#next++).toString(36)}-${this.#run}`;
    this.#pending.set(id, pending);
    return id;
  }

  /** The request that this response answers, taken out; undefined for a response nobody asked for. */
  take(response: Stanza): Pending | undefined {
    const pending = response.id === undefined ? undefined : this.#pending.get(response.id);
    if (pending === undefined || !this.#mayAnswer(pending.to, response.from)) return undefined;
    this.#pending.delete(response.id!);
    return pending;
  }

  /** COMPAT: servers answer requests to the account with its bare address, its domain, or none at all. */
  #mayAnswer(to: string | undefined, from: string | undefined): boolean {
    if (from === to) return true;
    if (to !== undefined && to !== this.#account && to !== this.#server) return false;
    return from === undefined || from === this.#account || (to !== this.#account && from === this.#server);
  }

  /** The server's session is a new one, or gone: nothing of the old will be answered. */
  failAll(): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const { done } of all) done(undefined);
  }

  /** To be called now and then: what nobody answered in time. */
  expire(now: number): void {
    for (const [id, pending] of this.#pending) {
      pending.since = Math.min(pending.since, now); // the clock may have been set back
      if (now - pending.since < patience) continue;
      this.#pending.delete(id);
      pending.done(undefined);
    }
  }
}
