/** What the translation keeps, in its file. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ServiceFile } from '../src/archive/services.ts';
import { temporaryFolder } from './lib/process.ts';

test('what was put is there, also after a restart; an address is forgotten with all of its own', async () => {
  const file = join(temporaryFolder('services'), 'data', 'services.sqlite');
  const first = new ServiceFile(file);
  const puts = [
    first.put('a@x', 'contact', 'u@y', '1'),
    first.put('a@x', 'contact', 'v@y', '2'),
    first.put('a@x', 'token', 'u@y', '3'),
    first.put('b@x', 'contact', 'u@y', '4'),
    first.put('a@x', 'contact', 'v@y', '5'),
    first.remove('a@x', 'contact', 'u@y'),
  ];
  assert.equal(await first.read('a@x', 'contact'), [{ key: 'v@y', value: '5' }], 'before it is durable');
  await Promise.all(puts);
  await first.put('a@x', 'contact', "w'\u2603@y", 'é');
  await first.close();
  const second = new ServiceFile(file);
  assert.equal(await second.read('a@x', 'contact'), [
    { key: 'v@y', value: '5' },
    { key: "w'\u2603@y", value: 'é' },
  ]);
  await second.forget('a@x');
  assert.equal(await second.read('a@x', 'token'), []);
  assert.equal(await second.read('b@x', 'contact'), [{ key: 'u@y', value: '4' }]);
  await second.close();
});

test.run();
