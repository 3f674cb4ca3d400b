/** Nobody outside may speak as root or as a service of ours (RULES 0), in a message inside another neither. */
import { type BareJid, isAt, readJid } from '../wire/jid.ts';
import type { Element } from '../wire/xml.ts';

/** Is one of these addresses, in whatever spelling, of that domain? */
export function isOf(domain: BareJid, ...addresses: readonly (string | undefined)[]): boolean {
  return addresses.some((address) => {
    const jid = readJid(address);
    return jid !== undefined && isAt(jid, domain);
  });
}

/** The same of the two ends of a stanza that came inside another. */
export const hasEndIn = (domain: BareJid, { attrs }: Element): boolean => isOf(domain, attrs.from, attrs.to);
