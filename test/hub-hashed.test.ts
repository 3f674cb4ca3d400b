import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hashed, Lately, NameMap } from '../src/hub/hashed.ts';
import { Page } from '../src/hub/known.ts';

test('words make another name when they are divided otherwise, or stand in another order', () => {
  const names = [
    hashed('came', 'bob@b.example', 'phone', '1'),
    hashed('came', 'bob@b.example', undefined, 'phone1'),
    hashed('came', 'bob@b.example', 'phone1'),
    hashed('came', 'bob@b.example', '1', 'phone'),
    hashed('sent', 'bob@b.example', 'phone', '1'),
    hashed('came', 'bob@b.example', 'phone', '\u0131'),
  ];
  assert.is(new Set(names.map(String)).size, names.length);
  assert.equal(hashed('came', 'bob@b.example', 'phone', '1'), names[0]);
});

test('many names are told from each other', () => {
  const map = new NameMap();
  const nameOf = (n: number) => hashed('came', `user${n % 7}@b.example`, `${n % 3}`, `id-${n}`);
  for (let n = 0; n < 20_000; n++) {
    assert.is(map.get(nameOf(n)), undefined);
    map.set(nameOf(n), n);
  }
  map.set(nameOf(5), 0);
  assert.is(map.size, 20_000);
  for (let n = 0; n < 20_000; n++) assert.is(map.get(nameOf(n)), n === 5 ? 0 : n);
  map.clear();
  assert.is(map.get(nameOf(5)), undefined);
});

test('what was set lately is known, what was set long ago is not', () => {
  const known = new Lately(3);
  const nameOf = (n: number) => hashed('about', String(n));
  for (let n = 1; n <= 20; n++) {
    known.set(nameOf(n), n);
    for (let age = 0; age < Math.min(3, n); age++) assert.is(known.get(nameOf(n - age)), n - age);
    assert.is(known.get(nameOf(n - 6)), undefined);
  }
});

test('what is remembered of a message is read as it was written, however many there are, and what is learned later with it', () => {
  const page = new Page();
  const nameOf = (n: number) => hashed('came', 'bob@b.example', 'phone', String(n));
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 500; n++) {
      const alias = n % 2 === 0 ? undefined : hashed('alias', String(n));
      const place = n === 3 ? undefined : 1_700_000_000_000_000 + n;
      page.add([nameOf(n)], {
        place,
        at: 1_700_000_000_000 + n,
        mark: -n,
        alias,
        way: 'direct',
        stream: n,
        isReused: n % 3 === 0,
      });
    }
    for (let n = 0; n < 500; n++) {
      const known = page.get(nameOf(n))!;
      assert.is(known.place, n === 3 ? undefined : 1_700_000_000_000_000 + n);
      assert.is(known.at, 1_700_000_000_000 + n);
      assert.is(known.mark, 0 - n);
      assert.equal([known.first, known.stream], [n, n]);
      assert.equal([known.came('direct'), known.came('carbon')], [true, false]);
      assert.is(known.isAliased, n % 2 === 1);
      assert.is(known.isReused, n % 3 === 0);
      assert.is(known.isCalled(hashed('alias', String(n))), n % 2 === 1);
    }
    for (const n of [6, 7]) {
      const known = page.get(nameOf(n))!;
      known.comes('carbon');
      known.stream = 1000;
      for (const alias of ['one', 'two']) known.call(hashed('alias', `${alias} ${n}`));
      const again = page.get(hashed('alias', `two ${n}`))!;
      for (const alias of ['one', 'two']) assert.ok(again.isCalled(hashed('alias', `${alias} ${n}`)));
      assert.equal([again.came('direct'), again.came('carbon')], [true, true]);
      assert.equal([again.first, again.stream], [n, 1000]);
    }
    assert.not(page.get(nameOf(8))!.isCalled(hashed('alias', 'one 6')));
    assert.is(page.size, 504, 'names');
    for (let n = 0; n < 10; n++)
      page.add([nameOf(1)], { place: n, at: n, mark: n, alias: undefined, way: 'carbon', stream: 0, isReused: false });
    assert.is(page.size, 510, 'messages, of which some have one name');
    assert.is(page.get(nameOf(1))!.place, 9);
    page.clear();
    assert.is(page.size, 0);
    assert.is(page.get(nameOf(1)), undefined);
  }
});

test.run();
