/** Between the edge and root: when somebody is there to hear it, and what was never heard. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BareJid } from '../src/wire/jid.ts';
import { type FakeUnit, inWorld, type World } from './lib/edge.ts';
import { managed, noticed } from './lib/managed.ts';

const alice = 'alice@proxy.example' as BareJid;

/** As a hub does: a broadcast of presence becomes a fact, and the client sees it. */
function withPresence({ edge, unit }: Pick<World, 'edge'> & { unit: FakeUnit }): void {
  unit.on = (told) => {
    if (told.what !== 'stanza' || told.stanza.name !== 'presence') return;
    const isGone = told.stanza.type === 'unavailable';
    edge.link.facts(told.sid, { presence: isGone ? undefined : told.stanza.toString() });
    edge.link.deliver([told.sid], told.stanza.readdress({ from: 'alice@proxy.example/self' as never }));
  };
}

test('root hears of a session’s initial presence, not of the later ones', () =>
  inWorld({}, async (world) => {
    const { edge, unit, door, starttls } = world;
    withPresence(world);
    const { client, sid } = await managed(starttls, unit);
    await client.roundtrip();
    edge.link.facts(sid, { carbons: true });
    assert.equal(door.arrived_, []);
    const sids = () => door.arrived_.map((speaker) => speaker.sid);
    client.send('<presence/><presence><show>away</show></presence>');
    await client.roundtrip();
    assert.equal(sids(), [sid]);
    client.send('<presence type="unavailable"/><presence/>');
    await client.roundtrip();
    assert.equal(sids(), [sid, sid]);
    assert.is(door.arrived_[0]!.bare, alice);
    await client.close();
  }));

test('what root says on arrival comes after the presence that the unit sends at once', () =>
  inWorld({}, async (world) => {
    const { edge, unit, door, starttls } = world;
    withPresence(world);
    door.arrived = ({ bare }) => void edge.outlet.say(bare, 'welcome');
    const { client } = await managed(starttls, unit);
    client.send('<presence/>');
    assert.equal([(await client.next()).name, (await client.next()).getChildText('body')], ['presence', 'welcome']);
    await client.close();
  }));

test('a session that ends at once has not arrived, and a door that fails does no harm', () =>
  inWorld({}, async (world) => {
    const { edge, unit, door, errors, starttls } = world;
    const { client, sid } = await managed(starttls, unit);
    edge.link.facts(sid, { presence: '<presence/>' });
    edge.endSessions(() => true, 'policy-violation', '');
    await client.closed;
    assert.equal(door.arrived_, []);
    withPresence(world);
    door.arrived = () => {
      throw new Error('the door is stuck');
    };
    const { client: other } = await managed(starttls, unit);
    other.send('<presence/>');
    await other.roundtrip();
    assert.match(JSON.stringify(errors), /root failed.*the door is stuck/);
    await other.close();
  }));

test('say tells whether somebody hears it', () =>
  inWorld({}, async (world) => {
    const { edge, unit, starttls } = world;
    withPresence(world);
    assert.is(edge.outlet.say(alice, 'anybody?'), false);
    const { client, sid } = await managed(starttls, unit);
    assert.equal([edge.outlet.say(alice, 'anybody?'), edge.outlet.say(alice, 'you?', sid)], [false, true]);
    client.send('<presence/>');
    await client.roundtrip();
    assert.equal([edge.outlet.say(alice, 'now?'), edge.outlet.say(alice, 'x', 999)], [true, false]);
    await client.roundtrip();
    client.cut();
    await noticed(world);
    assert.equal([edge.outlet.say(alice, 'later?'), edge.outlet.say(alice, 'later?', sid)], [false, false]);
    assert.equal(client.bodies(), ['you?', 'now?']);
  }));

test('who asks hears the answer, available or not; of the others those that are available', () =>
  inWorld({}, async (world) => {
    const { edge, unit, starttls } = world;
    withPresence(world);
    const [one, two, three] = [
      await managed(starttls, unit),
      await managed(starttls, unit),
      await managed(starttls, unit),
    ];
    two.client.send('<presence/>');
    await two.client.roundtrip();
    assert.is(edge.outlet.say(alice, 'answer', undefined, one.sid), true);
    for (const { client } of [one, two, three]) await client.roundtrip();
    assert.equal(
      [one, two, three].map(({ client }) => client.bodies()),
      [['answer'], ['answer'], []],
    );
  }));

test('what root said and the client never acknowledged is told to root, before the session is gone', () =>
  inWorld({}, async (world) => {
    const { edge, unit, door, starttls } = world;
    withPresence(world);
    const { client, sid } = await managed(starttls, unit);
    client.send('<presence/>');
    await client.roundtrip();
    client.send(`<a xmlns="urn:xmpp:sm:3" h="${client.sm!.handled}"/>`);
    await client.roundtrip();
    client.cut();
    await noticed(world);
    edge.outlet.say(alice, 'into the dark');
    let wasGone = true;
    const { unheard } = door;
    door.unheard = (...words) => {
      wasGone = door.gone_.includes(sid);
      unheard.apply(door, words);
    };
    edge.endSessions(() => true, 'policy-violation', '');
    const [{ speaker, messages }] = door.unheard_ as [(typeof door.unheard_)[number]];
    assert.equal([speaker.sid, messages.map(({ tree }) => tree.getChildText('body'))], [sid, ['into the dark']]);
    assert.equal([wasGone, door.gone_.includes(sid)], [false, true]);
  }));

test.run();
