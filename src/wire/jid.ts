/** Addresses (RFC 7622). Text becomes an address here and nowhere else; past this line addresses compare with ===. */
import { domainToASCII, domainToUnicode } from 'node:url';
import { StanzaError } from './error.ts';

declare const form: unique symbol;
/** `local@domain` or `domain`, prepared. */
export type BareJid = string & { readonly [form]: 'bare' };
/** `local@domain/resource` or `domain/resource`, prepared. */
export type FullJid = string & { readonly [form]: 'full' };
export type Jid = BareJid | FullJid;

const utf8 = new TextEncoder();
/** RFC 7622 §3.1: each part has 1 to 1023 octets. */
const fits = (part: string): boolean => part.length > 0 && (part.length < 342 || utf8.encode(part).length <= 1023);

const cache = new Map<string, Jid>();
const cacheSize = 5000;

/** Prepares and checks an address; throws `jid-malformed` (RFC 6120 §8.3.3.8). What we would have to mend is refused, but for case and width. */
export function parseJid(text: string): Jid {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const prepared = prepare(text);
  if (prepared === undefined) throw new StanzaError('jid-malformed', text.slice(0, 200));
  if (cache.size >= cacheSize) cache.clear();
  const own = detached(prepared);
  cache.set(prepared === text ? own : detached(text), own);
  return own;
}

/** V8's parts of a text keep the whole: whoever remembers one as it is keeps all that came with it. */
export const detached = <T extends string>(text: T): T => Buffer.from(text).toString() as T;

/** As parseJid, but undefined in place of an error. */
export function readJid(text: string | undefined): Jid | undefined {
  if (text === undefined) return undefined;
  try {
    return parseJid(text);
  } catch {
    return undefined;
  }
}

/** The bare address in a text that must not name a resource. */
export function parseBare(text: string): BareJid {
  const address = parseJid(text);
  if (isFull(address)) throw new StanzaError('jid-malformed', text.slice(0, 200));
  return address;
}

function prepare(text: string): Jid | undefined {
  const slash = text.indexOf('/');
  const bareText = slash < 0 ? text : text.slice(0, slash);
  const at = bareText.indexOf('@');
  const domain = prepareDomain(bareText.slice(at + 1));
  const local = at < 0 ? '' : prepareLocal(bareText.slice(0, at));
  if (domain === undefined || local === undefined) return undefined;
  const start = at < 0 ? domain : `${local}@${domain}`;
  if (slash < 0) return start as Jid;
  const resource = prepareResource(text.slice(slash + 1));
  return resource === undefined ? undefined : (`${start}/${resource}` as Jid);
}

function prepareDomain(text: string): string | undefined {
  if (/^\[[0-9a-fA-F:.]+\]$/.test(text)) return text.toLowerCase();
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).normalize('NFC').toLowerCase();
  if (!fits(name) || /[\u0000-\u0020\u007f@/"&'<>:\s]/.test(name)) return undefined;
  if (/^[a-z0-9._-]+$/.test(name)) {
    if (name.includes('..') || name.startsWith('.')) return undefined;
    return name.includes('xn--') ? uLabels(name) : name;
  }
  const ascii = domainToASCII(name);
  return ascii === '' ? undefined : uLabels(ascii);
}

/**
 * RFC 7622 §3.2.1 has U-labels, so the A-labels of a domain are the same address. What only looks like an A-label
 * (RFC 5890 §2.3.1) or is newer than our tables is a name like any other: nobody has it in a second form.
 */
function uLabels(ascii: string): string | undefined {
  const name = domainToUnicode(ascii);
  if (name === '' || domainToASCII(name) !== ascii) return ascii;
  return fits(name) ? name : undefined;
}

/** RFC 7622 §3.3: UsernameCaseMapped (RFC 8265) without the characters that XMPP excludes. */
function prepareLocal(text: string): string | undefined {
  const plain = /^[a-z0-9._+=!#$%*-]+$/i.test(text);
  const local = plain ? text.toLowerCase() : text.normalize('NFKC').toLowerCase().normalize('NFC');
  if (!fits(local)) return undefined;
  return plain || !/["&'/:<>@\s\p{C}\p{Z}]/u.test(local) ? local : undefined;
}

/** RFC 7622 §3.4: OpaqueString (RFC 8265): non-ASCII spaces become spaces, nothing else is mapped. */
export function prepareResource(text: string): string | undefined {
  if (/^[\x21-\x7e]+$/.test(text)) return fits(text) ? text : undefined;
  const resource = text.replace(/\p{Zs}/gu, ' ').normalize('NFC');
  return fits(resource) && !/[\p{Cc}\p{Cs}\p{Cn}\p{Co}\p{Zl}\p{Zp}]/u.test(resource) ? resource : undefined;
}

export const isFull = (address: Jid): address is FullJid => address.includes('/');

export function bare(address: Jid): BareJid {
  const slash = address.indexOf('/');
  return (slash < 0 ? address : address.slice(0, slash)) as BareJid;
}

const bares = new Map<Jid, BareJid>();

/** As bare(), and one text for all addresses that have it: quick to look up for who is looked up several times a stanza. */
export function knownBare(address: Jid): BareJid {
  const known = bares.get(address);
  if (known !== undefined) return known;
  if (bares.size >= cacheSize) bares.clear();
  const own = parseBare(bare(address));
  bares.set(address, own);
  return own;
}

export function domainOf(address: Jid): BareJid {
  const slash = address.indexOf('/');
  return address.slice(domainStart(address, slash), slash < 0 ? undefined : slash) as BareJid;
}

/** Is that the domain of the address? As domainOf() would tell, and no text is made for it. */
export function isAt(address: Jid, domain: BareJid): boolean {
  const slash = address.indexOf('/');
  const start = domainStart(address, slash);
  return (slash < 0 ? address.length : slash) - start === domain.length && address.startsWith(domain, start);
}

/** A resource may have an @ in it. */
function domainStart(address: Jid, slash: number): number {
  const at = address.indexOf('@');
  return slash >= 0 && at > slash ? 0 : at + 1;
}

/** The part before the @, unescaped as it stands; empty for a domain. */
export function localOf(address: Jid): string {
  const whole = bare(address);
  return whole.slice(0, Math.max(0, whole.indexOf('@')));
}

/** The part behind the first /; empty for a bare address. */
export function resourceOf(address: Jid): string {
  const slash = address.indexOf('/');
  return slash < 0 ? '' : address.slice(slash + 1);
}

/** Joins a bare address and a resource; both must be prepared already. */
export const withResource = (address: BareJid, resource: string): FullJid => `${address}/${resource}` as FullJid;

const escapes: Record<string, string> = {
  ' ': '20',
  '"': '22',
  '&': '26',
  "'": '27',
  '/': '2f',
  ':': '3a',
  '<': '3c',
  '>': '3e',
  '@': '40',
};

/** XEP-0106 §4: an address as a localpart. */
export function escapeLocal(text: string): string {
  return text
    .replace(/\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/g, '\\5c')
    .replace(/[ "&'/:<>@]/g, (char) => `\\${escapes[char]!}`);
}

/** XEP-0106 §4: what an escaped localpart stands for. */
export function unescapeLocal(text: string): string {
  return text.replace(/\\(20|22|26|27|2f|3a|3c|3e|40|5c)/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
