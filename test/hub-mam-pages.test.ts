/** Pages of the archive (XEP-0059): sizes, order, where a page is in the whole. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  all,
  bob,
  bodiesIn,
  field,
  fill,
  form,
  idOf,
  page,
  placed,
  query,
  set,
  type Told,
  withoutPast,
  withTalk,
} from './lib/archive.ts';
import { inWorld } from './lib/hub.ts';

test(
  'pages forwards and backwards meet every message once, in order',
  withTalk(async (ask) => {
    const forwards: string[][] = [];
    for (let after = '', more = true; more; ) {
      const told = await ask(set(`<max>3</max>${after}`));
      forwards.push(bodiesIn(told));
      after = `<after>${page(told).getChildText('last')}</after>`;
      more = told.fin!.attrs.complete !== 'true';
    }
    assert.equal(forwards, [all.slice(0, 3), all.slice(3, 6), all.slice(6)]);
    const backwards: string[][] = [];
    for (let before = '<before/>', more = true; more; ) {
      const told = await ask(set(`<max>3</max>${before}`));
      backwards.push(bodiesIn(told));
      before = `<before>${page(told).getChildText('first')}</before>`;
      more = told.fin!.attrs.complete !== 'true';
    }
    assert.equal(backwards, [all.slice(5), all.slice(2, 5), all.slice(0, 2)]);
  }),
);

test(
  'a page beyond the end is empty, without first and last',
  withTalk(async (ask) => {
    const told = await ask(set(`<after>${idOf(8)}</after>`));
    assert.equal(told.results, []);
    assert.is(told.fin!.attrs.complete, 'true');
    assert.is(page(told).getChild('first'), undefined);
    assert.is(page(told).getChild('last'), undefined);
  }),
);

test(
  'what is known of the whole: how many, and where the page is in it',
  withTalk(async (ask) => {
    const place = (told: Told): (string | null | undefined)[] => [
      page(told).getChild('first')?.attrs.index,
      page(told).getChildText('count'),
    ];
    assert.equal(place(await ask(set('<max>3</max>'))), ['0', '8']);
    assert.equal(place(await ask(set('<max>3</max><before/>'))), [undefined, '8']);
    assert.equal(place(await ask(set('<before/>'))), ['0', '8']);
    assert.equal(place(await ask(set(`<max>3</max><after>${idOf(0)}</after>`))), [undefined, '8']);
    assert.equal(place(await ask(form(field('with', bob)), set('<max>3</max>'))), ['0', '7']);
    assert.equal(place(await ask(form(field('start', '2026-01-01T00:00:02Z')), set('<max>3</max>'))), ['0', null]);
  }),
);

test(
  'how many there are, without any',
  withTalk(async (ask) => {
    const told = await ask(set('<max>0</max>'));
    assert.equal(told.results, []);
    assert.is(page(told).getChildText('count'), '8');
    assert.is(page(told).getChild('first'), undefined);
    assert.is(told.fin!.attrs.complete, undefined);
    const none = await ask(form(field('with', 'nobody@home.example')), set('<max>0</max>'));
    assert.is(page(none).getChildText('count'), '0');
    assert.is(none.fin!.attrs.complete, 'true');
  }),
);

test(
  'a flipped page has the same messages, the newest first',
  withTalk(async (ask) => {
    const told = await ask(set('<max>3</max>'), '<flip-page/>');
    assert.equal(bodiesIn(told), ['three', 'two', 'one']);
    assert.is(page(told).getChildText('first'), idOf(0));
    assert.is(page(told).getChildText('last'), idOf(2));
  }),
);

test(
  'while something may come in between, pages say so',
  withTalk(async (ask, world) => {
    world.hub.archive!.isStable = () => false;
    assert.is((await ask()).fin!.attrs.stable, 'false');
  }),
);

test(
  'a page has at most 250 messages, 50 where the client does not say, and no more than a client takes at once',
  inWorld(async (world) => {
    withoutPast(world);
    await fill(
      world.store,
      Array.from({ length: 300 }, (_, index) => ({ body: `${index}` })),
    );
    const phone = world.client('phone').available();
    assert.is((await query(world, phone)).results.length, 50);
    const most = await query(world, phone, set('<max>1000</max>'));
    assert.is(most.results.length, 250);
    assert.is(most.fin!.attrs.complete, undefined);
  }),
);

test(
  'long messages make short pages, from the side where paging began',
  inWorld(async (world) => {
    withoutPast(world);
    const long = 'x'.repeat(100_000);
    await fill(
      world.store,
      ['a', 'b', 'c', 'd'].map((letter) => ({ body: letter + long })),
    );
    const phone = world.client('phone').available();
    const letters = (told: Told): string[] => bodiesIn(told).map((body) => body[0]!);
    const first = await query(world, phone);
    assert.equal(letters(first), ['a', 'b']);
    assert.is(first.fin!.attrs.complete, undefined);
    assert.equal(letters(await query(world, phone, set('<before/>'))), ['c', 'd']);
    await fill(world.store, [{ body: `e${long}${long}${long}`, place: placed(9) }]);
    assert.equal(letters(await query(world, phone, set('<before/>'))), ['e'], 'one at least');
  }),
);

test.run();
