/** IQ requests by payload: dispatch, refusal and disco#info all come from one table. */
import { StanzaError } from './error.ts';
import { errorOf, resultOf, type Stanza } from './stanza.ts';
import { type Element, firstElement } from './xml.ts';

export interface Route<Context> {
  type: 'get' | 'set';
  ns: string;
  name: string;
  /** The result's payload, or undefined for an empty result; throws StanzaError. */
  handle(request: Request, context: Context): Element | undefined | Promise<Element | undefined>;
}
export interface Request {
  stanza: Stanza;
  payload: Element;
}

/** One mux for each kind of address we answer for. */
export class Mux<Context> {
  readonly features: readonly string[];
  readonly #table = new Map<string, Route<Context>>();

  constructor(routes: readonly Route<Context>[]) {
    for (const route of routes) {
      const key = `${route.type} ${route.ns} ${route.name}`;
      if (this.#table.has(key)) throw new Error(`two handlers for ${key}`);
      this.#table.set(key, route);
    }
    this.features = [...new Set(routes.map(({ ns }) => ns))].sort();
  }

  /** Is there a handler for that request? */
  handles(stanza: Stanza): boolean {
    const payload = firstElement(stanza.tree);
    return payload !== undefined && this.#table.has(`${stanza.type} ${payload.getNS()} ${payload.name}`);
  }

  /** Exactly one answer for a get or set, whatever the handler does. */
  async answer(stanza: Stanza, context: Context, failed: (reason: unknown) => void): Promise<Stanza> {
    try {
      const payload = firstElement(stanza.tree);
      if (payload === undefined) throw new StanzaError('bad-request');
      const route = this.#table.get(`${stanza.type} ${payload.getNS()} ${payload.name}`);
      if (route === undefined) throw new StanzaError('service-unavailable');
      return resultOf(stanza, await route.handle({ stanza, payload }, context));
    } catch (reason) {
      if (!(reason instanceof StanzaError)) failed(reason);
      return errorOf(stanza, StanzaError.from(reason));
    }
  }
}
