/**
 * From one account's hub to its clients. Those of the identity view get what the hub says as it is; for a translated view each
 * stanza is exchanged once, whatever the number of its clients.
 */
import { withUsableCandidates } from '../hub/bytestreams.ts';
import type { FactsChange, Outlet } from '../hub/context.ts';
import { type BareJid, domainOf } from '../wire/jid.ts';
import { isResponse, Stanza } from '../wire/stanza.ts';
import { inward, type Pair } from './addresses.ts';
import { offering } from './password.ts';
import { isWithheldEvent, withoutNodes } from './withheld.ts';

/** A client of a translated view. */
export interface Shown {
  readonly sid: number;
  readonly pair: Pair;
  /** A response that goes to it alone, as it has to look to match what it asked. */
  response(stanza: Stanza): Stanza;
}

export class ViewOutlet implements Outlet {
  readonly #edge: Outlet;
  readonly #shown = new Map<number, Shown>();

  constructor(edge: Outlet) {
    this.#edge = edge;
  }

  add(client: Shown): void {
    this.#shown.set(client.sid, client);
  }
  remove(sid: number): void {
    this.#shown.delete(sid);
  }

  deliver(sids: readonly number[], stanza: Stanza, place?: number): void {
    if (this.#shown.size === 0) return this.#edge.deliver(sids, stanza, place);
    const plain: number[] = [];
    const translated = new Map<BareJid, Shown[]>();
    for (const sid of sids) {
      const client = this.#shown.get(sid);
      if (client === undefined) {
        plain.push(sid);
        continue;
      }
      const group = translated.get(client.pair.own);
      if (group === undefined) translated.set(client.pair.own, [client]);
      else group.push(client);
    }
    if (plain.length > 0) this.#edge.deliver(plain, stanza, place);
    for (const group of translated.values()) this.#show(group, stanza, place);
  }

  #show(clients: readonly Shown[], stanza: Stanza, place: number | undefined): void {
    const [first] = clients;
    const usable = filtered(stanza, first!.pair);
    if (usable === undefined) return;
    const shown = inward(usable, first!.pair);
    const only = clients.length === 1 && isResponse(shown);
    this.#edge.deliver(
      clients.map(({ sid }) => sid),
      only ? first!.response(shown) : shown,
      place,
    );
  }

  facts(sid: number, change: FactsChange): void {
    this.#edge.facts(sid, change);
  }
}

/** What a translated view shows of it; undefined: nothing. */
function filtered(stanza: Stanza, pair: Pair): Stanza | undefined {
  if (stanza.name === 'presence') return stanza;
  if (stanza.name === 'message') return isWithheldEvent(stanza) ? undefined : stanza;
  const { tree } = stanza;
  const kept = offering(withoutNodes(withUsableCandidates(tree)), domainOf(pair.account));
  return kept === tree ? stanza : Stanza.of(kept);
}
