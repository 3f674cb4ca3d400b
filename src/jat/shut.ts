/** Addresses that nothing is known of yet, for what is kept of them cannot be read: so nothing is said to their users but that. */
import { type BareJid, domainOf, type Jid, knownBare } from '../wire/jid.ts';
import type { AddressSettings } from './types.ts';

export class Shut {
  readonly #addresses = new Map<BareJid, AddressSettings>();

  add(settings: AddressSettings): void {
    this.#addresses.set(settings.address, settings);
  }

  /** It is open, or gone. False: it was not here. */
  delete(address: BareJid): boolean {
    return this.#addresses.delete(address);
  }

  /** Is that one of them, or a user of one as its target sees them? */
  has(to: Jid, from: Jid | undefined): boolean {
    for (const { address, encoding, targets } of this.#addresses.values()) {
      if (address === knownBare(to) || address === domainOf(to)) return true;
      const isTarget = from !== undefined && targets.some(({ account }) => account === knownBare(from));
      if (isTarget && encoding === 'localpart' && domainOf(address) === domainOf(to)) return true;
    }
    return false;
  }
}
