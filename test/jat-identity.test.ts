/** What an address says of itself, and of its target. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BareJid } from '../src/wire/jid.ts';
import { desk, iq, isError, romeo, seenRomeo, svc, TestWorld } from './lib/jat.ts';

const a = `${desk}/a`;
const info = '<query xmlns="http://jabber.org/protocol/disco#info"/>';
const infoOf = (...inside: string[]) =>
  `<query xmlns="http://jabber.org/protocol/disco#info">${inside.join('')}</query>`;
const identity = (category: string, type: string, name: string) =>
  `<identity category="${category}" type="${type}" name="${name}"/>`;
const feature = (name: string) => `<feature var="${name}"/>`;
const bot = infoOf(identity('client', 'bot', 'Focus'), feature('urn:example:f'));

test('disco#info is the target’s, and known for a while', async () => {
  const world = await TestWorld.of();
  world.asks('1', { inside: info });
  assert.is(world.one(), iq('get', '1', seenRomeo, a, info));
  world.answers('1', { inside: bot });
  assert.is(world.one(), iq('result', '1', svc, romeo, bot));
  world.asks('2', { from: 'juliet@m.example/b', to: 'svc.example/x', inside: info });
  assert.is(world.one(), iq('result', '2', 'svc.example/x', 'juliet@m.example/b', bot));
  world.clock.pass(5 * 60_000);
  world.take();
  world.asks('3', { inside: info });
  assert.is(world.one(), iq('get', '3', seenRomeo, a, info));
});

test('… until its resources are others', async () => {
  const world = await TestWorld.of();
  world.asks('1', { inside: info }).take();
  world.answers('1', { inside: bot }).take();
  world.there(`${desk}/b`).asks('2', { inside: info });
  assert.match(world.one(), /type="get"/);
});

test('an error of it is not kept, nor a node’s', async () => {
  const world = await TestWorld.of();
  const node = info.replace('/>', ' node="n"/>');
  for (const inside of [info, node]) {
    const type = inside === info ? 'error' : 'result';
    world.asks('1', { inside }).take();
    world.answers('1', { type, inside }).take();
    world.asks('2', { inside });
    assert.match(world.one(), /type="get"/);
  }
});

test('name, category and type can be set', async () => {
  const world = await TestWorld.of({ name: 'Help & more', category: 'automation', type: 'help' });
  world.asks('1', { inside: info }).take();
  world.answers('1', { inside: bot });
  const dressed = infoOf(identity('automation', 'help', 'Help &amp; more'), feature('urn:example:f'));
  assert.is(world.one(), iq('result', '1', svc, romeo, dressed));
});

test('with nobody there the address speaks for itself', async () => {
  const world = await TestWorld.of({ name: 'Help desk' });
  world.leaves(a);
  world.asks('1', { inside: info });
  const text = world.one();
  assert.match(text, /type="result".*<identity category="component" type="generic" name="Help desk"\/>/);
  assert.match(text, /<feature var="http:\/\/jabber.org\/protocol\/disco#info"\/>/);
  const items = '<query xmlns="http://jabber.org/protocol/disco#items"/>';
  world.asks('2', { inside: items });
  assert.is(world.one(), iq('result', '2', svc, romeo, items));
  world.asks('3', { inside: '<ping xmlns="urn:xmpp:ping"/>' });
  isError(world.one(), 'service-unavailable');
});

test('ping, version and the rest are the target’s to answer', async () => {
  const world = await TestWorld.of();
  for (const inside of [
    '<ping xmlns="urn:xmpp:ping"/>',
    '<query xmlns="jabber:iq:version"/>',
    '<vCard xmlns="vcard-temp"/>',
    '<query xmlns="http://jabber.org/protocol/disco#items"/>',
  ]) {
    world.asks('1', { inside });
    assert.is(world.one(), iq('get', '1', seenRomeo, a, inside));
    world.answers('1').take();
  }
});

test('escaped users are announced (XEP-0106 §6)', async () => {
  const world = await TestWorld.of({ encoding: 'localpart' });
  world.asks('1', { inside: info }).take();
  world.answers('1', { to: 'romeo\\40m.example@svc.example/orchard', inside: bot });
  assert.match(world.one(), /<feature var="jid\\20escaping"\/>/);
});

test('a picture that is set is the address’ own (XEP-0054)', async () => {
  const world = await TestWorld.of({ name: 'Help desk', avatar: { mime: 'image/png', data: Buffer.from('picture') } });
  world.asks('1', { inside: '<vCard xmlns="vcard-temp"/>' });
  const photo = '<PHOTO><TYPE>image/png</TYPE><BINVAL>cGljdHVyZQ==</BINVAL></PHOTO>';
  assert.is(world.one(), iq('result', '1', svc, romeo, `<vCard xmlns="vcard-temp"><FN>Help desk</FN>${photo}</vCard>`));
  world.asks('2', { type: 'set', inside: '<vCard xmlns="vcard-temp"><FN>x</FN></vCard>' });
  assert.match(
    world.one(),
    new RegExp(`type="set" id="2" from="${seenRomeo}"`),
    'whoever may set it is the target’s matter',
  );
  assert.is(world.status().open, 1);
});

test('a target that asks the address itself', async () => {
  const world = await TestWorld.of();
  world.asks('1', { from: a, inside: info });
  assert.match(
    world.one(),
    /type="result" id="1" from="svc.example" to="desk@home.example\/a".*<identity category="component"/,
  );
  world.asks('2', { from: a, inside: '<ping xmlns="urn:xmpp:ping"/>' });
  assert.is(world.one(), iq('result', '2', svc, a));
  world.asks('3', { from: a, inside: '<query xmlns="jabber:iq:version"/>' });
  isError(world.one(), 'bad-request');
});

test('a host that is no address itself tells which it has', async () => {
  const world = await TestWorld.of({ address: 'helpdesk@svc.example' as BareJid, name: 'Help desk' });
  await world.add({ address: 'shut@svc.example' as BareJid, enabled: false });
  world.forget();
  world.asks('1', { inside: info });
  assert.match(world.one(), /<identity category="component" type="generic" name="svc.example"\/>/);
  world.asks('2', { inside: '<query xmlns="http://jabber.org/protocol/disco#items"/>' });
  const items =
    '<query xmlns="http://jabber.org/protocol/disco#items"><item jid="helpdesk@svc.example" name="Help desk"/></query>';
  assert.is(world.one(), iq('result', '2', svc, romeo, items));
  world.asks('3', { inside: '<ping xmlns="urn:xmpp:ping"/>' });
  assert.is(world.one(), iq('result', '3', svc, romeo));
  world.asks('4', { to: 'nobody@svc.example', inside: info });
  isError(world.one(), 'service-unavailable');
});

test('how it is doing', async () => {
  const world = await TestWorld.of({ timeout: 1000 }, ['a', 'b']);
  for (let turn = 0; turn < 100; turn++) {
    world.asks(`${turn}`).take();
    world.clock.pass(turn < 98 ? 2 : 50);
    world.answers(`${turn}`).take();
  }
  world.asks('x').take();
  world.says(`<message id="m" from="${romeo}" to="${svc}"><body>hi</body></message>`);
  const { accounts, available, counters, latency, open, requestRate, messageRate, errors } = world.status();
  assert.equal({ available, open, latency }, { available: true, open: 1, latency: { p50: 2, p99: 50 } });
  assert.ok(Math.abs(requestRate - 101 / 60) < 1e-9 && Math.abs(messageRate - 1 / 60) < 1e-9);
  assert.equal([counters.requests, counters.answered, counters.messages], [101, 100, 1]);
  assert.equal(errors, []);
  const [first] = accounts[0]!.resources;
  assert.equal([first!.answered, first!.open, first!.health, first!.draining], [100, 1, 'well', 'no']);
  world.clock.pass(1000);
  assert.equal(
    world.status().errors.map(({ condition, resource }) => `${condition} ${resource}`),
    [`remote-server-timeout ${a}`],
  );
  assert.is(world.status().accounts[0]!.resources[0]!.timeouts, 1);
  world.clock.pass(60_000);
  assert.is(world.status().requestRate, 0);
  assert.is(world.services.status('no@svc.example' as BareJid), undefined);
});

test.run();
