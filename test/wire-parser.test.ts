/** The strict parser; many short cases in one file. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamError } from '../src/wire/error.ts';
import { StreamParser } from '../src/wire/parser.ts';
import { type Element, serialize } from '../src/wire/xml.ts';

const header =
  '<?xml version="1.0"?><stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" to="x">';
const limits = { bytes: 1000, depth: 10, attributes: 8 };

function parser(chosen = limits) {
  const got: string[] = [];
  const made = new StreamParser(
    {
      open: (element) => got.push(`open ${element.attrs.to}`),
      element: (element: Element) => got.push(serialize(element)),
      close: () => got.push('close'),
    },
    chosen,
  );
  return {
    got,
    write: (text: string | Uint8Array) => made.write(typeof text === 'string' ? Buffer.from(text) : text),
    made,
  };
}

/** What a fresh stream gives for that text. */
function read(text: string): string[] {
  const { got, write } = parser();
  write(header + text);
  return got.slice(1);
}

function refused(text: string | Uint8Array, start = header): string {
  const { write } = parser();
  try {
    write(start);
    write(text);
  } catch (error) {
    assert.instance(error, StreamError);
    return (error as StreamError).condition;
  }
  return 'taken';
}

test('stanzas come out whole, in order, whatever the chunks', () => {
  const text = `${header}<message to="é"><body>1 &amp; 2 ☃ 😀</body></message> \n <iq id="a"/><presence/></stream:stream>`;
  const whole = parser();
  whole.write(text);
  const bytes = Buffer.from(text);
  const single = parser();
  for (const byte of bytes) single.write(Uint8Array.of(byte));
  assert.equal(single.got, whole.got);
  assert.equal(whole.got, [
    'open x',
    '<message to="é"><body>1 &amp; 2 ☃ 😀</body></message>',
    '<iq id="a"/>',
    '<presence/>',
    'close',
  ]);
});

test('elements are canonical: no prefixes, a namespace only where it changes', () => {
  assert.equal(
    read('<c:message xmlns:c="jabber:client"><c:body>x</c:body><a:b xmlns:a="urn:a"><a:c/><c:d/></a:b></c:message>'),
    ['<message><body>x</body><b xmlns="urn:a"><c/><d xmlns="jabber:client"/></b></message>'],
  );
  assert.equal(read('<message><x xmlns=""/><y xmlns="urn:y" xmlns:p="urn:p" p:q="1" xml:lang="de"/></message>'), [
    '<message><x xmlns=""/><y xmlns="urn:y" p:q="1" xmlns:p="urn:p" xml:lang="de"/></message>',
  ]);
  assert.equal(read('<message xmlns="jabber:server"/><stream:error/>'), [
    '<message xmlns="jabber:server"/>',
    '<error xmlns="http://etherx.jabber.org/streams"/>',
  ]);
});

test('text, CDATA, entities and line ends survive', () => {
  assert.equal(read('<a b="1&#10;2&apos;">x<![CDATA[<&]]>y &#x1F600;&quot;</a>'), [
    '<a b="1&#xA;2&apos;">x&lt;&amp;y 😀"</a>',
  ]);
});

test('what RFC 6120 forbids has its condition', () => {
  const cases: [string | Uint8Array, string][] = [
    ['<!-- c -->', 'restricted-xml'],
    ['<?pi x?>', 'restricted-xml'],
    ['<a>&xxe;</a>', 'restricted-xml'],
    ['<a>&#0;</a>', 'not-well-formed'],
    ['<a>\u0001</a>', 'not-well-formed'],
    ['<a><b></a></b>', 'not-well-formed'],
    ['<a b="1" b="2"/>', 'not-well-formed'],
    ['<a b=1/>', 'not-well-formed'],
    ['<a b="<"/>', 'not-well-formed'],
    ['<a>]]></a>', 'not-well-formed'],
    ['<p:a/>', 'bad-namespace-prefix'],
    ['<a p:b="1"/>', 'bad-namespace-prefix'],
    ['text', 'taken'], // until something follows
    ['text<a/>', 'bad-format'],
    [Uint8Array.of(0x3c, 0x61, 0x3e, 0xc3, 0x28), 'unsupported-encoding'],
    [Uint8Array.of(0xff), 'unsupported-encoding'],
    ['<a/></stream:wrong>', 'not-well-formed'],
  ];
  for (const [text, condition] of cases) assert.is(refused(text), condition, String(text));
});

test('a header that is none is refused', () => {
  const stream = 'xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams"';
  assert.is(refused('<a/>', ''), 'bad-format');
  assert.is(refused(`<stream:flow ${stream}>`, ''), 'bad-format');
  assert.is(refused('<stream:stream xmlns="jabber:client" xmlns:stream="urn:other">', ''), 'invalid-namespace');
  assert.is(
    refused('<s:stream xmlns="jabber:client" xmlns:s="http://etherx.jabber.org/streams">', ''),
    'bad-namespace-prefix',
  );
  assert.is(refused(`<!DOCTYPE x [<!ENTITY a "b">]><stream:stream ${stream}>`, ''), 'restricted-xml');
  assert.is(refused(`<?xml version="1.0" encoding="latin1"?><stream:stream ${stream}>`, ''), 'unsupported-encoding');
});

test('limits on bytes, depth and attributes hold, within a chunk and over many', () => {
  assert.is(refused(`<a>${'x'.repeat(1000)}</a>`), 'policy-violation');
  assert.is(refused(`<a>${'x'.repeat(900)}</a><a>${'x'.repeat(900)}</a>`), 'taken');
  assert.is(
    refused(`<a b="${'é'.repeat(600)}`),
    'policy-violation',
    'bytes, not characters, also when it does not end',
  );
  assert.is(refused('<a>'.repeat(10)), 'taken');
  assert.is(refused('<a>'.repeat(11)), 'policy-violation');
  const attributes = (count: number) => Array.from({ length: count }, (_, index) => `a${index}=""`).join(' ');
  assert.is(refused(`<a ${attributes(8)}/>`), 'taken');
  assert.is(refused(`<a ${attributes(9)}/>`), 'policy-violation');
  const { write } = parser();
  write(header);
  assert.throws(
    () => {
      for (let count = 0; count < 100; count++) write(`<a>${'x'.repeat(50)}`);
    },
    (error: StreamError) => error.condition === 'policy-violation',
  );
});

test('white space keepalives are free, however many', () => {
  const { write, got } = parser();
  write(header);
  for (let count = 0; count < 3000; count++) write(' \n');
  write('<a/>');
  for (let count = 0; count < 3000; count++) write(' ');
  write('<b/> ');
  assert.equal(got.slice(1), ['<a/>', '<b/>']);
});

test('white space within a stanza is not a keepalive', () => {
  const { write, got } = parser();
  write(`${header}<a`);
  write(' ');
  write('b="1">');
  write('  ');
  write('</a>');
  assert.equal(got.slice(1), ['<a b="1">  </a>']);
});

test('a stanza with a wrong end tag is never given out', () => {
  for (const text of ['<message>x</iq>', '<a/><message><b></message>', '<message><b/></presence><iq/>']) {
    const { write, got } = parser();
    write(header);
    assert.throws(
      () => write(text),
      (error: StreamError) => error.condition === 'not-well-formed',
    );
    assert.not.ok(
      got.some((line) => line.includes('message')),
      text,
    );
  }
});

test('after halt nothing of the same chunk comes out', () => {
  const got: string[] = [];
  const made: StreamParser = new StreamParser(
    {
      open() {},
      element(element) {
        got.push(element.name);
        made.halt();
      },
      close: () => got.push('close'),
    },
    limits,
  );
  made.write(Buffer.from(`${header}<starttls/><injected/></stream:stream>`));
  made.write(Buffer.from('<more/>'));
  assert.equal(got, ['starttls']);
});

/** Everything that a stream may bring, in chunks of that many bytes; `sleepy`: asleep whenever it can be. */
function chunked(text: string, size: number, sleepy: boolean): string[] {
  const { got, write, made } = parser();
  try {
    for (let at = 0; at < text.length; at += size) {
      write(Buffer.from(text).subarray(at, at + size));
      if (sleepy) made.sleep();
    }
  } catch (error) {
    got.push((error as StreamError).condition);
  }
  return got;
}

test('a parser that sleeps between elements gives the same', () => {
  const own = header.replace(' to="x"', ' to="x" xmlns:p="urn:p&amp;&quot;" xml:lang="de" id="1"');
  const streams = [
    `${own}<message to="e"><body>1 &amp; 2</body></message> \n\r\n <p:iq id="a" p:b="1"/><presence/></stream:stream>`,
    `${own.replace('jabber:client', 'urn:other')}<message/><c:message xmlns:c="jabber:client"><a/></c:message>`,
    `${own}<message/><q:a/>`,
    `${own}<message/>text<a/>`,
    `${own}<message/> <!-- c -->`,
    `${own}<message/><?xml version="1.0"?>`,
    `${own}<message/>${own}`,
    `${own}<message/></stream:flow>`,
    `${own}<message/>\ufeff<message/>`,
    `${own}<a><b><c><d><e><f><g><h><i><j/></i></h></g></f></e></d></c></b></a> <a/>`,
    `${own}<message/><a>${'x'.repeat(985)}</a> <a>${'x'.repeat(993)}</a><a>${'x'.repeat(994)}</a>`,
  ];
  for (const stream of streams)
    for (const size of [1, 2, 7, 50, 10_000])
      assert.equal(
        chunked(stream, size, true),
        chunked(stream, size, false),
        `${size}: ${stream.slice(own.length, 300)}`,
      );
  assert.equal(chunked(streams[0]!, 1, true), [
    'open x',
    '<message to="e"><body>1 &amp; 2</body></message>',
    '<iq xmlns="urn:p&amp;&quot;" id="a" p:b="1" xmlns:p="urn:p&amp;&quot;"/>',
    '<presence/>',
    'close',
  ]);
});

test('a parser does not sleep within an element, and is not woken by white space for good', () => {
  const { got, write, made } = parser();
  write(`${header}<message><bo`);
  made.sleep();
  write('dy/></message><iq');
  made.sleep();
  write('/>');
  made.sleep();
  for (let time = 0; time < 3; time += 1) {
    write(' ');
    made.sleep();
  }
  write('<presence/>');
  made.halt();
  made.sleep();
  write('<presence/>');
  assert.equal(got, ['open x', '<message><body/></message>', '<iq/>', '<presence/>']);
});

/** As a component's stream is read: nobody's stanza ends it for all. */
function patient(text: string, size = 7): string[] {
  const got: string[] = [];
  const made = new StreamParser(
    {
      open: () => {},
      element: (element) => got.push(serialize(element)),
      close: () => got.push('close'),
      skipped: (element, why) => got.push(`skipped ${serialize(element)} ${why.message}`),
    },
    limits,
    'jabber:component:accept',
  );
  const bytes = Buffer.from(header.replace('jabber:client', 'jabber:component:accept') + text);
  for (let at = 0; at < bytes.length; at += size) made.write(bytes.subarray(at, at + size));
  return got;
}

test('where one stanza must not end the stream for others, what breaks a limit is left out', () => {
  const deep = (levels: number) => `<message id="deep">${'<a>'.repeat(levels)}x${'</a>'.repeat(levels)}</message>`;
  const wide = Array.from({ length: 9 }, (_, at) => ` a${at}="x"`).join('');
  const cases: [string, string][] = [
    [deep(10), '<message id="deep"/> nested too deep'],
    [
      `<message id="long"><body>${'x'.repeat(1200)}</body></message>`,
      '<message id="long"/> stanza larger than 1000 bytes',
    ],
    [`<message id="wide"><b${wide}/></message>`, '<message id="wide"/> too many attributes'],
    [`<iq${wide}><q/></iq>`, `<iq${wide}/> too many attributes`],
  ];
  for (const [text, left] of cases)
    for (const size of [1, 7, 5000])
      assert.equal(patient(`<presence/>${text}<iq/>${text} </stream:stream>`, size), [
        '<presence/>',
        `skipped ${left}`,
        '<iq/>',
        `skipped ${left}`,
        'close',
      ]);
  assert.equal(patient(deep(9)), [deep(9)]);
  assert.throws(() => patient(`<message>${'x'.repeat(5000)}</message>`), /larger than 1000/);
  assert.throws(
    () => patient(`${deep(10).slice(0, -10)}</b>`),
    ({ name }: Error) => name === 'StreamError',
  );
});

test('a content namespace stands for jabber:client, and only as it is one', () => {
  const inner = '<message xmlns="jabber:client"><body/></message>';
  assert.equal(patient(`<iq><x xmlns="y">${inner}<z xmlns="jabber:component:accept"/></x></iq>`), [
    `<iq><x xmlns="y">${inner}<z xmlns="jabber:client"/></x></iq>`,
  ]);
});

test('whatever version of XML is declared, it is XML 1.0 that is read (RFC 6120 §11)', () => {
  for (const version of ['1.1', '1.2']) {
    const start = header.replace('"1.0"', `"${version}"`);
    for (const text of ['<a>\u2028\u0085</a>', '<a><!x', "<a b='&#1;'/>", '<a>&#1;</a>'])
      assert.is(refused(text, start), refused(text), version + text);
    const { got, write } = parser();
    write(`${start}<a>\u2028\u0085</a><a>\u2028\u0085`);
    write('</a>');
    assert.equal(got.slice(1), ['<a>\u2028\u0085</a>', '<a>\u2028\u0085</a>']);
  }
});

test('the prefix xml stays: nobody may take its namespace for a default one', () => {
  const text = '<a xmlns="urn:a"><xml:b><c/><d xmlns="urn:d"/></xml:b><xml:e xml:f="1"/></a>';
  assert.equal(read(`${text}<xml:iq><xml:g/><h/></xml:iq>`), [text, '<xml:iq><xml:g/><h/></xml:iq>']);
  assert.equal(read('<a><xml:b xmlns="urn:b"><c/><d xmlns="jabber:client"/></xml:b></a>'), [
    '<a><xml:b><c xmlns="urn:b"/><d/></xml:b></a>',
  ]);
});

test('what stands behind a prefix is a name of its own', () => {
  for (const local of ['-b', '.b', '1', '\u00b7b', '\u0301b', '\u203fb'])
    for (const text of [
      `<p:${local} xmlns:p="u"/>`,
      `<a><xml:${local}/></a>`,
      `<a xml:${local}=""/>`,
      `<a xmlns:${local}="u"/>`,
    ])
      assert.is(refused(text), 'not-well-formed', text);
  assert.equal(read('<p:é.1-· xmlns:p="u" p:_=""/>'), ['<é.1-· xmlns="u" p:_="" xmlns:p="u"/>']);
});

test('white space is what XML calls so, in any chunks', () => {
  for (const other of ['\v', '\f', '\u00a0', '\u2028', '\ufeff']) {
    const condition = other === '\v' || other === '\f' ? 'not-well-formed' : 'bad-format';
    assert.is(refused(`<a/>${other}<b/>`), condition);
    assert.is(refused(`${other}<b/>`, `${header}<a/>`), condition);
    assert.is(refused('<b/>', `${header}<a/>${other}`), condition);
    const { write } = parser();
    write(`${header}<a/>`);
    assert.throws(
      () => {
        write(other);
        write('<b/>');
      },
      (fault: StreamError) => fault.condition === condition,
    );
  }
});

test('an empty chunk is nothing, even within a character', () => {
  const { got, write } = parser();
  write(`${header}<a>`);
  for (const part of [[0xc3], [], [0xa9]]) write(Uint8Array.from(part));
  write('</a>');
  assert.is(got.at(-1), '<a>é</a>');
  const other = parser();
  other.write(`${header}<a>`);
  for (const part of [[0xc3], []]) other.write(Uint8Array.from(part));
  assert.throws(() => other.write('</a>'), /not UTF-8/);
});

test('what stands behind the end is not counted either', () => {
  for (const start of [header, header.replace('jabber:client', 'urn:other')]) {
    const { got, write } = parser();
    write(start);
    write(`</stream:stream> ${'<a/>'.repeat(500)}`);
    assert.is(got.at(-1), 'close');
  }
});

test('the end is the end, whatever follows it in the same chunk', () => {
  for (const tail of ['x', '<', '&', '</a>', '\u0001', '<a/>', ' '])
    assert.equal(read(`</stream:stream>${tail}`), ['close']);
  assert.is(refused('</stream:streams>x'), 'not-well-formed');
});

test('a fault is named for what it is, not for the names in it', () => {
  assert.is(refused("<a entity='' entity=''/>"), 'not-well-formed');
  assert.is(refused("<a xmlns:p='unbound namespace prefix' p:b='' p:b=''/>"), 'not-well-formed');
  assert.is(refused('<entity></a>'), 'not-well-formed');
  for (const text of ['&other;', '&é other;', '&;', '&constructor;'])
    assert.is(refused(`<a>${text}</a>`), 'restricted-xml');
  assert.is(refused('<p:entity/>'), 'bad-namespace-prefix');
  assert.is(refused('<a p:entity=""/>'), 'bad-namespace-prefix');
});

test.run();
