/** What of a room’s past a client is told on entering (XEP-0045 §7.2.13, §7.2.14). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { core, inWorld } from './lib/hub.ts';
import { enter, inShort, joining, occupant, said, subject } from './lib/room.ts';

const history = (attrs: string): string => `<history ${attrs}/>`;

test(
  'history as the client asks for it: maxstanzas, maxchars, seconds, since, and all of them together',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone, 'alice', { others: [] });
    const start = world.now;
    for (let number = 1; number <= 5; number++) {
      world.now = start + number * 60_000; // 03:05:05 to 03:09:05
      world.server(said('bob', `m${number}`));
    }
    const asks = (attrs: string | undefined): string[] => {
      phone.take();
      phone.send(joining('alice', attrs === undefined ? '' : history(attrs)));
      return inShort(phone.take())
        .slice(1, -1)
        .map((text) => text.replace('bob: ', ''));
    };
    assert.equal(asks(undefined), ['m1', 'm2', 'm3', 'm4', 'm5']);
    assert.equal(asks('maxstanzas="2"'), ['m4', 'm5']);
    assert.equal(asks('maxstanzas="0"'), []);
    assert.equal(asks('maxchars="0"'), []);
    assert.equal(asks('seconds="60"'), ['m4', 'm5']);
    assert.equal(asks('since="2026-01-02T03:07:00Z"'), ['m3', 'm4', 'm5']);
    assert.equal(asks('since="2026-01-02T03:07:00Z" maxstanzas="1"'), ['m5']);
    assert.equal(asks('maxstanzas="many" since="yesterday"'), ['m1', 'm2', 'm3', 'm4', 'm5']);
    phone.take();
    phone.send(joining('alice'));
    const [one] = phone.take().filter((text) => text.includes('m5'));
    assert.equal(asks(`maxchars="${one!.length}"`), ['m5'], 'whole stanzas are counted');
    assert.equal(asks(`maxchars="${one!.length - 1}"`), []);
  }),
);

test(
  'an occupant who dates words at will hides nothing, now or on our return',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone, 'alice', { others: [] });
    for (const stamp of ['-271821-04-20T00:00:00Z', '+275760-09-13T00:00:00Z']) {
      world.server(said('bob', 'plain'));
      world.server(said('eve', 'odd', { inside: `<delay xmlns="${NS.delay}" stamp="${stamp}"/>` }));
      world.hub.offline();
      world.up.splice(0);
      world.hub.online(core, false);
      const asked = world.up.find((text) => text.includes('<history'));
      assert.match(asked ?? 'not entered again', /since="(1969-12-31T23:59|2026-01-02T03:03):[0-9]{2}Z"/);
      world.server(occupant('alice', { codes: [110] }));
      world.server(subject());
    }
  }),
);

test(
  'the history is the last 50 messages, and no more than so many characters',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone, 'alice', { others: [] });
    for (let number = 0; number < 60; number++) world.server(said('bob', `m${number}`));
    const told = () => {
      phone.take();
      phone.send(joining('alice'));
      return inShort(phone.take()).slice(1, -1);
    };
    assert.is(told().length, 50);
    assert.is(told()[0], 'bob: m10');
    world.server(said('bob', 'x'.repeat(200_000), { id: 'big' }));
    world.server(said('bob', 'y'.repeat(200_000), { id: 'bigger' }));
    assert.is(told().length, 1);
    world.server(said('bob', 'z'.repeat(300_000), { id: 'huge' }));
    assert.is(told().length, 1, 'what is too large alone is not kept');
    world.server(said('bob', '', { id: 'state', inside: `<composing xmlns="${NS.chatStates}"/>` }));
    assert.is(told().length, 1, 'no history: nothing to read');
  }),
);

test.run();
