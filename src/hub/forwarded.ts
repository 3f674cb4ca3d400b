/** Requests handed to a client: each gets exactly one answer, whatever the client does (RULES 4). */
import { randomBytes } from 'node:crypto';
import { type Condition, StanzaError } from '../wire/error.ts';
import { errorOf, Stanza } from '../wire/stanza.ts';
import { clone } from '../wire/xml.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';

/** How long a client may think: milliseconds. */
const patience = 5 * 60_000;

interface Open {
  sid: number;
  request: Stanza;
  since: number;
  answer(response: Stanza): void;
}

export class Forwarded {
  readonly #context: Context;
  readonly #open = new Map<string, Open>();
  /** A late answer to a hub before this one shall not be taken for one to this. */
  readonly #run = randomBytes(4).toString('hex');
  #next = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Hands a request to a client under an id of ours; `answer` gets the response with the request's own id and no addresses of its own. */
  hand(client: Client, request: Stanza, answer: (response: Stanza) => void): void {
    const id = `f${(this.#next++).toString(36)}-${this.#run}`;
    this.#open.set(id, { sid: client.sid, request, since: this.#context.now(), answer });
    const copy = clone(request.tree);
    copy.attrs.id = id;
    this.#context.outlet.deliver([client.sid], Stanza.of(copy));
  }

  /** A client's response; one that nobody waits for is dropped. */
  respond(client: Client, response: Stanza): void {
    const open = response.id === undefined ? undefined : this.#open.get(response.id);
    if (open === undefined || open.sid !== client.sid || response.to !== open.request.from) return;
    this.#open.delete(response.id!);
    const copy = clone(response.tree);
    copy.attrs.id = open.request.id;
    open.answer(Stanza.of(copy));
  }

  gone(sid: number): void {
    this.#fail(({ sid: holder }) => holder === sid, 'service-unavailable');
  }

  expire(now: number): void {
    for (const open of this.#open.values()) open.since = Math.min(open.since, now); // the clock may have been set back
    this.#fail(({ since }) => now - since > patience, 'remote-server-timeout');
  }

  #fail(matches: (open: Open) => boolean, condition: Condition): void {
    for (const [id, open] of this.#open) {
      if (!matches(open)) continue;
      this.#open.delete(id);
      open.answer(errorOf(open.request, new StanzaError(condition)));
    }
  }
}
