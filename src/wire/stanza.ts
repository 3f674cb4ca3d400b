/** Stanzas (RFC 6120 §8): the form in which they travel, and answers to them. */
import { readElement } from './canonical.ts';
import { type Condition, StanzaError } from './error.ts';
import { NS } from './ns.ts';

import { clone, type Element, escapeAttribute, firstElement, serialize, serializeRest, shallow, xml } from './xml.ts';

export type StanzaName = 'message' | 'presence' | 'iq';
export const stanzaNames: readonly StanzaName[] = ['message', 'presence', 'iq'];
export const isStanzaName = (name: string): name is StanzaName => (stanzaNames as readonly string[]).includes(name);

/**
 * One stanza on its way. Its addresses stand apart, all the rest (`rest`: everything behind `<name` but for `to` and
 * `from`) is one text that serves every recipient. Tree and text are each made from the other when first asked for, so
 * a stanza that is only passed on is never parsed again, and one bound for many is written once.
 */
export class Stanza {
  readonly name: StanzaName;
  readonly to: string | undefined;
  readonly from: string | undefined;
  readonly id: string | undefined;
  readonly type: string | undefined;
  #rest: string | undefined;
  #tree: Element | undefined;
  /** What it was made of by `adding`. */
  #grown: { from: Stanza; child: Element | string } | undefined;

  private constructor(name: StanzaName, attrs: Outer, rest: string | undefined, tree: Element | undefined) {
    this.name = name;
    this.to = attrs.to;
    this.from = attrs.from;
    this.id = attrs.id;
    this.type = attrs.type;
    this.#rest = rest;
    this.#tree = tree;
  }

  /** The element is the stanza's from now on: nobody may change it any more. */
  static of(element: Element): Stanza {
    return new Stanza(element.name as StanzaName, element.attrs as Outer, undefined, element);
  }

  /** From the parts that crossed a link. */
  static fromParts(name: StanzaName, outer: Outer, rest: string): Stanza {
    return new Stanza(name, outer, rest, undefined);
  }

  /** The same stanza between other addresses; the text is shared. */
  readdress({ to, from }: { to?: string | undefined; from?: string | undefined }): Stanza {
    return new Stanza(this.name, { to, from, id: this.id, type: this.type }, this.rest, undefined);
  }

  /** The same stanza with one more child at its end, which may be text already; its tree is made when somebody asks for it. */
  adding(child: Element | string): Stanza {
    const text = typeof child === 'string' ? child : serialize(child);
    const stanza = new Stanza(this.name, this, withChild(this.rest, this.name, text), undefined);
    stanza.#grown = { from: this, child };
    return stanza;
  }

  get rest(): string {
    this.#rest ??= serializeRest(this.#tree!);
    return this.#rest;
  }

  /** Read only: it is shared. */
  get tree(): Element {
    if (this.#tree !== undefined) return this.#tree;
    const grown = this.#grown;
    const base = grown === undefined ? undefined : grown.from.#tree;
    this.#tree = base && grown ? withLast(base, grown.child) : readElement(this.toString());
    this.#grown = undefined;
    return this.#tree;
  }

  /** Whole, with the given addresses in place of its own. */
  textFor(to: string | undefined, from: string | undefined): string {
    const toText = to === undefined ? '' : ` to="${escapeAttribute(to)}"`;
    const fromText = from === undefined ? '' : ` from="${escapeAttribute(from)}"`;
    return `<${this.name}${toText}${fromText}${this.rest}`;
  }

  toString(): string {
    return this.textFor(this.to, this.from);
  }
}

const withLast = (tree: Element, child: Element | string): Element =>
  shallow(tree, [...tree.children, typeof child === 'string' ? readElement(child) : child]);

/** Behind the last child, in the text behind `<name`. */
const withChild = (rest: string, name: string, child: string): string =>
  rest.endsWith('/>')
    ? `${rest.slice(0, -2)}>${child}</${name}>`
    : `${rest.slice(0, -name.length - 3)}${child}</${name}>`;

interface Outer {
  to?: string | undefined;
  from?: string | undefined;
  id?: string | undefined;
  type?: string | undefined;
}

export const isRequest = ({ name, type }: Stanza): boolean => name === 'iq' && (type === 'get' || type === 'set');
export const isResponse = ({ name, type }: Stanza): boolean => name === 'iq' && (type === 'result' || type === 'error');

/** RFC 6120 §8.2.3: the result of a get or set, from whom it was sent to. */
export function resultOf(request: Stanza, payload?: Element): Stanza {
  return Stanza.of(xml('iq', { type: 'result', id: request.id, from: request.to, to: request.from }, payload));
}

/** An IQ around a payload that is text already. */
export function iqAround(payload: string, outer: { type: string } & Outer): Stanza {
  const id = outer.id === undefined ? '' : ` id="${escapeAttribute(outer.id)}"`;
  return Stanza.fromParts('iq', outer, ` type="${outer.type}"${id}>${payload}</iq>`);
}

/**
 * RFC 6120 §8.3.1: the error that answers a stanza, with the payload it answers where that is an IQ.
 * Never call it for an error (RFC 6120 §8.3.1) or a result.
 */
export function errorOf(stanza: Stanza, reason: StanzaError | Condition): Stanza {
  const error = typeof reason === 'string' ? new StanzaError(reason) : reason;
  const payload = stanza.name === 'iq' ? firstElement(stanza.tree) : undefined;
  return Stanza.of(
    xml(
      stanza.name,
      { type: 'error', id: stanza.id, from: stanza.to, to: stanza.from },
      payload && clone(payload),
      error.toElement(),
    ),
  );
}

/** XEP-0203: when a stanza was first taken. */
export const delay = (from: string, at: number): Element =>
  xml('delay', {
    xmlns: NS.delay,
    from,
    stamp: new Date(at).toISOString().replace(/\.\d+Z$/, 'Z'),
  });
