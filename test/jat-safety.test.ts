/** What neither a user nor a target can do by way of a service address. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConflictError } from '../src/jat/services.ts';
import type { BareJid } from '../src/wire/jid.ts';
import { desk, isError, message, presence, romeo, seenRomeo, settle, svc, TestWorld } from './lib/jat.ts';

const a = `${desk}/a`;
const juliet = 'juliet@m.example/balcony';
const body = '<body>hi</body>';

const write = (world: TestWorld, from: string, to: string, id = 'm', type = 'chat'): TestWorld =>
  world.says(`<message type="${type}" id="${id}" from="${from}" to="${to}">${body}</message>`);
const droppedOf = (world: TestWorld) => ({ ...world.status().counters.dropped });

test('an answer counts only from the resource that was asked, to whom asked, with that id', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  world.asks('1').take();
  const forgeries = [
    { from: `${desk}/b` },
    { from: desk },
    { from: juliet },
    { from: 'desk@home.example.evil.example/a' },
    { from: svc },
    { to: `${svc}/${juliet}` },
    { to: svc },
    { to: `${svc}/romeo@m.example` },
  ];
  for (const forgery of forgeries) world.answers('1', forgery);
  world.answers('2');
  assert.equal(world.take(), []);
  world.answers('1').take();
  world.answers('1');
  assert.equal(world.take(), [], 'nor twice');
  assert.equal(droppedOf(world), { 'unasked answer': forgeries.length + 2 });
});

test('nobody but the target is the target', async () => {
  const world = await TestWorld.of();
  world.there('eve@m.example/a').there('desk@evil.example/a');
  world.says(`<presence type="unavailable" from="eve@m.example/a" to="${svc}"/>`);
  world.says(`<presence type="unsubscribed" from="eve@m.example" to="${svc}"/>`);
  assert.equal(
    world.status().accounts[0]!.resources.map(({ resource }) => resource),
    [a],
  );
  world.take();
  write(world, 'eve@m.example/x', seenRomeo);
  assert.is(
    world.one(),
    message({ type: 'chat', id: 'm', from: `${svc}/eve@m.example/x`, to: desk }, body),
    'a user like any other',
  );
});

test('forged encodings are refused with the right error, and break nothing', async () => {
  const sealed = await TestWorld.of({ private: true });
  write(sealed, romeo, svc);
  const seen = / from="svc.example\/([^"]+)"/.exec(sealed.one())![1]!;
  for (const forged of [
    romeo,
    `${seen}A`,
    seen.slice(1),
    `${seen.slice(0, -1)}${seen.endsWith('A') ? 'B' : 'A'}`,
    ':unknown',
    '/',
    '@',
  ]) {
    write(sealed, a, `${svc}/${forged}`);
    isError(sealed.one(), 'item-not-found', 'cancel');
    sealed.asks('1', { from: a, to: `${svc}/${forged}` });
    isError(sealed.one(), 'item-not-found', 'cancel');
  }
  write(sealed, a, `${svc}/${seen}`);
  assert.is(sealed.one(), message({ type: 'chat', id: 'm', from: svc, to: romeo }, body));
  const plain = await TestWorld.of();
  for (const forged of ['a b@c', '@', 'x@@y', 'romeo@m.example/', ':k5']) {
    write(plain, a, `${svc}/${forged}`);
    isError(plain.one(), 'item-not-found');
  }
});

test('addresses that are none are answered, or dropped where there is nobody to answer', async () => {
  const world = await TestWorld.of();
  world.asks('1', { to: 'a b@svc.example' });
  isError(world.one(), 'jid-malformed', 'modify');
  world.asks('2', { from: 'a b@m.example' });
  world.says('<iq type="get" id="3"><q/></iq>').says('<message/>').says('<presence/>').says('<iq type="result"/>');
  assert.equal(world.take(), []);
});

test('a target speaks to those who spoke to it', async () => {
  for (const stranger of [
    (world: TestWorld) => write(world, a, seenRomeo),
    (world: TestWorld) => world.asks('1', { from: a, to: seenRomeo }),
  ]) {
    const world = await TestWorld.of();
    stranger(world);
    isError(world.one(), 'forbidden', 'auth');
    world.says(`<presence from="${a}" to="${seenRomeo}"/>`);
    assert.equal(world.take(), []);
    world.asks('0').take();
    stranger(world);
    assert.match(world.one(), new RegExp(`from="${svc}" to="${romeo}"`), 'a request is enough');
    write(world, a, `${svc}/${juliet}`);
    isError(world.one(), 'forbidden');
    write(world, juliet, svc).take();
    write(world, a, `${svc}/${juliet}`);
    assert.match(world.one(), new RegExp(`to="${juliet}"`), 'a message, too');
    world.says(`<presence type="subscribe" from="nurse@m.example" to="${svc}"/>`);
    await settle();
    world.take();
    write(world, a, `${svc}/nurse@m.example`);
    assert.match(world.one(), /to="nurse@m.example"/, 'and a subscription');
  }
});

test('… or to everybody it may serve, where an administrator lets it', async () => {
  const world = await TestWorld.of({ initiate: true, allow: ['m.example' as BareJid] });
  write(world, a, seenRomeo);
  assert.match(world.one(), new RegExp(`to="${romeo}"`));
  write(world, a, `${svc}/eve@other.example`);
  isError(world.one(), 'forbidden');
});

test('who is not allowed gets nothing through', async () => {
  const world = await TestWorld.of({ allow: ['m.example', 'nurse@other.example'] as BareJid[] });
  const [eve, nurse] = ['eve@other.example/x', 'nurse@other.example/x'];
  world.asks('1', { from: eve });
  isError(world.one(), 'forbidden', 'auth');
  write(world, eve, svc);
  isError(world.one(), 'forbidden');
  world.says(`<presence type="subscribe" from="eve@other.example" to="${svc}"/>`);
  assert.is(world.one(), presence({ type: 'unsubscribed', from: svc, to: 'eve@other.example' }));
  world.says(`<presence from="${eve}" to="${svc}"/>`);
  assert.equal(world.take(), []);
  for (const from of [romeo, nurse]) assert.match(world.asks('2', { from }).one(), new RegExp(`to="${a}"`));
  world.asks('3', { from: 'x@sub.m.example/y' });
  isError(world.one(), 'forbidden');
});

test('who is not allowed any more is subscribed no more', async () => {
  const world = await TestWorld.of();
  for (const user of ['romeo@m.example', 'juliet@other.example'])
    world.says(`<presence type="subscribe" from="${user}" to="${svc}"/>`);
  await settle();
  world.take();
  await world.add({ allow: ['other.example' as BareJid] });
  assert.equal(world.take(), [
    presence({ type: 'unavailable', from: svc, to: 'romeo@m.example' }),
    presence({ type: 'unsubscribed', from: svc, to: 'romeo@m.example' }),
  ]);
  assert.is(world.status().subscribers, 1);
  world.leaves(a);
  assert.equal(world.take(), [presence({ type: 'unavailable', from: svc, to: 'juliet@other.example' })]);
});

test('loops end here', async () => {
  const world = await TestWorld.of();
  await world.add({
    address: 'two@svc.example' as BareJid,
    targets: [{ account: 'bot@home.example' as BareJid, weight: 1 }],
  });
  world.forget();
  const loops = [
    `${svc}/${romeo}`, // of this address
    'two@svc.example/x',
    'any@svc.example',
    `gateway.example/${svc}/${romeo}`, // back from a gateway like ours
    'helpdesk\\40svc.example@gateway.example/x',
    `z@three.example/y@two.example/${svc}/${romeo}`, // through several
    `two\\40svc.example@gateway.example/x`,
    `z@three.example/two\\40svc.example@gateway.example/x`,
    'two\\5c40svc.example\\40gateway.example@three.example',
  ];
  for (const from of loops) {
    world.asks('1', { from });
    isError(world.one(), 'not-allowed', 'cancel');
    write(world, from, svc);
    isError(world.one(), 'not-allowed');
    world.says(`<presence from="${from}" to="${svc}"/>`);
    write(world, from, svc, 'm', 'error');
    assert.equal(world.take(), []);
  }
  assert.is(droppedOf(world).loop, loops.length * 4);
  world.asks('2', { from: 'svc.example@m.example/svc.example.org' });
  assert.match(world.one(), /type="get"/, 'what only looks like one is none');
});

test('a target cannot send through one address to another', async () => {
  const world = await TestWorld.of({ initiate: true });
  write(world, a, `${svc}/two@svc.example`);
  isError(world.one(), 'not-allowed');
});

test('a service address is no target', async () => {
  const world = await TestWorld.of();
  const wrong = (settings: Parameters<TestWorld['add']>[0]) =>
    world.add(settings).then(
      () => assert.unreachable('taken'),
      (reason) => assert.instance(reason, ConflictError),
    );
  const to = (account: string) => [{ account: account as BareJid, weight: 1 }];
  await wrong({ targets: to(svc) });
  await wrong({ targets: to('any@svc.example') });
  await wrong({ address: 'two@svc.example' as BareJid, targets: to('two@svc.example') });
  await wrong({ address: 'other.example' as BareJid, targets: to(svc) });
  await wrong({ address: 'home.example' as BareJid, targets: to('x@y.example') }); // desk would be below it
  await wrong({ address: 'romeo\\40m.example@svc.example' as BareJid });
  await world.add({ address: 'one@chat.example' as BareJid, encoding: 'localpart' });
  await wrong({ address: 'two@chat.example' as BareJid, encoding: 'localpart' });
  await world.add({ address: 'two@chat.example' as BareJid, encoding: 'localpart', targets: to('x@y.example') });
});

test('errors and results are never answered', async () => {
  const world = await TestWorld.of({ allow: ['nobody.example' as BareJid] });
  world.forget();
  for (const to of [svc, seenRomeo, 'x@nowhere.example', `${svc}/@@`])
    for (const from of [romeo, a, 'a b@m.example']) {
      write(world, from, to, 'e', 'error');
      world.says(`<iq type="error" id="e" from="${from}" to="${to}"/>`);
      world.says(`<iq type="result" id="e" from="${from}" to="${to}"/>`);
      if (from !== a || to !== svc) world.says(`<presence type="error" from="${from}" to="${to}"/>`);
    }
  assert.equal(world.take(), []);
});

test('addresses that are nobody’s', async () => {
  const world = await TestWorld.of();
  world.asks('1', { to: 'x@nowhere.example' });
  isError(world.one(), 'service-unavailable');
  write(world, romeo, 'x@nowhere.example');
  isError(world.one(), 'service-unavailable');
  world.says('<presence type="subscribe" from="romeo@m.example" to="x@nowhere.example"/>');
  assert.is(world.one(), presence({ type: 'unsubscribed', from: 'x@nowhere.example', to: 'romeo@m.example' }));
  world.says('<presence from="romeo@m.example/x" to="x@nowhere.example"/>');
  assert.equal(world.take(), []);
});

test('nothing that comes breaks it', async () => {
  const world = await TestWorld.of({ encoding: 'localpart' }, ['a', 'b']);
  await world.add({ address: 'two@svc.example' as BareJid, private: true });
  const names = ['iq', 'message', 'presence'];
  const types = [
    '',
    'get',
    'set',
    'result',
    'error',
    'chat',
    'groupchat',
    'subscribe',
    'subscribed',
    'unsubscribe',
    'unsubscribed',
    'probe',
    'unavailable',
    'x',
  ];
  const who = [
    romeo,
    'romeo@m.example',
    'm.example',
    a,
    desk,
    svc,
    seenRomeo,
    'two@svc.example',
    'two@svc.example/:x',
    'romeo\\40m.example@svc.example/x',
    '@',
    '',
    'a@b@c',
  ];
  const insides = [
    '',
    body,
    '<x xmlns="http://jabber.org/protocol/muc"/>',
    '<error/>',
    '<command xmlns="http://jabber.org/protocol/commands" sessionid="1"/>',
    '<priority>x</priority>',
  ];
  for (const name of names)
    for (const type of types)
      for (const from of who)
        for (const to of who)
          for (const inside of insides)
            world.says(`<${name} type="${type}" id="i" from="${from}" to="${to}">${inside}</${name}>`);
  await settle();
  world.clock.pass(120_000);
  assert.is(world.status().open + world.status('two@svc.example').open, 0);
  await world.services.stop();
  assert.is(world.clock.count, 0);
});

test.run();
