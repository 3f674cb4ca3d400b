/** Which messages are one, and which are two. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { alias, archived, bodiesIn, bodiesOf, carbon, chat } from './lib/archived.ts';
import { core, inWorld } from './lib/hub.ts';

const sending = (id: string, body = id, to = 'bob@home.example') =>
  `<message to="${to}" type="chat" id="${id}"><body>${body}</body></message>`;

test(
  'a message that comes by two ways, or again on another stream, is one',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const once = () => assert.is(phone.messages().length, 1);
    world.server(chat('a'));
    world.server(carbon('received', chat('a')));
    once();
    world.server(carbon('received', chat('b')));
    world.server(chat('b'));
    once();
    world.server(chat('c', { inside: alias('s-c') }));
    world.hub.offline();
    world.now += 3600_000;
    world.online(true);
    world.server(chat('c', { id: '', inside: alias('s-c') }));
    once();
    world.server(chat('d'));
    world.online(true);
    world.server(chat('d'));
    once();
    assert.equal(await bodiesIn(world), ['a', 'b', 'c', 'd']);
  }),
);

test(
  'what a server that fell had archived is one when its sender says it again minutes later',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(chat('a', { inside: alias('s-1') }));
    for (const name of ['s-2', 's-3']) world.server(chat('alarm', { inside: alias(name) }));
    world.hub.offline();
    world.online();
    world.now += 5 * 60_000;
    world.server(chat('a', { inside: alias('s-4') }));
    world.server(chat('alarm', { inside: alias('s-5') }));
    assert.equal(bodiesOf(phone.messages()), ['a', 'alarm', 'alarm', 'alarm']);
    world.now += 6 * 60_000;
    world.server(chat('a', { inside: alias('s-6') }));
    assert.equal(await bodiesIn(world), ['a', 'alarm', 'alarm', 'alarm', 'a']);
  }),
);

test(
  'after a restart the last ones are known again',
  inWorld(async (world) => {
    world.online();
    world.server(chat('a', { inside: alias('s-a') }));
    world.server(chat('b', { inside: `<origin-id xmlns="${NS.sid}" id="o-b"/>` }));
    await world.settled();
    const again = await world.again();
    const phone = again.client('phone').available();
    again.online();
    again.server(chat('a', { id: '', inside: alias('s-a') }));
    again.server(
      chat('b', { inside: `<delay xmlns="${NS.delay}" stamp="2026-01-02T03:04:07Z" from="work.example"/>` }),
    );
    assert.equal(phone.messages(), []);
    again.server(chat('c'));
    assert.equal(await bodiesIn(again), ['a', 'b', 'c']);
  }),
);

test(
  'also when much was said since',
  inWorld(async (world) => {
    world.online();
    world.server(chat('first', { inside: alias('s-0') }));
    for (let number = 1; number <= 300; number++) {
      world.now += 100;
      world.server(chat(`m${number}`, { inside: alias(`s-${number}`) }));
    }
    await world.settled();
    const again = await world.again();
    again.now = world.now;
    again.online();
    again.server(chat('first', { inside: alias('s-0') }));
    assert.is((await bodiesIn(again)).filter((body) => body === 'first').length, 1);
  }),
);

test(
  'equal ids alone do not make a message a repetition',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(chat('21 degrees', { id: '1' }));
    world.server(chat('21 degrees', { id: '1' }));
    world.server(chat('22 degrees', { id: '1' }));
    world.server(chat('22 degrees', { id: '1', from: 'eve@home.example/x' }));
    world.online(true);
    world.server(chat('23 degrees', { id: '1' }));
    world.server(carbon('received', chat('24 degrees', { id: '1' })));
    world.now += 3600_000;
    world.server(chat('22 degrees', { id: '1' }));
    world.server(chat('x', { id: '2', inside: alias('s-1') }));
    world.server(chat('x', { id: '2', inside: alias('s-2') }));
    assert.is(phone.messages().length, 9);
    assert.is((await archived(world)).length, 9);
  }),
);

test(
  'what an app sends again after its stream broke is taken, and goes nowhere',
  inWorld(async (world) => {
    world.online();
    const desk = world.client('desk', { carbons: true }).available();
    const phone = world.client('phone').available();
    phone.send(sending('a'));
    phone.send(sending('b'));
    phone.leave();
    desk.take();
    world.up.splice(0);
    const back = world.client('phone').available();
    back.send(
      sending('b').replace('</message>', `<delay xmlns="${NS.delay}" stamp="2026-01-02T03:04:05Z"/></message>`),
    );
    assert.equal([...world.up, ...desk.messages()], []);
    back.send(sending('b', 'other words'));
    back.send(sending('b', 'b', 'eve@home.example'));
    back.send(sending('c'));
    back.send(sending('c'));
    assert.is(world.up.length, 4);
    await world.settled();
    const again = await world.again();
    again.online();
    const third = again.client('phone').available();
    third.send(sending('c'));
    assert.equal(again.up, [], 'also after a restart');
    third.leave(true);
    const last = again.client('phone').available();
    last.send(sending('c'));
    assert.is(again.up.length, 1, 'whoever said goodbye knows what was taken');
  }),
);

test(
  'a message without any id gets one, by which it is found again',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send('<message to="bob@home.example" type="chat"><body>x</body></message>');
    const id = /<origin-id xmlns="urn:xmpp:sid:0" id="([^"]+)"/.exec(world.up[0]!)![1];
    assert.is((await archived(world))[0]!.originId, id);
  }),
);

test(
  'a clock that is set back makes no repetitions of what is not',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone', { carbons: true }).available();
    world.server(chat('alarm', { inside: alias('s1') }));
    world.server(chat('plain'));
    world.hub.online(core, true);
    phone.take();
    world.now -= 3_600_000;
    world.pass(120_000);
    world.server(chat('alarm', { inside: alias('s2') }));
    world.server(chat('plain'));
    assert.equal(bodiesOf(phone.messages()), ['alarm', 'plain']);
  }),
);

test.run();
