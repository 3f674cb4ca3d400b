/** Steps that many conversations begin with. */
import { createHash } from 'node:crypto';
import { NS } from '../../src/wire/ns.ts';
import { type Element, xml } from '../../src/wire/xml.ts';
import { isPresence, type Party } from './party.ts';
import type { RawClient } from './raw.ts';

/** Asks for the roster, and thereby for its changes (RFC 6121 §2.2: an interested resource). */
export const askRoster = (client: Party): Promise<Element> => client.iq('get', undefined, xml('query', NS.roster));

/** Two accounts subscribe to each other's presence (RFC 6121 §3.1); both sides must be available. */
export async function befriend(one: Party, other: Party): Promise<void> {
  for (const client of [one, other]) await askRoster(client);
  await subscribe(one, other);
  await subscribe(other, one);
}

/** The first asks, the second allows it; resolves when the first knows, and has the second's presence. */
export async function subscribe(asks: Party, allows: Party): Promise<void> {
  asks.send(`<presence type="subscribe" to="${allows.bare}"/>`);
  await allows.received(isPresence({ type: 'subscribe', from: asks.bare }));
  allows.send(`<presence type="subscribed" to="${asks.bare}"/>`);
  await asks.received(isPresence({ type: 'subscribed', from: allows.bare }));
  await asks.received(isPresence({ type: null, from: allows.bare }));
}

const node = 'urn:example:test-client';

/** Available, with what caps (XEP-0115) say: features, such as `node+notify`. */
export function available(client: RawClient, features: readonly string[]): void {
  client.interests = features;
  const text = `client/pc//test<${[...features]
    .sort()
    .map((feature) => `${feature}<`)
    .join('')}`;
  const ver = createHash('sha1').update(text).digest('base64');
  client.send(`<presence><c xmlns="${NS.caps}" hash="sha-1" node="${node}" ver="${ver}"/></presence>`);
}
