/**
 * The plainest XML, read in one go: a whole element of names without prefix, quoted attributes and text, as nearly all stanzas
 * are. It takes what it is sure of and leaves all else, faults included, to the strict parser (`parser.ts`), which gives the
 * same for what is taken here, at five times the work.
 */
import { NS } from './ns.ts';
import { Element, unescaped } from './xml.ts';

/** A text's UTF-16 units: to look at them one by one is three times as fast as to ask the text for each. */
export type Codes = Uint8Array | Uint16Array;

interface Bounds {
  depth: number;
  attributes: number;
}

/** Deeper than any stanza that is worth the haste. */
const deepest = 32;

const [tab, newline, space, quote, ampersand, apostrophe, slash, colon, less, equals, greater] = [
  9, 10, 32, 34, 38, 39, 47, 58, 60, 61, 62,
];

const none: Codes = new Uint8Array();

class PlainReader {
  /** Behind what was read last. */
  end = 0;
  #text = '';
  #codes: Codes = none;
  #bounds: Bounds = { depth: 0, attributes: 0 };
  #content = '';
  /** Of the element whose start tag was read last. */
  #namespace = '';
  /** Of its attributes. */
  readonly #names: string[] = [];
  /** There are entities in the value that was looked at last. */
  #isEscaped = false;

  /**
   * The element of the first level that begins there; undefined: it is not whole, not plain, above a bound, or not XML.
   * `content`: the namespace that stands for jabber:client, in which it is when it says nothing else.
   */
  read(text: string, codes: Codes, from: number, bounds: Bounds, content: string): Element | undefined {
    this.#text = text;
    this.#codes = codes;
    this.#content = content;
    this.#bounds = bounds;
    const element = codes[from] === less ? this.#element(from, NS.client, 1) : undefined;
    this.#text = '';
    this.#codes = none;
    return element;
  }

  #element(from: number, inherited: string, level: number): Element | undefined {
    if (level > this.#bounds.depth || level > deepest) return undefined;
    const text = this.#text;
    const codes = this.#codes;
    const nameEnd = endOfName(codes, from + 1);
    if (nameEnd === from + 1) return undefined;
    const name = nameOf(text, codes, from + 1, nameEnd);
    const element = new Element(name);
    this.#namespace = inherited;
    const at = this.#attributes(element, nameEnd, inherited);
    if (codes[at] === slash) {
      this.end = at + 2;
      return codes[at + 1] === greater ? element : undefined;
    }
    return codes[at] === greater && this.#children(element, at + 1, level) ? element : undefined;
  }

  /** Where the `>` or `/>` is; -1: not plain. */
  #attributes(element: Element, from: number, inherited: string): number {
    const text = this.#text;
    const codes = this.#codes;
    let at = from;
    for (let count = 0; codes[at] === space; count++) {
      do at++;
      while (codes[at] === space);
      const nameEnd = endOfAttribute(text, codes, at);
      if (nameEnd === at) return at; // space before the end of the tag
      const mark = codes[nameEnd + 1];
      if (codes[nameEnd] !== equals || (mark !== quote && mark !== apostrophe)) return -1;
      const valueEnd = this.#endOfValue(nameEnd + 2, mark);
      if (valueEnd < 0 || count === this.#bounds.attributes) return -1;
      const name = nameOf(text, codes, at, nameEnd);
      if (this.#isTwice(name, count)) return -1;
      if (name === 'xmlns') {
        const uri = this.#uriOf(nameOf(text, codes, nameEnd + 2, valueEnd));
        if (uri === undefined || this.#isEscaped) return -1;
        this.#namespace = uri;
        // it stands first, and only where it changes, as in canonical()
        if (uri !== inherited) element.attrs = count === 0 ? { xmlns: uri } : { xmlns: uri, ...element.attrs };
      } else {
        const raw = text.slice(nameEnd + 2, valueEnd);
        const value = this.#isEscaped ? plainText(raw) : raw;
        if (value === undefined) return -1;
        element.attrs[name] = value;
      }
      at = valueEnd + 1;
    }
    return at;
  }

  /** -1: there is something in it that is not as it stands, or must not be. */
  #endOfValue(from: number, mark: number): number {
    const codes = this.#codes;
    this.#isEscaped = false;
    for (let at = from; ; at++) {
      const code = codes[at]!;
      if (code === mark) return at;
      if (!(code >= space && code < 0xfffe) || code === less) return -1;
      if (code === ampersand) this.#isEscaped = true;
    }
  }

  #isTwice(name: string, count: number): boolean {
    for (let index = 0; index < count; index++) if (this.#names[index] === name) return true;
    this.#names[count] = name;
    return false;
  }

  /** Undefined: it is a special one. */
  #uriOf(declared: string): string | undefined {
    if (declared === '' || declared !== declared.trim() || declared.startsWith('http://www.w3.org/')) return undefined;
    return declared === this.#content ? NS.client : declared;
  }

  /** From behind the start tag to behind the end tag. */
  #children(element: Element, from: number, level: number): boolean {
    const text = this.#text;
    const codes = this.#codes;
    const namespace = this.#namespace;
    let at = from;
    for (;;) {
      const end = endOfText(codes, at);
      if (end < 0) return false;
      if (end > at) {
        const words = plainText(text.slice(at, end));
        if (words === undefined) return false;
        element.children.push(words);
      }
      if (codes[end + 1] === slash) return this.#isEnd(element.name, end + 2);
      const child = this.#element(end, namespace, level + 1);
      if (child === undefined) return false;
      child.parent = element;
      element.children.push(child);
      at = this.end;
    }
  }

  #isEnd(name: string, from: number): boolean {
    const end = from + name.length;
    this.end = end + 1;
    return this.#text.startsWith(name, from) && this.#codes[end] === greater;
  }
}

/** One for all streams: nothing is left in it between two elements. */
export const plain = new PlainReader();

/** Letters, digits, `-`, `.` and `_`, and no digit, `-` or `.` first; behind the end there is undefined. */
function endOfName(codes: Codes, from: number): number {
  let at = from;
  for (;;) {
    const code = codes[at]!;
    const isLetter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
    if (!isLetter && (at === from || !((code >= 48 && code <= 57) || code === 45 || code === 46))) return at;
    at++;
  }
}

/** The one prefix that needs no declaration is known. */
function endOfAttribute(text: string, codes: Codes, from: number): number {
  const end = endOfName(codes, from);
  if (codes[end] !== colon || end !== from + 3 || !text.startsWith('xml', from)) return end;
  const local = endOfName(codes, end + 1);
  return local === end + 1 ? end : local;
}

/** Where the next `<` is; -1 as above. */
function endOfText(codes: Codes, from: number): number {
  for (let at = from; ; at++) {
    const code = codes[at]!;
    if (code === less) return at;
    if (code === greater || (!(code >= space && code < 0xfffe) && code !== newline && code !== tab)) return -1;
  }
}

/** Undefined: there is more in it than the five entities of XML. */
function plainText(raw: string): string | undefined {
  if (!raw.includes('&')) return raw;
  return /&(?!(?:amp|lt|gt|quot|apos);)/.test(raw) ? undefined : unescaped(raw);
}

/** Names met last, by their ends and length, as V8 has them: any other text it would look for among all names. */
const names: string[] = new Array(256).fill('');
const longestName = 64;

function nameOf(text: string, codes: Codes, from: number, to: number): string {
  const length = to - from;
  const slot = (codes[from]! * 7 + codes[to - 1]! * 31 + length) & 255;
  const known = names[slot]!;
  if (known.length === length && text.startsWith(known, from)) return known;
  const name = text.slice(from, to);
  if (length > longestName) return name;
  const own = Object.keys({ [name]: 0 })[0]!;
  names[slot] = own;
  return own;
}
