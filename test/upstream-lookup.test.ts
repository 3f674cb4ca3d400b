import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { shared } from '../src/upstream/resolve.ts';

test('a name that is being looked up is not looked up once more; others are, and the same one later', async () => {
  const asked: { name: string; answer(address: string): void; fail(reason: Error): void }[] = [];
  const lookup = shared(
    (name: string) => new Promise<string>((answer, fail) => void asked.push({ name, answer, fail })),
  );
  const dead = [lookup('dead.example'), lookup('dead.example')];
  const other = lookup('other.example');
  assert.equal(
    asked.map(({ name }) => name),
    ['dead.example', 'other.example'],
  );
  asked[1]!.answer('192.0.2.1');
  assert.is(await other, '192.0.2.1');
  asked[0]!.fail(new Error('no answer'));
  for (const { status } of await Promise.allSettled(dead)) assert.is(status, 'rejected');
  const again = lookup('dead.example');
  assert.is(asked.length, 3);
  asked[2]!.answer('192.0.2.2');
  assert.is(await again, '192.0.2.2');
});

test.run();
