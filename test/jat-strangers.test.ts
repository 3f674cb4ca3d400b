/** What strangers can make us keep, and what one of them takes from the others: not much. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Owned } from '../src/jat/bounded.ts';
import { defaultLimits } from '../src/jat/types.ts';
import { BoundedMap } from '../src/wire/bounded.ts';
import { asked, at, desk, isError, romeo, seenRomeo, settle, svc, TestWorld } from './lib/jat.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const megabytes = (): number => {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
};
const long = (name: string | number): string => `${name}-${'x'.repeat(400_000)}`;

test('of long names no more is kept than of short ones', async () => {
  const world = await TestWorld.of({ encoding: 'resource' });
  const before = megabytes();
  for (let turn = 0; turn < 80; turn++) {
    const from = `u${turn}@m.example/r`;
    world.says(`<message from="${from}" to="${svc}" id="${long(turn)}"><body>hi</body></message>`);
    const open = `<open xmlns="http://jabber.org/protocol/ibb" sid="${long(turn)}" block-size="4096"/>`;
    world.asks('1', { from, type: 'set', inside: open });
    world.asks(long(turn), { from });
    world.clock.pass(30_000);
    world.forget();
  }
  assert.ok(megabytes() - before < 15, `${megabytes() - before} MiB`);
});

test('… and nothing of what came with them', async () => {
  const world = await TestWorld.of();
  const before = megabytes();
  const more = `<more>${'x'.repeat(400_000)}</more>`;
  for (let turn = 0; turn < 80; turn++) {
    const [from, id] = [`user-of-some-name-${turn}@m.example/r`, `an-id-as-clients-give-them-${turn}`];
    world.says(`<message from="${from}" to="${svc}" id="${id}">${more}</message>`);
    world.asks(id, {
      from,
      type: 'set',
      inside: `<open xmlns="http://jabber.org/protocol/ibb" sid="${id}">${more}</open>`,
    });
    world.says(
      `<presence from="${from}" to="room@${svc}/${id}"><x xmlns="http://jabber.org/protocol/muc"/>${more}</presence>`,
    );
    world.clock.pass(30_000);
    world.forget();
  }
  assert.ok(megabytes() - before < 15, `${megabytes() - before} MiB`);
});

test('… and they are names all the same', async () => {
  const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
  const stream = (name: string) => `<${name} xmlns="http://jabber.org/protocol/ibb" sid="${long('s')}"/>`;
  const holder = asked(world, { type: 'set', inside: stream('open') });
  for (let turn = 0; turn < 3; turn++) assert.is(asked(world, { type: 'set', inside: stream('data') }), holder);
  world.says(`<message from="${romeo}" to="${svc}" id="${long('m')}"><body>hi</body></message>`).take();
  world.says(`<message type="error" from="${desk}" to="${seenRomeo}" id="${long('m')}"/>`);
  assert.match(world.one(), /^<message type="error" id="m-x/);
  world.asks(long('q'));
  const to = / to="([^"]+)"/.exec(world.one())![1]!;
  world.answers(long('q'), { from: to });
  assert.match(world.one(), /type="result" id="q-x/);
});

test('one stanza with many names makes nobody forget his own', async () => {
  const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
  const data = '<data xmlns="http://jabber.org/protocol/ibb" sid="s" seq="0">AA==</data>';
  const holder = asked(world, { type: 'set', inside: data.replace('data', 'open').replace('</data>', '</open>') });
  const transport = (turn: number) => `<transport xmlns="urn:xmpp:jingle:transports:ibb:1" sid="t${turn}"/>`;
  const transports = Array.from({ length: 11_000 }, (_, turn) => transport(turn)).join('');
  const jingle = (action: string, inside: string) =>
    `<jingle xmlns="urn:xmpp:jingle:1" action="${action}" sid="j"><content name="c">${inside}</content></jingle>`;
  const from = 'eve@evil.example/x';
  const other = asked(world, { from, type: 'set', inside: jingle('session-initiate', transports) });
  for (let turn = 0; turn < 3; turn++) {
    assert.is(asked(world, { type: 'set', inside: data }), holder);
    assert.is(
      asked(world, { from, type: 'set', inside: jingle('session-info', '') }),
      other,
      'what it is part of stays',
    );
  }
});

test('rooms that somebody is in are bounded, for one and for all', async () => {
  const world = await TestWorld.of();
  const enter = (user: number, room: number) =>
    world.says(
      `<presence from="u${user}@m.example/r" to="room${room}@${svc}/me"><x xmlns="http://jabber.org/protocol/muc"/></presence>`,
    );
  for (let user = 0; user < 110; user++) {
    for (let room = 0; room < 110; room++) enter(user, room);
    world.clock.pass(1000);
    world.forget();
  }
  world.leaves(at('a'));
  const left = world.take().filter((text) => text.startsWith('<presence type="unavailable" from="room'));
  assert.is(left.length, 10_000);
  assert.is(left.filter((text) => text.includes('u109@')).length, 100);
});

test('the oldest is forgotten, whatever was deleted or came again', () => {
  const forgotten: number[] = [];
  const map = new BoundedMap<number, string>(3, (_, key) => forgotten.push(key));
  for (const key of [1, 2, 3, 4]) map.set(key, 'x'); // 1 goes
  map.delete(2);
  map.set(2, 'y');
  map.set(3, 'z'); // keeps its age
  map.set(5, 'x').set(6, 'x').set(7, 'x');
  assert.equal(
    [forgotten, [...map.keys()]],
    [
      [1, 3, 4, 2],
      [5, 6, 7],
    ],
  );
  map.clear();
  for (const key of [8, 9, 10, 11]) map.set(key, 'x');
  assert.equal([...map.keys()], [9, 10, 11]);
});

test('who wrote long ago is forgotten, and no subscriber', async () => {
  const world = await TestWorld.of({ limits: { ...defaultLimits, messagesOfAll: undefined } });
  const writes = (user: string) =>
    world.says(`<message from="${user}@m.example/r" to="${svc}"><body>hi</body></message>`);
  const isKnown = (user: string) => {
    world.says(`<message from="${at('a')}" to="${svc}/${user}@m.example/r"><body>hi</body></message>`);
    return !world.take()[0]!.includes('forbidden');
  };
  world.says(`<presence type="subscribe" from="s@m.example" to="${svc}"/>`);
  world.says(`<presence type="subscribe" from="t@m.example" to="${svc}"/>`);
  await settle();
  for (let turn = 0; turn < 10_001; turn++) writes(`u${turn}`);
  world.says(`<presence type="unsubscribe" from="t@m.example" to="${svc}"/>`);
  world.forget();
  assert.equal(['s', 'u0', 'u1', 'u2'].map(isKnown), [true, false, true, true]);
  writes('v').forget();
  assert.equal(['s', 't', 'u1', 'u2', 'u3', 'v'].map(isKnown), [true, true, false, false, true, true]);
});

test('what is kept of many, by name', () => {
  const owned = new Owned<string, number>(3, 2);
  owned.set('a', 'x', 1);
  owned.set('a', 'y', 2);
  owned.set('a', 'x', 3);
  assert.equal(owned.of('a'), [3, 2], 'what is there keeps its age');
  owned.set('a', 'z', 4);
  assert.equal(owned.of('a'), [2, 4]);
  owned.set('b', 'x', 5);
  owned.set('b', 'y', 6);
  assert.equal([owned.of('a'), owned.of('b')], [[4], [5, 6]]);
  owned.delete('a', 'z');
  owned.delete('a', 'z');
  assert.equal([owned.get('a', 'z'), owned.get('b', 'x'), owned.values()], [undefined, 5, [5, 6]]);
  owned.delete('b', 'x');
  owned.delete('b', 'y');
  assert.ok(owned.isEmpty);
});

test('the users of one domain, as many as it has, leave room for those of others', async () => {
  const world = await TestWorld.of({ limits: { ...defaultLimits, open: 20 } });
  const asks = (from: string) => world.asks('1', { from }).one();
  for (let turn = 0; turn < 18; turn++) assert.match(asks(`u${turn}@evil.example/x`), /type="get"/);
  isError(asks('u18@evil.example/x'), 'resource-constraint', 'wait');
  assert.match(asks(romeo), /type="get"/);
  assert.match(asks('juliet@other.example/x'), /type="get"/);
  isError(asks('nurse@m.example/x'), 'resource-constraint', 'wait');
  world.clock.pass(30_000);
  world.take();
  assert.is(world.status().open, 0);
  assert.match(asks('u18@evil.example/x'), /type="get"/, 'all room is given back');
});

test('… in the list of subscribers, too', async () => {
  const limits = { ...defaultLimits, messagesOfAll: undefined };
  const world = await TestWorld.of({ limits });
  const subscribe = (user: string) => world.says(`<presence type="subscribe" from="${user}" to="${svc}"/>`);
  for (let turn = 0; turn < 9_100; turn++) subscribe(`u${turn}@evil.example`);
  await settle();
  assert.is(world.status().subscribers, 9_000);
  world.forget();
  subscribe('romeo@m.example');
  await settle();
  assert.match(world.take()[0]!, /type="subscribed"/);
  world.says(`<presence type="unsubscribe" from="u1@evil.example" to="${svc}"/>`).take();
  subscribe('u9001@evil.example');
  await settle();
  isError(world.one(), 'resource-constraint');
  world.says(`<presence type="unsubscribe" from="u2@evil.example" to="${svc}"/>`).take();
  subscribe('u9001@evil.example');
  await settle();
  assert.match(world.take()[0]!, /type="subscribed"/);
});

test('requests take no more room than there is, however few they are', async () => {
  const limits = { ...defaultLimits, lengthOfSender: 2000, length: 5000 };
  const world = await TestWorld.of({ limits });
  const inside = `<q xmlns="q">${'x'.repeat(900)}</q>`;
  const asks = (id: string, from: string) => world.asks(id, { from, inside }).one();
  assert.equal(
    ['1', '2', '3'].map((id) => asks(id, romeo).includes('type="get"')),
    [true, true, false],
    'of one',
  );
  assert.equal(
    ['a@b.example', 'c@d.example', 'e@f.example', 'g@h.example'].map((from) => asks('1', from).includes('type="get"')),
    [true, true, true, false],
    'of all',
  );
  for (const id of ['1', '2']) world.answers(id).take();
  assert.match(asks('4', romeo), /type="get"/);
});

test.run();
