/** What is read in one go is read as saxes reads it: that is how the same is read character by character, or by saxes alone. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamError } from '../src/wire/error.ts';
import { StreamParser } from '../src/wire/parser.ts';
import { plain } from '../src/wire/plain.ts';
import type { Element } from '../src/wire/xml.ts';

const stream = 'http://etherx.jabber.org/streams';
const content = 'jabber:component:accept';
const limits = { bytes: 4000, depth: 6, attributes: 5 };

/** An element with all that it is made of, its attributes in order. */
const told = ({ name, attrs, children }: Element): unknown => [
  name,
  Object.entries(attrs),
  children.map((child) => (typeof child === 'string' ? child : told(child))),
];

interface Reading {
  /** Nothing is read in one go. */
  isStrict?: boolean;
  skips: boolean;
  bytes: number;
}

const inOneGo = plain.read;

/** What a stream gives. */
function read(chunks: Iterable<string | Uint8Array>, { isStrict, skips, bytes }: Reading): unknown[] {
  const events: unknown[] = [];
  const parser = new StreamParser(
    {
      open: () => events.push('open'),
      element: (element) => events.push(told(element)),
      close: () => events.push('close'),
      ...(skips && { skipped: (element: Element, why: StreamError) => events.push([told(element), why.message]) }),
    },
    { ...limits, bytes },
    content,
  );
  if (isStrict) plain.read = () => undefined;
  try {
    parser.write(Buffer.from(`<?xml version="1.0"?><stream:stream xmlns="${content}" xmlns:stream="${stream}">`));
    for (const chunk of chunks) parser.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    events.push(parser.inHand);
  } catch (reason) {
    assert.instance(reason, StreamError);
    events.push((reason as StreamError).condition);
  } finally {
    plain.read = inOneGo;
  }
  return events;
}

/** In these chunks, as character by character. */
function same(chunks: readonly string[]): void {
  for (const skips of [false, true]) {
    const reading = { skips, bytes: limits.bytes } as const;
    assert.equal(read(chunks, reading), read(chunks.join(''), reading), JSON.stringify(chunks));
  }
}

const stanzas = [
  `<iq id='a1' type='get' to='x@y/z' from="q"><query xmlns='urn:a' node=''/></iq>`,
  '<message to="é☃😀"><body>1 &lt; 2 &amp;&amp; \'3\' "4"\n\t5</body><a xmlns="urn:a"><b/><c xmlns="jabber:client"/></a></message>',
  `<presence/>`,
  `<message  type='chat'   xml:lang='de' ><body/><body xml:lang="en">x</body> <x/></message>`,
  `<iq a='1' xmlns='${content}' b='2'><q c='' xmlns='urn:q' d='e'><r xmlns='urn:q'/><s xmlns='${content}'/></q></iq>`,
  `<message from='room@muc/O&apos;Brien &amp; "she"' to='&lt;&gt;&quot;'><x b='&amp;#10;'/></message>`,
  '<iq xmlns="jabber:server"><q xmlns="jabber:server"/></iq>',
];

const readPlain = (text: string, from = 0): Element | undefined => {
  const codes = Uint16Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
  return plain.read(text, codes, from, limits, content);
};

test('plain stanzas are read in one go', () => {
  for (const stanza of stanzas) {
    const element = readPlain(`..${stanza}<`, 2);
    assert.ok(element, stanza);
    assert.is(plain.end, 2 + stanza.length);
    assert.is(element.parent, null);
  }
});

test('what is not, is left to the strict parser', () => {
  const others = [
    '<a',
    '<a>',
    '<a></a',
    '<a/',
    'a',
    '</a>',
    '<a></b>',
    '<a></ab>',
    '<a ></a >',
    '<a b=c/>',
    '<a b />',
    `<a b='1'c='2'/>`,
    `<a b='1' b='2'/>`,
    `<a b='&#65;'/>`,
    `<a b='&other;'/>`,
    `<a b='&lt'/>`,
    `<a b='c&'/>`,
    `<a xmlns='urn:&amp;'/>`,
    `<a b='<'/>`,
    `<a b='\n'/>`,
    `<a p:b='1'/>`,
    '<p:a/>',
    '<1/>',
    '<é/>',
    '<a\n/>',
    '<a>></a>',
    '<a>\r</a>',
    '<a>\u0001</a>',
    '<a>\ufffe</a>',
    `<a b='\uffff'/>`,
    '<a>&#65;</a>',
    '<a>&other;</a>',
    '<a>&lt</a>',
    '<a><!-- --></a>',
    '<a><![CDATA[b]]></a>',
    '<a><?b?></a>',
    `<a xmlns=''/>`,
    `<a xmlns=' urn:a'/>`,
    `<a xmlns='http://www.w3.org/2000/xmlns/'/>`,
    `<a xmlns='urn:a' xmlns='urn:a'/>`,
    `<a xmlns:b='urn:b'/>`,
    '<a><a><a><a><a><a><a/></a></a></a></a></a></a>',
    `<a b='' c='' d='' e='' f='' g=''/>`,
  ];
  for (const other of others) {
    assert.is(readPlain(other), undefined, other);
    for (const tail of ['', '<presence/>']) same([`<presence/>${other}${tail}`, '<presence/>']);
  }
});

test('names that mean something in JavaScript mean nothing here', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'valueOf', 'hasOwnProperty'])
    for (const stanza of [
      `<a ${name}='1'><${name}/></a>`,
      `<a ${name}='1' ${name}='1'/>`,
      `<${name} xmlns='${name}'/>`,
    ])
      same([stanza, '<presence/>']);
});

test('a stream of both gives the same, whatever the chunks', () => {
  const text = [
    ...`${stanzas.join('')} \r\n<a b='\n'>x</a>${stanzas.join('\n')}<stream:error/> <presence/></stream:stream>`,
  ];
  for (let size = 1; size < 80; size++) {
    const chunks = [];
    for (let at = 0; at < text.length; at += size) chunks.push(text.slice(at, at + size).join(''));
    assert.is(read(chunks, { skips: false, bytes: 4000 }).length, 2 * stanzas.length + 6);
    same(chunks);
  }
});

test('a character may be in two chunks', () => {
  const bytes = Buffer.from(stanzas.join(''));
  const reading = { skips: false, bytes: limits.bytes } as const;
  const whole = read([bytes], reading);
  for (let cut = 1; cut < bytes.length; cut++)
    assert.equal(read([bytes.subarray(0, cut), bytes.subarray(cut)], reading), whole, String(cut));
  for (const half of [[0xc3], [0xe2, 0x98], [0xf0, 0x9f, 0x98]])
    assert.equal(
      read([Uint8Array.from([...Buffer.from('<a>'), ...half]), '</a>'], reading).at(-1),
      'unsupported-encoding',
    );
});

test('long elements are counted from the end of the one before, in any chunks', () => {
  const cases = (count: number) => [
    [`<a/><a>${'x'.repeat(count - 7)}</a>`, '<b/>'],
    ['<a/>', `  <a>${'x'.repeat(count - 9)}</a><b/>`],
    ['<a/> ', ` <a>${'x'.repeat(count - 9)}</a>`, '<b/>'],
    [`<a/><a>${'é'.repeat(count - 7)}</a><b>`, 'x'.repeat(500)],
  ];
  for (let count = 380; count < 402; count++)
    for (const chunks of cases(count))
      for (const skips of [false, true]) {
        const [own, strict] = [false, true].map((isStrict) => read(chunks, { isStrict, skips, bytes: 400 }));
        assert.equal(own, strict, JSON.stringify(chunks));
      }
});

test('mutations of all of these give the same', () => {
  const pieces = [
    ...`<>/='"& \n\t\r]!?-:;ab1é`,
    '</',
    '/>',
    '<a>',
    '</a>',
    `xmlns='urn:x'`,
    '&lt;',
    '&#10;',
    ']]>',
    '<!--',
  ];
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48_271) % 0x7fffffff;
    return seed % below;
  };
  let plainOnes = 0;
  for (let round = 0; round < 3000; round++) {
    let text = `${stanzas[random(stanzas.length)]}${stanzas[random(stanzas.length)]}`;
    for (let change = random(4); change > 0; change--) {
      const at = random(text.length);
      text = text.slice(0, at) + pieces[random(pieces.length)] + text.slice(at + random(3));
    }
    if (readPlain(text) !== undefined) plainOnes++;
    const cut = text.indexOf('<', random(text.length)) + random(2);
    same([text, '<presence/>']);
    same([text.slice(0, cut), text.slice(cut), '<presence/>']);
  }
  assert.ok(plainOnes > 1000, String(plainOnes));
});

test.run();
