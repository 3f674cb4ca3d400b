/** The archive as clients ask it (XEP-0313): contents, filters, errors. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stanzaIdOf } from '../src/hub/place.ts';
import { NS } from '../src/wire/ns.ts';
import { serialize } from '../src/wire/xml.ts';
import {
  all,
  bob,
  bodiesIn,
  eve,
  field,
  fill,
  form,
  idOf,
  page,
  placed,
  query,
  room,
  set,
  withoutPast,
  withTalk,
} from './lib/archive.ts';
import { account, inWorld, like } from './lib/hub.ts';

test(
  'all of it: in order, as it was said, then the answer',
  withTalk(async (ask, world) => {
    const told = await ask();
    assert.equal(bodiesIn(told), all);
    assert.is(told.fin!.attrs.complete, 'true');
    assert.is(page(told).getChildText('first'), idOf(0));
    assert.is(page(told).getChild('first')!.attrs.index, '0');
    assert.is(page(told).getChildText('last'), idOf(8));
    assert.is(page(told).getChildText('count'), '8');
    assert.equal(world.up, [], 'the server is not asked');
  }),
);

test(
  'a result is the message as it was, with its date and its id',
  withTalk(async (ask) => {
    const { results } = await ask();
    const text = serialize(results[0]!);
    like(text, `from="${account}"`, `to="${account}/phone"`, '<result xmlns="urn:xmpp:mam:2" queryid="q1"');
    const result = results[0]!.getChild('result', NS.mam)!;
    assert.is(result.attrs.id, idOf(0));
    const forwarded = result.getChild('forwarded', NS.forward)!;
    assert.is(forwarded.getChild('delay', NS.delay)!.attrs.stamp, '2026-01-01T00:00:00.250Z');
    const message = forwarded.getChild('message', NS.client)!;
    assert.is(message.attrs.from, `${bob}/desk`);
    assert.is(message.attrs.to, account);
    const ids = message.getChildren('stanza-id', NS.sid);
    assert.equal(
      ids.map(({ attrs }) => [attrs.by, attrs.id]),
      [[account, idOf(0)]],
    );
  }),
);

test(
  'a message without content has its id, too; no queryid, none in the results',
  inWorld(async (world) => {
    withoutPast(world);
    await fill(world.store, [{ text: `<message from="${bob}" to="${account}" id="e" type="chat"/>`, body: undefined }]);
    const { results } = await query(world, world.client('phone').available(), { queryid: undefined });
    const result = results[0]!.getChild('result', NS.mam)!;
    assert.is('queryid' in result.attrs, false);
    const message = result.getChild('forwarded', NS.forward)!.getChild('message', NS.client)!;
    assert.is(message.attrs.id, 'e');
    assert.is(message.getChild('stanza-id', NS.sid)!.attrs.id, idOf(0));
  }),
);

test(
  'filters: with, bare and full; start and end, both included; words',
  withTalk(async (ask) => {
    assert.equal(bodiesIn(await ask(form(field('with', eve)))), ['from eve']);
    assert.equal(bodiesIn(await ask(form(field('with', `${eve}/desk`)))), ['from eve']);
    assert.equal(bodiesIn(await ask(form(field('with', `${eve}/phone`)))), []);
    assert.equal(bodiesIn(await ask(form(field('with', account)))), [], 'not every message is to oneself');
    const span = form(field('start', '2026-01-01T00:00:04.250Z'), field('end', '2026-01-01T01:00:06.250+01:00'));
    assert.equal(bodiesIn(await ask(span)), ['four', 'five']);
    const finer = form(field('start', '2026-01-01T00:00:04.250999Z'), field('end', '2026-01-01T00:00:06.249001Z'));
    assert.equal(bodiesIn(await ask(finer)), ['four', 'five'], 'what is finer than ours loses nothing');
    assert.equal(bodiesIn(await ask(form(field('{urn:xmpp:fulltext:0}fulltext', 'EVE')))), ['from eve']);
    assert.equal(bodiesIn(await ask(form(field('with'), field('start'), field('end')))), all, 'no value, no filter');
  }),
);

test(
  'ids: after, before, between, some; aliases do as well',
  withTalk(async (ask) => {
    assert.equal(bodiesIn(await ask(form(field('after-id', idOf(6))))), ['six', 'seven']);
    assert.equal(bodiesIn(await ask(form(field('before-id', idOf(1))))), ['one']);
    assert.equal(bodiesIn(await ask(form(field('after-id', idOf(1)), field('before-id', idOf(4))))), [
      'three',
      'from eve',
    ]);
    assert.equal(bodiesIn(await ask(form(field('ids', idOf(7), idOf(0))))), ['one', 'six']);
    assert.equal(bodiesIn(await ask(form(field('ids', 'server-7', idOf(0))))), ['one', 'six']);
    assert.equal(bodiesIn(await ask(form(field('after-id', 'server-6')))), ['six', 'seven']);
    assert.equal(bodiesIn(await ask(set('<after>server-6</after>'))), ['six', 'seven']);
    assert.equal(bodiesIn(await ask(set('<before>server-1</before>'))), ['one']);
  }),
);

test(
  'what is said in rooms comes when it is asked for',
  withTalk(async (ask) => {
    assert.is((await ask(form(field('include-groupchat', 'true')))).results.length, 9);
    assert.equal(bodiesIn(await ask(form(field('include-groupchat', '0'), field('with', room)))), []);
    assert.equal(bodiesIn(await ask(form(field('with', `${room}/carol`), field('include-groupchat', '1')))), [
      'said in a room',
    ]);
    assert.equal(bodiesIn(await ask(form(field('ids', idOf(5))))), ['said in a room'], 'by its name');
  }),
);

const refused: [string, string[], string][] = [
  ['a field nobody knows', [form(field('withtext', 'x'))], 'feature-not-implemented'],
  ['a date that is none', [form(field('start', 'yesterday'))], 'bad-request'],
  ['a day that is none', [form(field('start', '2026-02-31T25:00:00Z'))], 'bad-request'],
  ['an address that is none', [form(field('with', '@'))], 'bad-request'],
  ['two addresses', [form(field('with', bob, eve))], 'bad-request'],
  ['a field twice', [form(field('with', bob), field('with', eve))], 'bad-request'],
  ['a word that is neither yes nor no', [form(field('include-groupchat', 'perhaps'))], 'bad-request'],
  ['another form', [form().replace(NS.mam, 'urn:example:other')], 'bad-request'],
  ['a form not filled in', [form().replace('submit', 'form')], 'bad-request'],
  ['a size that is no number', [set('<max>-1</max>')], 'bad-request'],
  ['an index', [set('<max>1</max><index>3</index>')], 'feature-not-implemented'],
  ['an id nobody knows, after', [set('<after>unknown</after>')], 'item-not-found'],
  [
    'an id of a place that nothing can have',
    [set(`<before>${stanzaIdOf(placed(1_000_000))}</before>`)],
    'item-not-found',
  ],
  ['an id nobody knows, in the form', [form(field('after-id', 'unknown'))], 'item-not-found'],
  ['one of several ids', [form(field('ids', idOf(0), 'unknown'))], 'item-not-found'],
  ['too many ids', [form(field('ids', ...Array.from({ length: 251 }, (_, index) => `id${index}`)))], 'bad-request'],
];
for (const [what, inside, condition] of refused)
  test(
    `refused: ${what}`,
    withTalk(async (ask) => {
      const told = await ask(...inside);
      assert.equal(told.results, []);
      assert.is(told.answer.attrs.type, 'error');
      assert.ok(told.answer.getChild('error')!.getChild(condition, NS.stanzas), serialize(told.answer));
    }),
  );

test(
  'an id that the archive has not is looked for elsewhere once',
  withTalk(async (ask, world) => {
    const asked: string[] = [];
    world.hub.archive!.unknownId = async (id) => {
      asked.push(id);
      if (id !== 'older') return false;
      await fill(world.store, [{ body: 'zero', place: placed(-1), alias: 'older' }]);
      return true;
    };
    assert.equal(bodiesIn(await ask(set('<max>2</max><after>older</after>'))), ['one', 'two']);
    assert.is((await ask(set('<after>oldest</after>'))).answer.attrs.type, 'error');
    assert.equal(asked, ['older', 'oldest']);
  }),
);

test(
  'the form, and what the archive spans',
  withTalk(async (_, world) => {
    const desk = world.client('desk').available();
    desk.send(`<iq type="get" id="f" to="${account}"><query xmlns="${NS.mam}"/></iq>`);
    like(desk.take()[0], 'type="result"', 'var="with"', 'var="{urn:xmpp:fulltext:0}fulltext"', 'datatype="xs:string"');
    const { answer } = await query(world, desk, { text: `<metadata xmlns="${NS.mam}"/>`, type: 'get' });
    const metadata = answer.getChild('metadata', NS.mam)!;
    assert.equal(metadata.getChild('start')!.attrs, { id: idOf(0), timestamp: '2026-01-01T00:00:00.250Z' });
    assert.equal(metadata.getChild('end')!.attrs, { id: idOf(8), timestamp: '2026-01-01T00:00:08.250Z' });
  }),
);

test(
  'an empty archive spans nothing, and has nothing',
  inWorld(async (world) => {
    withoutPast(world);
    const phone = world.client('phone').available();
    const { answer } = await query(world, phone, { text: `<metadata xmlns="${NS.mam}"/>`, type: 'get' });
    assert.equal(answer.getChild('metadata', NS.mam)!.children, []);
    const told = await query(world, phone);
    assert.is(told.fin!.attrs.complete, 'true');
    assert.is(page(told).getChildText('count'), '0');
  }),
);

test.run();
