/** Our half of XEP-0198. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Management } from '../src/upstream/management.ts';
import { StreamError } from '../src/wire/error.ts';
import { serialize } from '../src/wire/xml.ts';

function filled(count: number): Management {
  const management = new Management(1);
  for (let index = 1; index <= count; index++) management.sent(`<message id="${index}"/>`);
  return management;
}
const ids = (management: Management) => management.unacknowledged.map((text) => Number(/\d+/.exec(text)![0]));
function faultOf(work: () => void): StreamError {
  try {
    work();
  } catch (reason) {
    if (reason instanceof StreamError) return reason;
  }
  throw new Error('no stream error');
}

test('what is acknowledged is forgotten, the rest is kept in order', () => {
  const management = filled(5);
  management.acknowledge('2');
  assert.equal(ids(management), [3, 4, 5]);
  management.acknowledge('2');
  assert.equal(ids(management), [3, 4, 5]);
  management.acknowledge('1'); // an older count says nothing new
  assert.equal(ids(management), [3, 4, 5]);
  management.acknowledge('5');
  assert.equal(ids(management), []);
});

test('a count of more than was sent ends the stream with the error of XEP-0198 §4', () => {
  const management = filled(3);
  management.acknowledge('1');
  const fault = faultOf(() => management.acknowledge('10'));
  assert.is(fault.condition, 'undefined-condition');
  assert.match(
    serialize(fault.toElement()),
    /<handled-count-too-high xmlns="urn:xmpp:sm:3" h="10" send-count="3"\/><\/stream:error>$/,
  );
  assert.equal(ids(management), [2, 3]);
});

for (const h of [undefined, '', '-1', '1.5', 'x', '99999999999', '4294967296', '0x1'])
  test(`h=${h} is no counter`, () => {
    assert.is(faultOf(() => filled(1).acknowledge(h)).condition, 'bad-format');
  });

test("the server's counter wraps at 2^32", () => {
  const management = new Management(1, false, 0xfffffffe);
  for (const id of [1, 2, 3]) management.sent(`<message id="${id}"/>`);
  management.acknowledge('4294967295');
  assert.equal(ids(management), [2, 3]);
  management.acknowledge('0');
  assert.equal(ids(management), [3]);
});

test('a server that acknowledges nothing ends the stream before our memory does', () => {
  const fault = faultOf(() => filled(20_001).check());
  assert.is(fault.condition, 'policy-violation');
  const large = new Management(1);
  const stanza = 'x'.repeat(16 << 20);
  for (let count = 0; count < 5; count++) large.sent(stanza);
  assert.is(faultOf(() => large.check()).condition, 'policy-violation');
});

test.run();
