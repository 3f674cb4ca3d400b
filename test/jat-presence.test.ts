/** Presence: of the address to its users, of its target to us, and what users direct to it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { desk, isError, presence, romeo, seenRomeo, settle, svc, TestWorld } from './lib/jat.ts';
import { MemoryStore } from './lib/jat-world.ts';

const a = `${desk}/a`;
const b = `${desk}/b`;
const user = 'romeo@m.example';
const muc = '<x xmlns="http://jabber.org/protocol/muc"/>';

const says = (world: TestWorld, type: string | undefined, from = user, to: string = svc, inside = ''): TestWorld =>
  world.says(`<presence${type === undefined ? '' : ` type="${type}"`} from="${from}" to="${to}">${inside}</presence>`);
const told = (type: string | undefined, from: string, to: string, inside = ''): string =>
  presence({ ...(type && { type }), from, to }, inside);

async function subscribed(world: TestWorld, from = user, to: string = svc): Promise<TestWorld> {
  says(world, 'subscribe', from, to);
  await settle();
  return world;
}

test('who subscribes is subscribed, and sees whether somebody is there', async () => {
  const world = await TestWorld.of();
  await subscribed(world);
  assert.equal(world.take(), [told('subscribed', svc, user), told(undefined, svc, user)]);
  const empty = await TestWorld.of({}, []);
  await subscribed(empty);
  assert.equal(empty.take(), [told('subscribed', svc, user)]);
});

test('it is available while a resource of its target is, and says so on each change', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  (await subscribed(world)).take();
  world.leaves(a);
  assert.equal(world.take(), []);
  world.leaves(b);
  assert.is(world.one(), told('unavailable', svc, user));
  world.there(a);
  assert.is(world.one(), told(undefined, svc, user));
  world.there(b).there(a, '<show>away</show>');
  assert.equal(world.take(), []);
});

test('a probe is answered', async () => {
  const world = await TestWorld.of();
  says(world, 'probe');
  assert.is(world.one(), told('unsubscribed', svc, user));
  (await subscribed(world)).take();
  says(world, 'probe');
  assert.is(world.one(), told(undefined, svc, user));
  world.leaves(a).take();
  says(world, 'probe');
  assert.is(world.one(), told('unavailable', svc, user));
});

test('who unsubscribes hears no more', async () => {
  const world = await TestWorld.of();
  (await subscribed(world)).take();
  says(world, 'unsubscribe');
  assert.is(world.one(), told('unavailable', svc, user));
  world.leaves(a);
  says(world, 'unsubscribe');
  assert.equal(world.take(), []);
});

test('subscribers are remembered, and told after a start when it is known who is there', async () => {
  const store = new MemoryStore();
  const world = await TestWorld.of({}, ['a'], store);
  await subscribed(world);
  await world.services.stop();
  assert.is(world.take().at(-1), told('unavailable', svc, user));
  const again = await TestWorld.of({}, [], store);
  again.there(a);
  assert.is(again.one(), told(undefined, svc, user));
  const alone = await TestWorld.of({}, [], store);
  await alone.add({ initiate: true });
  assert.equal(alone.take(), [], 'nothing is known yet, whatever is set meanwhile');
  alone.clock.pass(5000);
  assert.is(alone.one(), told('unavailable', svc, user));
});

test('… and after the component was away', async () => {
  const world = await TestWorld.of();
  (await subscribed(world)).take();
  world.services.closed(world.component);
  world.services.opened(world.component);
  assert.is(world.one(), told('subscribe', svc, desk));
  world.there(a);
  assert.is(world.one(), told(undefined, svc, user));
});

test('… and nobody is there any more', async () => {
  const world = await TestWorld.of();
  (await subscribed(world)).take();
  world.services.closed(world.component);
  world.services.opened(world.component);
  world.clock.pass(5000);
  assert.ok(world.take().includes(told('unavailable', svc, user)));
});

test('users at the edge see it when the component goes', async () => {
  const world = await TestWorld.of();
  world.atEdge.add('m.example');
  (await subscribed(world)).forget();
  world.services.closed(world.component);
  assert.is(world.one(world.edge), told('unavailable', svc, user));
});

test('a subscription that cannot be kept is refused, until it can', async () => {
  const store = new MemoryStore();
  const world = await TestWorld.of({}, ['a'], store);
  store.fail();
  await subscribed(world);
  isError(world.one(), 'internal-server-error');
  assert.is(world.status().subscribers, 0);
  store.fail(false);
  await subscribed(world);
  assert.is(world.take()[0], told('subscribed', svc, user));
  assert.match(store.kept.get(`${svc} contact`)!.get(user)!, /"subscribed":\["svc.example"\]/);
});

test('each node of an address that is a whole host has its own presence', async () => {
  const world = await TestWorld.of();
  (await subscribed(world, user, 'sales@svc.example')).take();
  await subscribed(world);
  world.take();
  world.leaves(a);
  assert.equal(world.take(), [told('unavailable', 'sales@svc.example', user), told('unavailable', svc, user)]);
  says(world, 'unsubscribe').take();
  world.there(a);
  assert.is(world.one(), told(undefined, 'sales@svc.example', user));
});

test('name and picture go with it, and a change of them too', async () => {
  const world = await TestWorld.of({ name: 'Help desk' });
  (await subscribed(world)).take();
  await world.add({ name: 'Help desk', avatar: { mime: 'image/png', data: Buffer.from('picture') } });
  const text = world.one();
  assert.match(text, /<nick xmlns="http:\/\/jabber.org\/protocol\/nick">Help desk<\/nick>/);
  assert.match(text, /<x xmlns="vcard-temp:x:update"><photo>[0-9a-f]{40}<\/photo><\/x>/);
});

test('an address that is removed ends its subscriptions', async () => {
  const store = new MemoryStore();
  const world = await TestWorld.of({}, ['a'], store);
  (await subscribed(world)).take();
  await world.services.remove(svc);
  assert.equal(world.take(), [
    told('unavailable', svc, user),
    told('unsubscribed', svc, user),
    told('unsubscribe', svc, desk),
  ]);
  assert.is(store.kept.size, 0);
});

test('switched off it is away', async () => {
  const world = await TestWorld.of();
  (await subscribed(world)).take();
  await world.add({ enabled: false });
  assert.is(world.one(), told('unavailable', svc, user));
  await world.add();
  assert.equal(world.take(), [told(undefined, svc, user)]);
});

test('a user whose account is no more is forgotten', async () => {
  const world = await TestWorld.of();
  (await subscribed(world)).take();
  says(
    world,
    'error',
    user,
    svc,
    '<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>',
  );
  world.leaves(a);
  assert.equal(world.take(), []);
});

test('directed presence goes to one resource, and stays there', async () => {
  const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
  const inside = '<show>dnd</show><data xmlns="urn:example:extension"/>';
  says(world, undefined, romeo, svc, inside);
  assert.is(world.one(), told(undefined, seenRomeo, a, inside));
  says(world, undefined, romeo);
  assert.is(world.one(), told(undefined, seenRomeo, a));
  says(world, 'unavailable', romeo);
  assert.is(world.one(), told('unavailable', seenRomeo, a));
  says(world, 'unavailable', romeo);
  assert.equal(world.take(), []);
});

test('with nobody there it is no error (RFC 6121 §8.5.2)', async () => {
  const world = await TestWorld.of({}, []);
  world.clock.pass(5000);
  world.take();
  says(world, undefined, romeo);
  assert.equal(world.take(), []);
});

test('a room is the resource’s that the user entered it at (XEP-0045)', async () => {
  const world = await TestWorld.of({ policy: 'round-robin' }, ['a', 'b']);
  const room = 'room@svc.example';
  says(world, undefined, romeo, `${room}/Romeo`, muc);
  assert.is(world.one(), told(undefined, seenRomeo, a, muc));
  says(world, undefined, a, seenRomeo, '<x xmlns="http://jabber.org/protocol/muc#user"><status code="110"/></x>');
  assert.match(world.one(), new RegExp(`from="${room}/Romeo" to="${romeo}"`));
  for (let turn = 0; turn < 3; turn++) {
    world.asks(`q${turn}`, { to: room });
    assert.match(world.one(), new RegExp(`to="${a}"`));
  }
  world.says(`<message type="groupchat" id="g" from="${romeo}" to="${room}"><body>hi</body></message>`);
  assert.match(world.one(), new RegExp(`from="${seenRomeo}" to="${a}"`));
  world.says(`<message type="groupchat" id="g" from="${a}" to="${seenRomeo}"><body>hi</body></message>`);
  assert.match(world.one(), new RegExp(`from="${room}/Romeo" to="${romeo}"`));
  world.leaves(a);
  assert.ok(world.take().includes(told('unavailable', `${room}/Romeo`, romeo)), 'it is empty for who was in');
  says(world, undefined, romeo, `${room}/Romeo`, muc);
  assert.is(world.one(), told(undefined, seenRomeo, b, muc));
});

test('a room that nobody has is refused, as is one that its target refuses', async () => {
  const world = await TestWorld.of();
  says(world, undefined, romeo, 'room@svc.example/Romeo', muc).take();
  const error = '<error type="auth"><not-authorized xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>';
  says(world, 'error', a, seenRomeo, error);
  assert.is(world.one(), told('error', 'room@svc.example/Romeo', romeo, error));
  says(world, 'error', a, seenRomeo, error);
  assert.equal(world.take(), []);
  world.leaves(a);
  says(world, undefined, romeo, 'room@svc.example/Romeo', muc);
  isError(world.one(), 'service-unavailable');
});

test('with one chat for each user, presence goes to the account, whose server spreads it', async () => {
  const world = await TestWorld.of({ encoding: 'localpart' });
  says(world, undefined, romeo);
  assert.is(world.one(), told(undefined, 'romeo\\40m.example@svc.example/orchard', desk));
});

test('a target may ask a user it knows for presence, and be given it', async () => {
  const world = await TestWorld.of({ encoding: 'localpart' });
  const seen = 'romeo\\40m.example@svc.example';
  says(world, 'subscribe', desk, seen);
  assert.is(world.one(), told('unsubscribed', seen, desk), 'a stranger');
  world.says(`<message id="m" from="${romeo}" to="${svc}"><body>hi</body></message>`).take();
  says(world, 'subscribe', desk, seen);
  assert.is(world.one(), told('subscribe', svc, user));
  says(world, 'subscribed');
  assert.is(world.one(), told('subscribed', seen, desk));
  says(world, 'probe', desk, seen);
  assert.is(world.one(), told('probe', svc, user));
  says(world, 'unsubscribed', desk, seen);
  assert.is(world.one(), told('unsubscribed', svc, user));
});

test.run();
