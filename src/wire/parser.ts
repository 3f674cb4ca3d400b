/**
 * The strict XML of both sides (RFC 6120 §11): bytes in, elements out, every fault a StreamError.
 *
 * Elements come out in canonical form: names without prefix (but `xml`), `xmlns` on an element only where its namespace
 * differs from its parent's (jabber:client at the top), declarations of prefixes only for attributes that need them. So no
 * later text depends on what a stream header declared, and a stanza that we frame as one is framed as one by everybody.
 *
 * What is plain XML is read in one go (`plain.ts`), all else by saxes, with the same result.
 *
 * The file is long because the handlers of saxes have one state in common.
 */
import { isAscii } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { SaxesParser, type SaxesTagNS } from 'saxes';
import { StreamError } from './error.ts';
import { NS } from './ns.ts';
import { type Codes, plain } from './plain.ts';
import {
  attributesFault,
  canonical,
  checkHeader,
  headerOf,
  nestedTooDeep,
  restricted,
  streamFault,
  tooLarge,
} from './tag.ts';
import type { Element } from './xml.ts';

export interface Limits {
  /** Bytes of one element of the first level, its tags included. */
  bytes: number;
  /** Levels below the stream's root. */
  depth: number;
  /** Attributes of one element. */
  attributes: number;
}

export interface ParserEvents {
  /** The stream header; names canonical, `xmlns` is the stream's content namespace. */
  open(header: Element): void;
  /** A stanza or nonza: a whole element of the first level. */
  element(element: Element): void;
  /** `</stream:stream>`. */
  close(): void;
  /**
   * Where it is there, an element of the first level that breaks a limit does not end the stream: it comes here, without
   * what is in it. For streams that carry the stanzas of many, of whom each could end it for all.
   */
  skipped?(element: Element, why: StreamError): void;
}

/** How many times `limits.bytes` are read past before the stream is ended all the same. */
const patience = 4;

/** XML 1.0, whatever is declared (RFC 6120 §11, XML 1.0 §2.8): 1.1 has characters that nobody else may be sent. */
const options = { xmlns: true, position: false, forceXMLVersion: true, defaultXMLVersion: '1.0' } as const;

/** One stream's parser. A restart (RFC 6120 §4.3.3) needs a new one. */
export class StreamParser {
  limits: Limits;
  readonly #events: ParserEvents;
  /** Made when something comes that is not ASCII. */
  #decoder: TextDecoder | undefined;
  /** It may have half a character. */
  #isHalf = false;
  /** Undefined while asleep. */
  #sax: SaxesParser<typeof options> | undefined = this.#newSax();
  /** What the stream's header declares; once it has slept, as a header that does so. */
  #declared: Record<string, string> = {};
  #header = '';
  #root: Element | undefined;
  #cursor: Element | undefined;
  #namespaces: string[] = [];
  #halted = false;
  /**
   * An element of the first level that has ended, or the root: saxes tells of an end tag before it compares the names, so
   * it is given out only when something follows or the chunk is through.
   */
  #finished: Element | undefined;
  /** Characters taken so far, and how many of them saxes has not seen. */
  #consumed = 0;
  #aside = 0;
  /** Elements of the first level may be plain XML: the stream's header declares nothing that would give them another meaning. */
  #isPlain = false;
  /** Saxes has not begun anything. */
  #isBetween = false;
  /** A tag has ended in what saxes was given last. */
  #tagEnds = false;
  /** Bytes since the end of the last element of the first level. */
  #pending = 0;
  /** Where that end is: characters since the start of the stream. */
  #mark = 0;
  /** Nothing but white space since then. */
  #resting = false;
  /** Stands for jabber:client (RFC 6120 §4.8.2: the content namespace). */
  readonly #content: string;
  /** Levels that are open within an element that is skipped, its own among them. */
  #skipping = 0;
  /** It, and why. */
  #skipped: { element: Element; why: StreamError } | undefined;

  constructor(events: ParserEvents, limits: Limits, content: string = NS.client) {
    this.#events = events;
    this.limits = limits;
    this.#content = content;
  }

  #newSax(): SaxesParser<typeof options> {
    const parser = new SaxesParser(options);
    const sax = parser as unknown as Handlers; // named properties: .on() makes saxes four times slower
    sax.errorHandler = ({ message }) => this.#refuse(streamFault(message));
    sax.xmldeclHandler = ({ encoding = 'utf-8' }) => {
      if (encoding.toLowerCase() !== 'utf-8') this.#refuse(new StreamError('unsupported-encoding'));
    };
    sax.doctypeHandler = () => this.#refuse(restricted('document type declaration'));
    sax.commentHandler = () => this.#refuse(restricted('comment'));
    sax.piHandler = () => this.#refuse(restricted('processing instruction'));
    sax.openTagHandler = (tag) => this.#open(tag);
    sax.closeTagHandler = () => this.#close();
    sax.textHandler = (text) => this.#text(text);
    sax.cdataHandler = (text) => this.#text(text);
    return parser;
  }

  /**
   * Between elements it gives up what only the next one needs, which is most of what it takes up: for streams of which
   * there are many and little comes. Nothing else changes by it.
   */
  sleep(): void {
    if (!this.#resting || this.#halted || this.#sax === undefined) return;
    if (this.#header === '') this.#header = headerOf(this.#declared);
    this.#declared = {};
    this.#sax = undefined;
    this.#decoder = undefined;
    this.#root = undefined;
    this.#cursor = undefined;
    this.#namespaces = [];
  }

  #wake(): void {
    this.#sax = this.#newSax();
    this.#consumed = 0;
    this.#aside = 0;
    this.#feed(this.#header);
  }

  /** Takes what came from the socket; throws StreamError, after which the parser takes nothing more. */
  write(chunk: Uint8Array): void {
    if (this.#halted || chunk.length === 0) return;
    try {
      if (this.#sax === undefined) this.#wake();
      const isSimple = !this.#isHalf && isAscii(chunk);
      const text = isSimple ? Buffer.prototype.latin1Slice.call(chunk) : this.#decode(chunk);
      if (this.#resting && !this.#isHalf && isBlank(text)) return; // white space keepalive (RFC 6120 §4.6.1)
      this.#resting = false;
      this.#pending += chunk.length;
      this.#take(text, isSimple ? chunk : codesOf(text));
      this.#emit();
      if (this.#halted) return;
      const tail = this.#consumed - this.#mark;
      if (tail < text.length) this.#pending = Buffer.byteLength(text.slice(text.length - tail)); // of the next element
      this.#resting =
        this.#cursor !== undefined &&
        this.#cursor === this.#root &&
        this.#skipping === 0 &&
        !this.#isHalf &&
        tail < text.length &&
        isBlank(text.slice(text.length - tail));
      if (this.#resting) {
        this.#pending = 0;
        this.#mark = this.#consumed;
      } else if (this.#pending > this.limits.bytes) this.#tooLarge();
    } catch (error) {
      this.halt();
      throw error;
    }
  }

  /** What is plain in one go; from what is not, saxes has it tag by tag, until an element can be plain again. */
  #take(text: string, codes: Codes): void {
    for (let at = 0; at < text.length && !this.#halted; ) {
      const end = this.#isBetween ? this.#takePlain(text, codes, at) : at;
      if (end > at) at = end;
      else {
        const tagEnd = this.#isPlain || this.#root === undefined ? text.indexOf('>', at) + 1 : 0;
        const next = tagEnd === 0 ? text.length : tagEnd;
        this.#feed(text.slice(at, next));
        at = next;
      }
    }
  }

  /** White space, or an element; where that ends. */
  #takePlain(text: string, codes: Codes, from: number): number {
    let start = from;
    while (isSpace(codes[start])) start++;
    this.#pass(start - from);
    if (start > from) return start;
    this.#emit();
    if (this.#halted) return text.length;
    const element = plain.read(text, codes, from, this.limits, this.#content);
    const length = plain.end - from;
    if (element === undefined || this.#consumed + length - this.#mark > this.limits.bytes) return from;
    this.#pass(length);
    this.#mark = this.#consumed;
    this.#pending = 0;
    this.#events.element(element);
    return from + length;
  }

  /** Past saxes. */
  #pass(length: number): void {
    this.#consumed += length;
    this.#aside += length;
  }

  /** Up to the end of a tag, if there is one: behind it, it is known whether anything has begun. */
  #feed(text: string): void {
    this.#consumed += text.length;
    this.#tagEnds = false;
    this.#sax!.write(text);
    if (this.#cursor === undefined) this.#emit(); // the end, whatever follows
    this.#isBetween = this.#isPlain && this.#tagEnds && this.#cursor === this.#root && this.#skipping === 0;
  }

  /** The name of the element of the first level that is being read. */
  get inHand(): string | undefined {
    let element = this.#finished ?? this.#cursor;
    if (element === undefined || element === this.#root) return undefined;
    while (element.parent) element = element.parent as Element;
    return element.name;
  }

  /** No further event comes, not even from the rest of the chunk in hand: before STARTTLS, at a restart, at the end. */
  halt(): void {
    this.#halted = true;
  }

  /** What stands behind the last thing taken is not even looked at. */
  #refuse(fault: StreamError): void {
    if (!this.#halted) throw fault;
  }

  #decode(chunk: Uint8Array): string {
    this.#isHalf = (chunk.at(-1) ?? 0) >= 0x80;
    this.#decoder ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }); // a byte order mark is for saxes to judge
    try {
      return this.#decoder.decode(chunk, { stream: true });
    } catch {
      throw new StreamError('unsupported-encoding', 'not UTF-8');
    }
  }

  /** More has come of an element than may; how it goes on is not known yet. */
  #tooLarge(): void {
    const inside = this.#skipping > 0 || (this.#cursor !== undefined && this.#cursor !== this.#root);
    if (!inside || this.#events.skipped === undefined || this.#pending > patience * this.limits.bytes)
      throw tooLarge(this.limits.bytes);
    if (this.#skipping === 0) this.#skip(tooLarge(this.limits.bytes));
  }

  /** From here on nothing of the element in hand is kept. */
  #skip(why: StreamError): void {
    let element = this.#cursor!;
    while (element.parent) element = element.parent as Element;
    element.children = [];
    this.#skipped = { element, why };
    this.#skipping = this.#namespaces.length - 1;
    this.#namespaces.length = 1;
    this.#cursor = this.#root;
  }

  #open(tag: SaxesTagNS): void {
    this.#tagEnds = true;
    if (this.#skipping > 0) {
      this.#skipping++;
      return;
    }
    this.#emit();
    if (this.#halted) return;
    const parent = this.#cursor;
    if (tag.uri === this.#content) tag.uri = NS.client;
    const inherited = parent === undefined ? '' : parent === this.#root ? NS.client : this.#namespaces.at(-1)!;
    const skips = this.#events.skipped !== undefined && parent !== undefined;
    const element = canonical(tag, inherited, skips ? Number.POSITIVE_INFINITY : this.limits.attributes);
    this.#namespaces.push(tag.prefix === 'xml' ? inherited : tag.uri);
    const tooDeep = this.#namespaces.length > this.limits.depth + 1;
    if (tooDeep && !skips) throw nestedTooDeep();
    const fault = tooDeep ? nestedTooDeep() : skips ? attributesFault(element, this.limits.attributes) : undefined;
    if (fault === undefined || parent === this.#root) this.#cursor = element;
    if (fault !== undefined) return this.#skip(fault);
    if (parent === undefined) {
      this.#root = element;
      const namespace = tag.ns?.[''] ?? '';
      element.attrs.xmlns = namespace;
      checkHeader(tag);
      this.#isPlain = namespace === this.#content || namespace === NS.client;
      this.#rest();
      if (this.#header !== '') return; // told of before it slept
      this.#declared = tag.ns ?? {};
      this.#events.open(element);
    } else if (parent !== this.#root) {
      element.parent = parent;
      parent.children.push(element);
    }
  }

  #close(): void {
    this.#tagEnds = true;
    if (this.#skipping > 0) {
      if (--this.#skipping === 0) this.#rest();
      return;
    }
    this.#emit();
    if (this.#halted) return;
    const element = this.#cursor!;
    this.#namespaces.pop();
    if (element === this.#root) {
      this.#cursor = undefined;
      this.#finished = element;
    } else if (element.parent !== null) {
      this.#cursor = element.parent as Element;
    } else {
      this.#cursor = this.#root;
      const isTooLarge = this.#sax!.position + this.#aside - this.#mark > this.limits.bytes;
      if (isTooLarge && this.#events.skipped === undefined) throw tooLarge(this.limits.bytes);
      this.#rest();
      if (!isTooLarge) this.#finished = element;
      else {
        element.children = [];
        this.#skipped = { element, why: tooLarge(this.limits.bytes) };
      }
    }
  }

  #emit(): void {
    if (this.#skipped !== undefined) return this.#emitSkipped(this.#skipped);
    const element = this.#finished;
    if (element === undefined || this.#halted) return;
    this.#finished = undefined;
    if (element !== this.#root) return this.#events.element(element);
    this.halt();
    this.#events.close();
  }

  #emitSkipped({ element, why }: { element: Element; why: StreamError }): void {
    if (this.#halted || this.#skipping > 0) return;
    this.#skipped = undefined;
    this.#events.skipped?.(element, why);
  }

  #rest(): void {
    this.#mark = this.#sax!.position + this.#aside;
    this.#pending = 0;
  }

  #text(text: string): void {
    if (this.#skipping > 0) return;
    this.#emit();
    if (this.#halted) return;
    const cursor = this.#cursor;
    if (cursor === undefined || cursor === this.#root) {
      if (!isBlank(text)) throw new StreamError('bad-format', 'text between stanzas');
      return;
    }
    const last = cursor.children.length - 1;
    const before = cursor.children[last];
    if (typeof before === 'string') cursor.children[last] = before + text;
    else cursor.children.push(text);
  }
}

function codesOf(text: string): Codes {
  const codes = new Uint16Array(text.length);
  for (let at = 0; at < text.length; at++) codes[at] = text.charCodeAt(at);
  return codes;
}

/** What XML has between elements. */
const isSpace = (code: number | undefined): boolean => code === 32 || code === 10 || code === 13 || code === 9;
const isBlank = (text: string): boolean => !/[^ \n\r\t]/.test(text);

/** Reads one element that we wrote ourselves (link, store). Not for anybody else's text. */
export function parseElement(text: string): Element {
  let found: Element | undefined;
  const parser = new StreamParser(
    { open() {}, element: (element) => (found = element), close() {} },
    { bytes: Number.POSITIVE_INFINITY, depth: 1000, attributes: 1000 },
  );
  parser.write(Buffer.from(`<stream:stream xmlns="${NS.client}" xmlns:stream="${NS.stream}">${text}`));
  if (found === undefined) throw new Error('no element');
  return found;
}

interface Handlers {
  errorHandler(error: Error): void;
  xmldeclHandler(declaration: { encoding?: string }): void;
  doctypeHandler(): void;
  commentHandler(): void;
  piHandler(): void;
  openTagHandler(tag: SaxesTagNS): void;
  closeTagHandler(): void;
  textHandler(text: string): void;
  cdataHandler(text: string): void;
}
