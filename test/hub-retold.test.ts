/** A hub that died was told a message, and nobody knows whether it had taken it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { bodiesIn, bodiesOf } from './lib/archived.ts';
import { core, inWorld, type World } from './lib/hub.ts';

const saying = (id: string, to = 'bob@home.example'): Stanza =>
  Stanza.of(parseElement(`<message to="${to}" type="chat" id="${id}"><body>${id}</body></message>`));
const nameless = (body: string, to?: string): Stanza => {
  const { tree } = saying(body, to);
  delete tree.attrs.id;
  return Stanza.of(tree);
};
let count = 0;
/** The number that the edge gives a message that comes now: no two are equal. */
const order = ({ now }: World): number => now * 1000 + ++count;
const said = (world: World): (string | undefined)[] => bodiesOf(world.up.filter((text) => text.startsWith('<message')));

/** The next hub, with the clients that were here; none of them was given anything since it came. */
async function next(world: World) {
  const again = await world.again();
  again.now = world.now + 100;
  again.sequence = world.sequence;
  const [phone, desk] = ['phone', 'desk'].map((name) => {
    const began = world.clients.find(({ address }) => address.endsWith(name))!.facts.began!;
    return again.client(name, { presence: '<presence/>', carbons: true, delivered: began, began });
  });
  return { again, phone: phone!, desk: desk! };
}

test(
  'what it had taken is here once, leaves once, and is shown to who has not seen it',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone', { carbons: true }).available();
    world.client('desk', { carbons: true }).available();
    const first = order(world);
    world.hub.fromClient(phone.sid, saying('a'), first);
    const { again, phone: same, desk } = await next(world);
    again.hub.fromClient(same.sid, saying('a'), first, 'told');
    again.hub.fromClient(same.sid, saying('b'), order(again));
    again.hub.online(core, true, true);
    await again.settled();
    assert.equal(await bodiesIn(again), ['a', 'b']);
    assert.equal(said(again), ['a', 'b']);
    again.pass(5000);
    await again.settled();
    assert.equal(bodiesOf(desk.messages()), ['a', 'b']);
  }),
);

test(
  'what it had taken, and not given to who was behind, is given to them',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone', { carbons: true }).available();
    world.client('desk', { carbons: true }).available();
    const first = order(world);
    world.hub.fromClient(phone.sid, saying('a'), first);
    const { again, phone: same, desk } = await next(world);
    again.hub.fromClient(same.sid, saying('a'), first, 'taken');
    const lost = order(again);
    again.hub.fromClient(same.sid, saying('b'), lost, 'taken'); // nothing of it was kept
    again.hub.online(core, true, true);
    await again.settled();
    again.pass(5000);
    await again.settled();
    assert.equal(await bodiesIn(again), ['a', 'b']);
    assert.equal(bodiesOf(desk.messages()), ['a', 'b']);
  }),
);

test(
  'what it had taken, and not kept or given to anybody, is given to all',
  inWorld(async (world) => {
    world.online();
    world.client('phone', { carbons: true }).available();
    world.client('desk', { carbons: true }).available();
    const { again, phone, desk } = await next(world);
    again.hub.fromClient(phone.sid, saying('a'), order(again), 'taken');
    again.hub.fromClient(phone.sid, saying('b'), order(again), 'taken');
    again.hub.fromClient(phone.sid, saying('c'), order(again));
    again.hub.online(core, true, true);
    await again.settled();
    again.pass(5000);
    await again.settled();
    assert.equal(await bodiesIn(again), ['a', 'b', 'c']);
    assert.equal(bodiesOf(desk.messages()), ['a', 'b', 'c']);
    assert.equal(phone.messages(), []);
  }),
);

test(
  'what it had not taken is taken as if it came now',
  inWorld(async (world) => {
    world.online();
    world.client('phone', { carbons: true }).available();
    world.client('desk', { carbons: true }).available();
    const { again, phone, desk } = await next(world);
    again.hub.fromClient(phone.sid, saying('a'), order(world), 'told');
    again.online(true);
    assert.equal(bodiesOf(desk.messages()), ['a']);
    assert.equal(await bodiesIn(again), ['a']);
  }),
);

for (const past of ['told', 'taken'] as const)
  test(
    `what has no id is known again by the one that it is given (${past})`,
    inWorld(async (world) => {
      world.online();
      const phone = world.client('phone', { carbons: true }).available();
      world.client('desk', { carbons: true }).available();
      const told: [Stanza, number][] = [nameless('a'), nameless('a'), nameless('b', 'alice@work.example/desk')].map(
        (stanza) => [stanza, order(world)],
      );
      for (const words of told) world.hub.fromClient(phone.sid, ...words);
      const { again, phone: same } = await next(world);
      for (const words of told) again.hub.fromClient(same.sid, ...words, past);
      again.hub.online(core, true, true);
      assert.equal(await bodiesIn(again), ['a', 'a', 'b']);
      const ids = (texts: string[]) =>
        texts.map((text) => /<origin-id[^>]* id="([^"]+)/.exec(text)?.[1]).filter(Boolean);
      assert.equal(ids(again.up), ids(world.up));
    }),
  );

test(
  'an id and words of old make it no repetition',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone', { carbons: true }).available();
    world.client('desk', { carbons: true }).available();
    world.hub.fromClient(phone.sid, saying('alarm'), order(world));
    world.acknowledge();
    world.now += 60_000;
    const { again, phone: same } = await next(world);
    for (const past of ['told', 'taken'] as const) {
      again.now += 60_000;
      again.hub.fromClient(same.sid, saying('alarm'), order(again), past);
    }
    assert.equal(await bodiesIn(again), ['alarm', 'alarm', 'alarm']);
  }),
);

test(
  'an app that came back meanwhile and says it once more is known to repeat itself',
  inWorld(async (world) => {
    world.online();
    world.client('phone', { carbons: true }).available();
    world.client('desk', { carbons: true }).available();
    const { again, phone } = await next(world);
    const back = again.client('phone', { presence: '<presence/>', carbons: true });
    for (const past of ['told', 'taken'] as const) again.hub.fromClient(phone.sid, saying(past), order(world), past);
    phone.leave();
    again.hub.fromClient(back.sid, saying('told'), order(again));
    again.hub.fromClient(back.sid, saying('taken'), order(again), 'told');
    again.hub.online(core, true, true);
    assert.equal(await bodiesIn(again), ['told', 'taken']);
    assert.equal(said(again), ['told', 'taken']);
  }),
);

test(
  'also where all of that was before: what it may repeat is known for as long as its session lasts',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone', { carbons: true }).available();
    world.client('desk', { carbons: true }).available();
    world.hub.fromClient(phone.sid, saying('a'), order(world));
    phone.leave();
    world.now += 10_000;
    world.client('phone', { carbons: true }).available();
    const { again, phone: back } = await next(world);
    again.acknowledge();
    again.hub.fromClient(back.sid, saying('a'), order(again), 'told');
    again.hub.fromClient(back.sid, saying('a'), order(again), 'taken');
    again.hub.fromClient(back.sid, saying('b'), order(again));
    again.hub.fromClient(back.sid, saying('b'), order(again));
    assert.equal(await bodiesIn(again), ['a', 'b', 'b'], 'what it says twice now is said twice');
  }),
);

test.run();
