/** What saxes finds, in our terms: elements in canonical form, stream headers, and stream errors (RFC 6120 §4.9.3). */
import type { SaxesTagNS } from 'saxes';
import { StreamError } from './error.ts';
import { NS } from './ns.ts';
import { Element, escapeAttribute } from './xml.ts';

export function canonical(tag: SaxesTagNS, inherited: string, most: number): Element {
  if (tag.prefix !== '') checkLocal(tag.local);
  const isReserved = tag.prefix === 'xml'; // must not be a default namespace (Namespaces in XML §3)
  const element = new Element(isReserved ? tag.name : tag.local);
  const attrs = element.attrs;
  if (tag.uri !== inherited && !isReserved) attrs.xmlns = tag.uri;
  let count = 0;
  for (const key in tag.attributes) {
    const attribute = tag.attributes[key]!;
    if (++count > most) throw new StreamError('policy-violation', 'too many attributes');
    if (attribute.prefix !== '') checkLocal(attribute.local);
    if (attribute.prefix === 'xmlns' || key === 'xmlns') continue;
    attrs[key] = attribute.value;
    if (attribute.prefix !== '' && attribute.prefix !== 'xml') attrs[`xmlns:${attribute.prefix}`] = attribute.uri;
  }
  return element;
}

/** Behind a prefix saxes takes any characters of names; without the prefix such a name is no XML (Namespaces in XML §4). */
function checkLocal(name: string): void {
  if (/^(?:[-.0-9\u00b7\u203f\u2040]|[\u0300-\u036f])/.test(name))
    throw new StreamError('not-well-formed', 'malformed name');
}

/** Undefined where it has no more than that many. */
export function attributesFault({ attrs }: Element, most: number): StreamError | undefined {
  let count = 0;
  for (const _ in attrs) count++;
  return count > most ? new StreamError('policy-violation', 'too many attributes') : undefined;
}

/** A header that declares those namespaces and says nothing else. */
export function headerOf(declared: Readonly<Record<string, string>>): string {
  const attributes = Object.entries(declared).map(
    ([prefix, uri]) => ` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeAttribute(uri)}"`,
  );
  const header = `<stream:stream${attributes.sort().join('')}>`;
  return header === usual ? usual : header;
}
/** One text for nearly all. */
const usual = `<stream:stream xmlns="${NS.client}" xmlns:stream="${NS.stream}">`;

export function checkHeader(tag: SaxesTagNS): void {
  if (tag.local !== 'stream') throw new StreamError('bad-format', 'not a stream header');
  if (tag.uri !== NS.stream) throw new StreamError('invalid-namespace');
  if (tag.prefix !== 'stream') throw new StreamError('bad-namespace-prefix');
}

export const tooLarge = (bytes: number) => new StreamError('policy-violation', `stanza larger than ${bytes} bytes`);
export const nestedTooDeep = () => new StreamError('policy-violation', 'nested too deep');
export const restricted = (what: string) => new StreamError('restricted-xml', what);

/** saxes says what it found in words; RFC 6120 §4.9.3 has a condition for each. */
export function streamFault(message: string): StreamError {
  if (/^unbound namespace prefix/.test(message)) return new StreamError('bad-namespace-prefix');
  if (/^(undefined entity|empty entity|disallowed character in entity)/.test(message))
    return new StreamError('restricted-xml', 'entity');
  return new StreamError('not-well-formed', message.slice(0, 200));
}
