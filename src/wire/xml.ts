/** XML elements (ltx) and how they become text. Every element of this project is made by xml() or the strict parser. */
import { Element } from 'ltx';

export { Element };
export type Attrs = Record<string, string | undefined>;
export type Node = Element | string;

/** `xml('body', {}, 'text')`, or with the namespace alone: `xml('ping', NS.ping)`. Undefined attributes are left out. */
export function xml(name: string, attrs: Attrs | string = {}, ...children: (Node | undefined)[]): Element {
  const element = new Element(name);
  if (typeof attrs === 'string') element.attrs.xmlns = attrs;
  else for (const key in attrs) if (attrs[key] !== undefined) element.attrs[key] = attrs[key];
  for (const child of children) if (child !== undefined) element.append(child);
  return element;
}

const inText: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\r': '&#xD;',
};
const inAttribute: Record<string, string> = {
  ...inText,
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#x9;',
  '\n': '&#xA;',
};

export const escapeText = (text: string): string =>
  /[&<>\r]/.test(text) ? text.replace(/[&<>\r]/g, (char) => inText[char]!) : text;
export const escapeAttribute = (text: string): string =>
  /[&<>"'\r\t\n]/.test(text) ? text.replace(/[&<>"'\r\t\n]/g, (char) => inAttribute[char]!) : text;

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** What escapeText or escapeAttribute was given. */
export const unescaped = (text: string): string =>
  text.includes('&')
    ? text.replace(/&(?:#x([0-9A-F]+)|(\w+));/g, (_, hex: string | undefined, name: string) =>
        hex === undefined ? entities[name]! : String.fromCodePoint(Number.parseInt(hex, 16)),
      )
    : text;

/** The same text on its own: a piece cut from a larger text keeps all of that in memory (V8), which is dear for what is kept long. */
export const detached = <T extends string>(text: T): T => Buffer.from(text).toString() as T;

/** The element as text; 1.5 times as fast as ltx's own and tab, newline and return survive in attributes. */
export function serialize(element: Element): string {
  return `<${element.name}${serializeAttributes(element)}${serializeContent(element)}`;
}

/** All behind `<name`, but without the attributes `to` and `from`: what is the same for every recipient of a stanza. */
export function serializeRest(element: Element): string {
  return serializeAttributes(element, true) + serializeContent(element);
}

function serializeAttributes({ attrs }: Element, withoutAddresses = false): string {
  let text = '';
  for (const key in attrs) {
    if (withoutAddresses && (key === 'to' || key === 'from')) continue;
    const value = attrs[key];
    if (value !== undefined && value !== null) text += ` ${key}="${escapeAttribute(String(value))}"`;
  }
  return text;
}

function serializeContent({ name, children }: Element): string {
  if (children.length === 0) return '/>';
  let text = '>';
  for (const child of children) text += typeof child === 'string' ? escapeText(child) : serialize(child);
  return `${text}</${name}>`;
}

/** A deep copy without parent: two stanzas cannot share a child. */
export function clone(element: Element): Element {
  const copy = new Element(element.name);
  for (const key in element.attrs) copy.attrs[key] = element.attrs[key];
  for (const child of element.children) copy.append(typeof child === 'string' ? child : clone(child));
  return copy;
}

/** A copy that may get other attributes and children; the children themselves are shared, and nobody may change them. */
export function shallow(element: Element, children: Node[] = [...element.children]): Element {
  const copy = new Element(element.name, element.attrs);
  copy.children = children;
  return copy;
}

/** Child elements without the text between them. */
export function elements(element: Element): Element[] {
  return element.children.filter((child): child is Element => typeof child !== 'string');
}

/** The first child element: an IQ's payload. */
export function firstElement(element: Element): Element | undefined {
  for (const child of element.children) if (typeof child !== 'string') return child;
  return undefined;
}

/** As ltx's getChild, which looks at all children and at prefixes that nothing here has. */
export function childOf(element: Element, name: string, ns?: string): Element | undefined {
  for (const child of element.children)
    if (typeof child !== 'string' && child.name === name && (ns === undefined || child.getNS() === ns)) return child;
  return undefined;
}

export const hasChild = (element: Element, name: string, ns: string): boolean =>
  childOf(element, name, ns) !== undefined;

/** Is any child in that namespace, whatever its name (chat states, markers, hints)? */
export const childIn = (element: Element, ns: string): Element | undefined => {
  for (const child of element.children) if (typeof child !== 'string' && child.attrs.xmlns === ns) return child;
  return undefined;
};
