/** Requests to root's address: one table, from which disco#info comes too. */
import type { Speaker } from '../link/door.ts';
import { Mux, type Route } from '../wire/mux.ts';
import { NS } from '../wire/ns.ts';
import { xml } from '../wire/xml.ts';

/** XEP-0030: what root is. */
export interface Info {
  identities: readonly { category: string; type: string; name: string }[];
  features: readonly string[];
}

/** XEP-0054: a name for the app to show. */
const vcard: Route<Speaker> = {
  type: 'get',
  ns: NS.vcard,
  name: 'vCard',
  handle: () =>
    xml(
      'vCard',
      NS.vcard,
      xml('FN', {}, 'root'),
      xml('DESC', {}, 'The bot of this proxy. Write help to see what it can do.'),
    ),
};

/** `more`: the routes that any of our addresses has (disco, ping, version, …), given what root is. */
export function createAnswers(more: (info: () => Info) => readonly Route<Speaker>[]): Mux<Speaker> {
  const mux: Mux<Speaker> = new Mux<Speaker>([
    vcard,
    ...more(() => ({
      identities: [{ category: 'client', type: 'bot', name: 'root' }],
      features: [...new Set([...mux.features, NS.chatStates, NS.receipts])].sort(),
    })),
  ]);
  return mux;
}
