/** Which resource gets a request: policies, weights, what must stay together, who is left out and comes back. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BareJid } from '../src/wire/jid.ts';
import { asked, at, desk, isError, romeo, svc, TestWorld, times } from './lib/jat.ts';

test('random', async () => {
  const world = await TestWorld.of({ policy: 'random' }, ['a', 'b', 'c', 'd']);
  world.chances = [0.99, 0, 0.3, 0.5];
  assert.is(
    times(8, () => asked(world)),
    'dabcdabc',
  );
});

test('round-robin', async () => {
  const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b', 'c']);
  assert.is(
    times(7, () => asked(world)),
    'abcabca',
  );
  world.leaves(at('b'));
  assert.equal([...times(4, () => asked(world))].sort().join(''), 'aacc');
});

test('least-pending', async () => {
  const world = await TestWorld.of({ policy: 'least-pending' }, ['a', 'b', 'c']);
  assert.is([...times(6, () => asked(world, { keep: true }))].sort().join(''), 'aabbcc');
  world.leaves(at('c')).take();
  assert.equal(
    world
      .status()
      .accounts[0]!.resources.map(({ open }) => open)
      .sort(),
    [3, 3],
  );
});

test('sticky: one sender, one resource, while it is there', async () => {
  const world = await TestWorld.of({ policy: 'sticky' }, ['a', 'b', 'c', 'd']);
  const senders = Array.from({ length: 40 }, (_, turn) => `u${turn}@m.example/x`);
  const before = senders.map((from) => asked(world, { from }));
  assert.is(new Set(before).size, 4, 'they are spread');
  assert.equal(
    senders.map((from) => asked(world, { from: from.replace('/x', '/y') })),
    before,
    'by bare address',
  );
  world.there(at('e'));
  assert.equal(
    senders.map((from) => asked(world, { from })),
    before,
    'who comes later changes nothing',
  );
  world.leaves(at('a'));
  const after = senders.map((from) => asked(world, { from }));
  assert.equal(
    after.filter((_, turn) => before[turn] !== 'a'),
    before.filter((each) => each !== 'a'),
  );
  const restarted = await TestWorld.of({ policy: 'sticky' }, ['d', 'c', 'b', 'a']);
  assert.equal(
    senders.map((from) => asked(restarted, { from })),
    before,
    'and after a restart',
  );
});

test('several accounts behind one address, with weights', async () => {
  const [big, small] = ['big@home.example' as BareJid, 'small@other.example' as BareJid];
  const targets = [
    { account: big, weight: 3 },
    { account: small, weight: 1 },
  ];
  for (const policy of ['random', 'round-robin', 'least-pending', 'sticky'] as const) {
    const world = await TestWorld.of({ targets, policy }, []);
    world.there(`${big}/1`).there(`${small}/1`).forget();
    world.chances = Array.from({ length: 100 }, (_, turn) => ((turn * 37) % 100) / 100);
    const who = Array.from({ length: 400 }, (_, turn) =>
      asked(world, { from: `u${turn}@m.example/x`, keep: policy === 'least-pending' }),
    );
    const share = who.filter((each) => each === `${big}/1`).length / who.length;
    assert.ok(share > 0.68 && share < 0.82, `${policy}: ${share}`);
  }
});

test('one account behind several addresses: each has its own presence of it', async () => {
  const world = await TestWorld.of();
  await world.add({ address: 'two@svc.example' as BareJid });
  world.there(at('b'), '', 'two@svc.example').forget();
  assert.is(asked(world), 'a');
  world.asks('2', { to: 'two@svc.example' });
  assert.match(world.one(), new RegExp(`from="two@svc.example/${romeo}" to="${at('b')}"`));
});

test('a resource that its presence shuts gets nothing while there is another', async () => {
  for (const inside of ['<show>dnd</show>', '<show>xa</show>', '<priority>-1</priority>']) {
    const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
    world.there(at('a'), inside);
    assert.is(
      times(4, () => asked(world)),
      'bbbb',
      inside,
    );
    assert.is(world.status().accounts[0]!.resources[0]!.draining, 'presence');
    world.leaves(at('b')).take();
    assert.is(asked(world), 'a', 'better than to refuse');
    world.there(at('b')).there(at('a'), '<show>away</show>');
    assert.equal([...times(4, () => asked(world))].sort().join(''), 'aabb');
  }
});

test('one that an administrator shuts gets nothing at all, and goes on with what it has', async () => {
  const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
  world.asks('1').take();
  assert.is(world.services.drain(svc, at('a'), true), true);
  world.answers('1');
  assert.match(world.one(), /type="result" id="1"/);
  assert.is(
    times(3, () => asked(world)),
    'bbb',
  );
  world.services.drain(svc, desk, true);
  world.asks('2');
  isError(world.one(), 'service-unavailable');
  assert.is(world.status().accounts[0]!.drained, true);
  world.services.drain(svc, desk, false);
  world.services.drain(svc, at('a'), false);
  assert.equal([...times(2, () => asked(world))].sort().join(''), 'ab');
  assert.is(world.services.drain(svc, at('z'), true), false);
  assert.is(world.services.drain('no@svc.example' as BareJid, desk, true), false);
});

/** What begins a session with the first resource, and what has to follow it there. */
const sessions: { what: string; begins: string; answer?: string; follows: string; ends?: string }[] = [
  {
    what: 'a command (XEP-0050)',
    begins: '<command xmlns="http://jabber.org/protocol/commands" node="n"/>',
    answer: '<command xmlns="http://jabber.org/protocol/commands" node="n" sessionid="s1" status="executing"/>',
    follows: '<command xmlns="http://jabber.org/protocol/commands" node="n" sessionid="s1"/>',
  },
  {
    what: 'an in-band bytestream (XEP-0047)',
    begins: '<open xmlns="http://jabber.org/protocol/ibb" sid="s1" block-size="4096"/>',
    follows: '<data xmlns="http://jabber.org/protocol/ibb" sid="s1" seq="0">AA==</data>',
    ends: '<close xmlns="http://jabber.org/protocol/ibb" sid="s1"/>',
  },
  {
    what: 'Jingle (XEP-0166)',
    begins: '<jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" sid="s1"/>',
    follows: '<jingle xmlns="urn:xmpp:jingle:1" action="transport-info" sid="s1"/>',
    ends: '<jingle xmlns="urn:xmpp:jingle:1" action="session-terminate" sid="s1"/>',
  },
  {
    what: 'a transport of Jingle (XEP-0261)',
    begins:
      '<jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" sid="s1"><content name="f"><transport xmlns="urn:xmpp:jingle:transports:ibb:1" sid="t1"/></content></jingle>',
    follows: '<open xmlns="http://jabber.org/protocol/ibb" sid="t1" block-size="4096"/>',
  },
  {
    what: 'stream initiation (XEP-0095)',
    begins: '<si xmlns="http://jabber.org/protocol/si" id="s1"/>',
    follows: '<query xmlns="http://jabber.org/protocol/bytestreams" sid="s1"/>',
  },
];

for (const { what, begins, answer = '', follows, ends } of sessions)
  test(`${what} stays with its resource`, async () => {
    const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
    world.asks('s', { type: 'set', inside: begins });
    assert.match(world.one(), new RegExp(`to="${at('a')}"`));
    world.answers('s', { inside: answer }).take();
    for (let turn = 0; turn < 3; turn++) assert.is(asked(world, { type: 'set', inside: follows }), 'a');
    world.services.drain(svc, at('a'), true);
    assert.is(asked(world, { type: 'set', inside: follows }), 'a', 'drained, too');
    world.services.drain(svc, at('a'), false);
    assert.not.equal(
      times(4, (turn) => asked(world, { from: `j${turn}@m.example/b`, type: 'set', inside: follows })),
      'aaaa',
      'another’s is another',
    );
    if (ends !== undefined) {
      asked(world, { type: 'set', inside: ends });
      world.leaves(at('a'));
      assert.is(asked(world, { type: 'set', inside: follows }), 'b', 'over');
    } else {
      world.leaves(at('a')).asks('x', { type: 'set', inside: follows });
      isError(world.one(), 'item-not-found');
    }
  });

test('what follows nothing binds nobody', async () => {
  const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
  const inside = '<data xmlns="http://jabber.org/protocol/ibb" sid="s" seq="7">AA==</data>';
  assert.is(
    times(4, () => asked(world, { type: 'set', inside })),
    'abab',
  );
});

test('a command that is completed binds nobody', async () => {
  const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
  const command = (attrs: string) => `<command xmlns="http://jabber.org/protocol/commands" node="n" ${attrs}/>`;
  world.asks('s', { type: 'set', inside: command('') }).take();
  world.answers('s', { inside: command('sessionid="s1" status="executing"') }).take();
  world.asks('t', { type: 'set', inside: command('sessionid="s1" action="complete"') }).take();
  world.answers('t', { inside: command('sessionid="s1" status="completed"') }).take();
  assert.ok(times(2, () => asked(world, { type: 'set', inside: command('sessionid="s1"') })).includes('b'));
});

test.run();
