/** What a unit gave to clients of late is known to the edge. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Delivered } from '../src/pool/delivered.ts';
import type { BareJid } from '../src/wire/jid.ts';
import { stanza } from './lib/crowd.ts';

const alice = 'alice@work.example' as BareJid;
const hi = stanza('<message from="bob@home.example/x" id="1"><body>hi</body></message>');
const now = () => Date.now() * 1000;

test('of late, by its place, once for all that got it', () => {
  const delivered = new Delivered();
  const place = now();
  delivered.add(alice, hi, place);
  delivered.add(alice, hi, place);
  assert.equal(delivered.all(), [{ account: alice, place, text: String(hi) }]);
});

test('not what is replayed, nor from rooms or the account itself', () => {
  const delivered = new Delivered();
  delivered.add(alice, hi, now() - 3_600_000_000);
  delivered.add(alice, hi.readdress({ from: alice }), now());
  delivered.add(alice, stanza('<message type="groupchat" from="room@muc.example/x"/>'), now() + 1);
  assert.equal(delivered.all(), []);
});

test('no more than two hundred', () => {
  const delivered = new Delivered();
  const first = now();
  for (let count = 0; count < 300; count++) delivered.add(alice, hi, first + count);
  assert.equal(
    delivered.all().map(({ place }) => place - first),
    Array.from({ length: 200 }, (_, index) => index + 100),
  );
});

test.run();
