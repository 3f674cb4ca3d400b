import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readElement } from '../src/wire/canonical.ts';
import { parseElement } from '../src/wire/parser.ts';
import { serialize, xml } from '../src/wire/xml.ts';

const odd = ['', ' ', '<>&"\'', '\r\n\t', '&amp;', ']]>', '😀 é', '/>', '="', '&#xA;', "a='b'", '\u00a0'];
let seed = 7;
const random = (below: number): number => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return seed % below;
};
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;

function generate(depth: number): ReturnType<typeof xml> {
  const element = xml(pick(['a', 'message', 'x.y-z', 'ä']), {
    ...(random(2) ? { xmlns: pick(['urn:a', 'urn:b', '']) } : {}),
    ...(random(2) ? { 'xml:lang': 'de', id: pick(odd) } : {}),
  });
  for (let count = random(4); count > 0 && depth > 0; count--) {
    const text = pick(odd);
    if (random(2)) element.append(generate(depth - 1));
    else if (text !== '' && typeof element.children.at(-1) !== 'string') element.append(text);
  }
  return element;
}

test('what serialize wrote is read back, as the strict parser would', () => {
  for (let count = 0; count < 3000; count++) {
    const text = serialize(generate(4));
    assert.is(serialize(readElement(text)), text);
  }
});

test('children know their parents, namespaces are inherited', () => {
  const text = '<message to="a"><x xmlns="urn:x"><y z="1"/>t</x></message>';
  const read = readElement(text);
  const strict = parseElement(text);
  assert.is(read.getChild('x', 'urn:x')!.getChild('y', 'urn:x')!.attrs.z, '1');
  assert.is(read.getChild('x')!.parent, read);
  assert.is(serialize(read), serialize(strict));
});

test('a text that is cut is refused', () => {
  const text = '<a b="c"><d>e</d></a>';
  for (let length = 0; length < text.length; length++)
    assert.throws(() => readElement(text.slice(0, length)), Error, text.slice(0, length));
});

test.run();
