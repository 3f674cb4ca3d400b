/** What a stream offers before login: mechanisms, and what they can be bound to. */
import { createHash } from 'node:crypto';
import type { Mechanism, OfferedMechanism, ScramMechanism } from './authority.ts';
import type { ChannelBinding } from './channel.ts';

export interface Offer {
  /** Best first. */
  mechanisms: readonly OfferedMechanism[];
  /** Of the -PLUS mechanisms; empty where none is offered. */
  bindings: readonly ChannelBinding[];
}

const isScram = (mechanism: Mechanism): mechanism is ScramMechanism => mechanism !== 'PLAIN';

/** `bindings`: what the connection can be bound to (RFC 5802 §4 for the names). */
export function makeOffer(mechanisms: readonly Mechanism[], bindings: readonly ChannelBinding[]): Offer {
  const scram = bindings.length === 0 ? [] : mechanisms.filter(isScram);
  const plus = scram.map((mechanism): OfferedMechanism => `${mechanism}-PLUS`);
  return { mechanisms: [...plus, ...mechanisms], bindings: plus.length === 0 ? [] : bindings };
}

/** XEP-0474 §5.1, base64: a client that was shown another offer finds out. */
export function offerHash({ mechanisms, bindings }: Offer, hash: string): string {
  const sorted = (names: readonly string[]): string => [...names].sort().join('\x1e');
  const types = bindings.map(({ type }) => type);
  const text = sorted(mechanisms) + (types.length === 0 ? '' : `\x1f${sorted(types)}`);
  return createHash(hash).update(text).digest('base64');
}
