/** What an address says of itself: service discovery (XEP-0030), a name and a picture (XEP-0054, XEP-0153). */
import { createHash } from 'node:crypto';
import { NS } from '../wire/ns.ts';
import { clone, type Element, elements, xml } from '../wire/xml.ts';
import type { AddressSettings } from './types.ts';

/** How long a target's answer serves for others: milliseconds. */
const lasts = 5 * 60_000;

export class Identity {
  #settings: AddressSettings;
  /** The target's disco#info, as it said it. */
  #known: { query: Element; at: number } | undefined;
  #hash = '';

  constructor(settings: AddressSettings) {
    this.#settings = settings;
    this.configure(settings);
  }

  configure(settings: AddressSettings): void {
    this.#settings = settings;
    this.#hash = settings.avatar === undefined ? '' : createHash('sha1').update(settings.avatar.data).digest('hex');
  }

  /** The target's resources are others now. */
  forget(): void {
    this.#known = undefined;
  }

  learn(query: Element, now: number): void {
    this.#known = { query: clone(query), at: now };
  }

  /** The target's answer, if it is fresh. */
  cached(now: number): Element | undefined {
    return this.#known !== undefined && now - this.#known.at < lasts ? this.dressed(this.#known.query) : undefined;
  }

  /** The target's disco#info with what is set of the address in place of what the target says. */
  dressed(query: Element): Element {
    const { address, name, category, type, encoding } = this.#settings;
    const copy = clone(query);
    const isSet = name !== undefined || category !== undefined || type !== undefined;
    const identities = copy.getChildren('identity');
    if (identities.length === 0)
      copy.append(
        xml('identity', { category: category ?? 'component', type: type ?? 'generic', name: name ?? address }),
      );
    else if (isSet) {
      const [first, ...others] = identities;
      // one identity in one language is what is left: a name that was set has no translations
      for (const other of others) if (sameKind(first!, other)) copy.remove(other);
      if (name !== undefined) delete first!.attrs['xml:lang'];
      Object.assign(first!.attrs, withoutUndefined({ name, category, type }));
    }
    const features = new Set(copy.getChildren('feature').map(({ attrs }) => attrs.var));
    if (encoding === 'localpart' && !features.has(NS.escaping)) copy.append(xml('feature', { var: NS.escaping }));
    if (this.hasCard && !features.has(NS.vcard)) copy.append(xml('feature', { var: NS.vcard }));
    return copy;
  }

  /** Where no target can say anything. */
  own(): Element {
    const features = [NS.discoInfo, NS.discoItems].map((feature) => xml('feature', { var: feature }));
    return this.dressed(xml('query', NS.discoInfo, ...features));
  }

  /** Is there a card of the address' own? Else its target is asked for one. */
  get hasCard(): boolean {
    return this.#settings.avatar !== undefined;
  }

  /** XEP-0054. */
  card(): Element {
    const { address, avatar, name } = this.#settings;
    const photo =
      avatar &&
      xml('PHOTO', {}, xml('TYPE', {}, avatar.mime), xml('BINVAL', {}, Buffer.from(avatar.data).toString('base64')));
    return xml('vCard', NS.vcard, xml('FN', {}, name ?? address), photo);
  }

  /** The address' presence while a target is there. */
  presence(): Element {
    const { name } = this.#settings;
    const update = this.#hash === '' ? undefined : xml('x', NS.vcardUpdate, xml('photo', {}, this.#hash));
    const nick = name === undefined ? undefined : xml('nick', NS.nick, name);
    return xml('presence', {}, nick, update);
  }
}

const sameKind = (a: Element, b: Element): boolean =>
  a.attrs.category === b.attrs.category && a.attrs.type === b.attrs.type;

const withoutUndefined = (attrs: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(attrs).filter((entry): entry is [string, string] => entry[1] !== undefined));

/** Is it the plain question for disco#info or disco#items, or for a card? */
export function questionOf(payload: Element | undefined): 'info' | 'items' | 'card' | undefined {
  if (payload === undefined || (payload.attrs.node ?? '') !== '') return undefined;
  if (payload.attrs.xmlns === NS.discoInfo) return 'info';
  if (payload.attrs.xmlns === NS.discoItems) return 'items';
  return payload.attrs.xmlns === NS.vcard && payload.name === 'vCard' && elements(payload).length === 0
    ? 'card'
    : undefined;
}
