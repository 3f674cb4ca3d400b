/** What apps ask for that the account's server has from before: fetched while they wait, and never passed over in silence. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { bob, bodiesIn, eve, field, form, page, query, set } from './lib/archive.ts';
import { account, core, inWorld } from './lib/hub.ts';
import { ask, back, first, hasTimedOut, isComplete, messageOf, newcomer, numbers, Past, since } from './lib/past.ts';

test(
  'who pages back comes to the first message that the server has, and the server is asked no sooner than needed',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 330);
    const latest = await ask(world, phone, past, set('<max>40</max><before/>'));
    assert.equal(bodiesIn(latest), numbers(290, 330));
    assert.is(isComplete(latest), false);
    assert.is(page(latest).getChild('count'), undefined, 'nobody knows how many');
    assert.is(past.asked, 1);
    assert.equal(await back(world, phone, past), numbers(0, 330));
    const much = past.asked;
    assert.equal(await back(world, phone, past), numbers(0, 330));
    const whole = await ask(world, phone, past, set('<max>10</max>'));
    assert.equal([bodiesIn(whole), page(whole).getChildText('count')], [numbers(0, 10), '330']);
    assert.is(past.asked, much, 'all of it is here');
  }),
);

test(
  'who begins at a date waits for what was said since; what is older is left where it is',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 330);
    const told = await ask(world, phone, past, since(past, 200), set('<max>40</max>'));
    assert.equal(bodiesIn(told), numbers(200, 240));
    assert.is(page(told).getChild('first')!.attrs.index, '0');
    const { messages } = await world.store.messages.page(account, {}, 1);
    assert.is(messages[0]!.body, '190', 'with time to spare, for clocks differ');
    const much = past.asked;
    assert.equal(bodiesIn(await ask(world, phone, past, since(past, 220), set('<max>5</max>'))), numbers(220, 225));
    assert.is(past.asked, much);
  }),
);

test(
  'who begins at the beginning, or asks for one contact, gets all of it',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 130);
    const start = await ask(world, phone, past, set('<max>250</max>'));
    assert.equal(bodiesIn(start), numbers(0, 130));
    assert.is(isComplete(start), true);
    const withEve = await ask(world, phone, past, form(field('with', eve)), set('<max>250</max><before/>'));
    assert.equal(
      bodiesIn(withEve),
      numbers(0, 130).filter((_, index) => index % 5 === 4),
    );
  }),
);

test(
  'a contact not heard of for long: as many pages as it takes, from before a date',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 330);
    const fields = form(field('with', eve), field('end', past.dateOf(49)));
    const told = await ask(world, phone, past, fields, set('<max>3</max><before/>'));
    assert.equal(bodiesIn(told), ['39', '44', '49']);
    assert.is(isComplete(told), false);
  }),
);

test(
  'while the last days are being taken over, apps wait for what they ask for',
  inWorld(
    async (world) => {
      const { past, phone } = await newcomer(world, 330);
      const told = await ask(world, phone, past, since(past, 0), set('<max>250</max>'));
      assert.equal(bodiesIn(told), numbers(0, 250));
      assert.equal(await back(world, phone, past), numbers(0, 330));
    },
    { backfillDays: 7 },
  ),
);

test(
  'a server that does not answer: no page that begins too late, none that says it is the last',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 130);
    assert.is(bodiesIn(await ask(world, phone, past, set('<max>40</max><before/>'))).length, 40);
    past.isSilent = true;
    const began = world.now;
    assert.ok(hasTimedOut(await ask(world, phone, past, since(past, 10))));
    assert.ok(world.now - began < 11_000, 'nobody waits for ever');
    assert.ok(hasTimedOut(await ask(world, phone, past)));
    const last = await ask(world, phone, past, set('<max>100</max><before/>'));
    assert.equal(bodiesIn(last), numbers(80, 130));
    assert.equal([last.fin!.attrs.complete, last.fin!.attrs.stable], [undefined, 'false']);
    assert.is(page(last).getChild('count'), undefined);
    assert.ok(hasTimedOut(await ask(world, phone, past, set(`<before>${first(last)}</before>`))));
    const words = await ask(world, phone, past, form(field('{urn:xmpp:fulltext:0}fulltext', '81')));
    assert.equal(bodiesIn(words), ['81'], 'they are looked for in what is here');
    assert.equal([words.fin!.attrs.complete, words.fin!.attrs.stable], [undefined, 'false']);
    const none = await ask(world, phone, past, form(field('end', past.dateOf(3))), set('<max>0</max>'));
    assert.equal([none.fin!.attrs.complete, none.fin!.attrs.stable], [undefined, 'false'], 'there may be some');
    past.isSilent = false;
    world.pass(30_000);
    assert.equal(await back(world, phone, past), numbers(0, 130));
  }),
);

test(
  'a server that is away is waited for, and asked when it is back',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 60);
    world.hub.offline();
    assert.ok(hasTimedOut(await ask(world, phone, past)));
    let turns = 0;
    const each = (): void => {
      if (++turns === 5) world.hub.online(core, false);
      past.answer();
      world.pass(50);
    };
    const told = await query(world, phone, { each });
    const asked = told.results.filter((got) => got.getChild('result', NS.mam) !== undefined); // others came as news
    assert.equal(bodiesIn({ ...told, results: asked }), numbers(0, 50));
  }),
);

test(
  'one question fetches a hundred pages at most; the next goes on from there',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 150);
    past.size = 1;
    assert.ok(hasTimedOut(await ask(world, phone, past)));
    assert.is(past.asked, 100);
    assert.equal(bodiesIn(await ask(world, phone, past)), numbers(0, 50));
    assert.is(past.asked, 150);
  }),
);

test(
  'a server without an archive has nothing more, until it has one',
  inWorld(async (world) => {
    world.hub.online(core, false);
    world.archived('service-unavailable');
    const phone = world.client('phone').available();
    world.server(messageOf('now', bob));
    phone.take();
    let asked = 0;
    const each = (): void => void (world.archived('service-unavailable') !== undefined && asked++);
    for (const inside of ['', set('<before/>')]) {
      const told = await query(world, phone, { each }, inside);
      assert.equal([bodiesIn(told), isComplete(told)], [['now'], true]);
    }
    assert.is(asked, 1);
    world.hub.offline();
    world.hub.online(core, false);
    const past = new Past(world, 20);
    past.answer();
    await world.settled();
    phone.take();
    const told = await ask(world, phone, past);
    assert.equal(bodiesIn(told), [...numbers(0, 10), 'now', ...numbers(10, 20)], 'the last minutes count as missed');
  }),
);

test.run();
