/** Messages between users and a target: there, back, errors about them, and where each goes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BareJid } from '../src/wire/jid.ts';
import { desk, isError, message, romeo, seenRomeo, settle, svc, TestWorld } from './lib/jat.ts';
import { MemoryStore } from './lib/jat-world.ts';

const a = `${desk}/a`;
const b = `${desk}/b`;
const body = '<body>hi</body>';
const local = 'romeo\\40m.example@svc.example/orchard';
const gone = '<error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>';

interface Said {
  id?: string;
  from?: string;
  to?: string;
  type?: string;
  inside?: string;
  lang?: string;
}

/** A message of the user to the address. */
function writes(world: TestWorld, said: Said = {}): TestWorld {
  const { id = 'm1', from = romeo, to = svc, type = 'chat', inside = body } = said;
  return world.says(`<message type="${type}" id="${id}" from="${from}" to="${to}" xml:lang="cs">${inside}</message>`);
}
/** A message of the target to a user. */
const replies = (world: TestWorld, said: Said = {}): TestWorld =>
  writes(world, { id: 'm2', from: a, to: seenRomeo, ...said });

const written = (from: string, to: string, { id = 'm1', type = 'chat', inside = body }: Said = {}): string =>
  message({ type, id, from, to, 'xml:lang': 'cs' }, inside);

test('a message goes to the account behind the address, the reply to the user from the address', async () => {
  const world = await TestWorld.of();
  assert.is(writes(world).one(), written(seenRomeo, desk));
  assert.is(replies(world).one(), written(svc, romeo, { id: 'm2' }));
});

test('escaped localparts: one chat for each user (XEP-0106)', async () => {
  const world = await TestWorld.of({ encoding: 'localpart' });
  assert.is(writes(world).one(), written(local, desk));
  assert.is(replies(world, { to: local }).one(), written(svc, romeo, { id: 'm2' }));
  assert.is(
    replies(world, { to: 'romeo\\40m.example@svc.example' }).one(),
    written(svc, 'romeo@m.example', { id: 'm2' }),
  );
});

test('escaped localparts at an address with a name of its own', async () => {
  const helpdesk = 'helpdesk@svc.example' as BareJid;
  const world = await TestWorld.of({ address: helpdesk, encoding: 'localpart' }, []);
  world.there(a, '', helpdesk).forget();
  assert.is(writes(world, { to: helpdesk }).one(), written(local, desk));
  assert.is(replies(world, { to: local }).one(), written(helpdesk, romeo, { id: 'm2' }));
  assert.is(world.services.serves(local as BareJid, desk), true);
  assert.is(world.services.serves(local as BareJid), false, 'for anybody else it is no address');
  writes(world, { to: local, from: 'eve@m.example/x' });
  isError(world.one(), 'service-unavailable');
});

test('a target may be a user of another address on the same host', async () => {
  const helpdesk = 'helpdesk@svc.example' as BareJid;
  const other = 'other@home.example' as BareJid;
  const world = await TestWorld.of({ address: helpdesk, encoding: 'localpart' }, []);
  await world.add({ targets: [{ account: other, weight: 1 }] });
  writes(world.forget(), { to: helpdesk }).take();
  assert.is(writes(world, { from: a, to: 'sales@svc.example' }).one(), written(`${svc}/${a}`, other));
  assert.is(replies(world, { to: local }).one(), written(helpdesk, romeo, { id: 'm2' }));
});

test('the reply comes from where the user wrote to', async () => {
  for (const asked of ['sales@svc.example', 'svc.example/sales']) {
    const store = new MemoryStore();
    const world = await TestWorld.of({}, ['a'], store);
    assert.is(writes(world, { to: asked }).one(), written(seenRomeo, desk));
    assert.is(replies(world).one(), written(asked, romeo, { id: 'm2' }));
    await settle();
    const restarted = await TestWorld.of({}, ['a'], store);
    assert.is(replies(restarted).one(), written(asked, romeo, { id: 'm2' }), 'after a restart, too');
    writes(restarted).take();
    assert.is(replies(restarted).one(), written(svc, romeo, { id: 'm2' }));
  }
});

test('with nobody there it goes to the account all the same: its server keeps it', async () => {
  const world = await TestWorld.of({}, []);
  assert.is(writes(world).one(), written(seenRomeo, desk));
  world.clock.pass(10_000);
  world.take();
  assert.is(writes(world).one(), written(seenRomeo, desk));
});

test('to each resource, where that is set', async () => {
  const world = await TestWorld.of({ messages: 'resources' }, ['a', 'b']);
  assert.equal(writes(world).take(), [written(seenRomeo, a), written(seenRomeo, b)]);
  world.leaves(a).leaves(b).take();
  assert.is(writes(world).one(), written(seenRomeo, desk));
});

test('of several accounts one sender has one, of those that are there', async () => {
  const accounts = ['x@home.example', 'y@home.example', 'z@home.example'] as BareJid[];
  const targets = accounts.map((account) => ({ account, weight: 1 }));
  const world = await TestWorld.of({ targets }, []);
  world.there('x@home.example/1').there('y@home.example/1').forget();
  const to = (from: string) => / to="([^"]+)"/.exec(writes(world, { from }).one())![1]!;
  const senders = Array.from({ length: 30 }, (_, turn) => `u${turn}@m.example/x`);
  const first = senders.map(to);
  assert.equal([...new Set(first)].sort(), accounts.slice(0, 2));
  assert.equal(senders.map(to), first);
});

test('an error about a user’s message comes back once; others are about nothing', async () => {
  const world = await TestWorld.of();
  writes(world).take();
  assert.is(
    replies(world, { id: 'm1', from: desk, type: 'error', inside: gone }).one(),
    written(svc, romeo, { type: 'error', inside: gone }),
  );
  replies(world, { id: 'm1', from: desk, type: 'error', inside: gone });
  replies(world, { id: 'x', from: desk, type: 'error', inside: gone });
  assert.equal(world.take(), []);
  assert.is(world.status().counters.dropped['unasked error'], 2);
});

test('an error about a target’s message goes to the resource that wrote it', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  writes(world).take();
  replies(world, { from: b }).take();
  assert.is(
    writes(world, { id: 'm2', type: 'error', inside: gone }).one(),
    written(seenRomeo, b, { id: 'm2', type: 'error', inside: gone }),
  );
  writes(world, { id: 'm2', type: 'error', inside: gone });
  writes(world, { id: 'm9', type: 'error', inside: gone });
  assert.equal(world.take(), []);
});

test('receipts, markers and states take the same way', async () => {
  const world = await TestWorld.of();
  for (const inside of [
    '<received xmlns="urn:xmpp:receipts" id="m1"/>',
    '<displayed xmlns="urn:xmpp:chat-markers:0" id="m1"/>',
    '<composing xmlns="http://jabber.org/protocol/chatstates"/>',
  ]) {
    assert.is(writes(world, { inside }).one(), written(seenRomeo, desk, { inside }));
    assert.is(replies(world, { inside }).one(), written(svc, romeo, { id: 'm2', inside }));
  }
});

test('what is part of a session goes to who has it', async () => {
  const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
  world.asks('1', { type: 'set', inside: '<open xmlns="http://jabber.org/protocol/ibb" sid="s" block-size="9"/>' });
  assert.match(world.one(), new RegExp(`to="${a}"`));
  const data = '<data xmlns="http://jabber.org/protocol/ibb" sid="s" seq="0">AA==</data>';
  assert.is(writes(world, { inside: data }).one(), written(seenRomeo, a, { inside: data }));
  world.leaves(a).take();
  isError(writes(world, { inside: data }).one(), 'item-not-found');
});

test('a call that a resource takes is its own (XEP-0353)', async () => {
  const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
  const propose = '<propose xmlns="urn:xmpp:jingle-message:0" id="c1"/>';
  assert.is(writes(world, { inside: propose }).one(), written(seenRomeo, desk, { inside: propose }));
  replies(world, { from: b, inside: '<proceed xmlns="urn:xmpp:jingle-message:0" id="c1"/>' }).take();
  world.asks('1', { type: 'set', inside: '<jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" sid="c1"/>' });
  assert.match(world.one(), new RegExp(`to="${b}"`));
});

test('groupchat messages are for rooms that somebody is in', async () => {
  const world = await TestWorld.of();
  isError(writes(world, { type: 'groupchat', to: 'room@svc.example' }).one(), 'service-unavailable');
});

test('an address that is off takes no messages, from neither side', async () => {
  const world = await TestWorld.of();
  writes(world).take();
  await world.add({ enabled: false });
  world.take();
  isError(writes(world).one(), 'service-unavailable');
  isError(replies(world).one(), 'service-unavailable');
});

test('headlines are never refused with an error (RFC 6121 §5.2.2)', async () => {
  const world = await TestWorld.of();
  replies(world, { to: svc, type: 'headline' });
  await world.add({ enabled: false });
  world.forget();
  writes(world, { type: 'headline' });
  assert.equal(world.take(), []);
});

test('by whichever way each is reached', async () => {
  const world = await TestWorld.of();
  world.atEdge.add('m.example');
  world.says(`<message id="m1" from="${romeo}" to="${svc}">${body}</message>`, world.edge);
  assert.is(world.one(), message({ id: 'm1', from: seenRomeo, to: desk }, body));
  replies(world);
  assert.is(world.one(world.edge), written(svc, romeo, { id: 'm2' }));
  assert.equal(world.take(), []);
});

test('where the way is closed the sender hears of it', async () => {
  const world = await TestWorld.of();
  world.atEdge.add('m.example');
  world.services.closed(world.component);
  world.says(`<message id="m1" from="${romeo}" to="${svc}">${body}</message>`, world.edge);
  isError(world.one(world.edge), 'recipient-unavailable', 'wait');
});

test('a message of the target to the address itself is for nobody', async () => {
  const world = await TestWorld.of();
  isError(replies(world, { to: svc }).one(), 'bad-request');
});

test('the target asks a user: the answer comes from the user as it knows them', async () => {
  const world = await TestWorld.of();
  world.asks('0').take();
  world.answers('0').take();
  const payload = '<query xmlns="jabber:iq:version"/>';
  world.asks('q', { from: a, to: seenRomeo, inside: payload });
  assert.match(world.one(), new RegExp(`type="get" id="q" from="${svc}" to="${romeo}"`));
  world.answers('q', { from: romeo, to: svc, inside: payload });
  assert.match(world.one(), new RegExp(`type="result" id="q" from="${seenRomeo}" to="${a}"`));
});

test('… and hears of it when there is none', async () => {
  const world = await TestWorld.of({ timeout: 1000 });
  world.asks('0').take();
  world.answers('0').take();
  world.asks('q', { from: a, to: seenRomeo }).take();
  world.clock.pass(1000);
  const error = world.one();
  isError(error, 'remote-server-timeout');
  assert.match(error, new RegExp(`id="q" from="${seenRomeo}" to="${a}"`));
  world.answers('q', { from: romeo, to: svc });
  assert.equal(world.take(), []);
  assert.is(world.status().counters.dropped['late answer'], 1);
});

test('… also when the user’s way is closed meanwhile', async () => {
  const world = await TestWorld.of();
  world.atEdge.add('m.example');
  world.asks('0', { way: world.edge }).take();
  world.asks('q', { from: a, to: seenRomeo }).take();
  world.services.closed(world.edge);
  isError(world.one(), 'remote-server-timeout');
});

test.run();
