/** A hub dies before what it gave to apps is durable; the next one is told by the edge. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { account, inWorld, like } from './lib/hub.ts';

const message =
  '<message from="bob@home.example/desk" to="alice@work.example" type="chat" id="m1"><body>hi</body></message>';
const marked = (place: number, change = '') =>
  `<message from="bob@home.example/desk" to="alice@work.example" type="chat" id="m1"><body>hi</body><stanza-id xmlns="urn:xmpp:sid:0" by="${account}" id="x${place.toString(36)}"/>${change}</message>`;

test(
  'what apps have keeps its place, and is nothing new when the server sends it again',
  inWorld(async (world) => {
    const place = world.now * 1000 + 5;
    await world.hub.recall(marked(place), place);
    const phone = world.client('phone', { presence: '<presence/>', delivered: place });
    const laptop = world.client('laptop').available();
    world.online();
    world.server(message);
    assert.equal(phone.messages(), []);
    assert.equal(laptop.messages(), []);
    const { messages } = await world.store.messages.page(account, {}, 10);
    assert.equal(
      messages.map((one) => [one.place, one.id, one.body, one.peer, one.isSent]),
      [[place, 'm1', 'hi', 'bob@home.example', false]],
    );
    assert.not.ok(messages[0]!.text.includes('stanza-id'));
    world.server(message.replace('m1', 'm2'));
    const [next] = phone.messages();
    like(next, 'id="m2"');
    assert.ok(phone.place > place, 'later than what was recalled');
  }),
);

test(
  'who was behind when it was given to others gets it, in its order',
  inWorld(async (world) => {
    const place = world.now * 1000 + 5;
    world.now += 1000;
    const recalled = [place, place + 1].map((one) =>
      world.hub.recall(marked(one).replace('m1', `r${one - place}`), one),
    );
    const [behind, other] = ['phone', 'laptop'].map((name) =>
      world.client(name, { presence: '<presence/>', delivered: name === 'phone' ? place - 1 : place + 1 }),
    );
    world.online();
    world.server(message.replace('m1', 'm3'));
    await Promise.all(recalled);
    await world.settled();
    world.pass(10);
    await world.settled();
    const ids = (texts: string[]) => texts.map((text) => / id="(\w+)"/.exec(text)![1]);
    assert.equal(ids(behind!.messages()), ['r0', 'r1', 'm3']);
    assert.equal(ids(other!.messages()), ['m3']);
  }),
);

test(
  'what was durable is there once; a copy of ours is no message',
  inWorld(async (world) => {
    const phone = world.online().client('phone').available();
    world.server(message);
    const { place } = phone;
    const [text] = phone.messages();
    const next = await world.again();
    await next.hub.recall(text!, place);
    await next.hub.recall(message.replace('m1', 'copy'), place + 1);
    await next.hub.recall(marked(place + 2).replace('bob@home.example/desk', `${account}/x`), place + 2);
    const { messages } = await world.store.messages.page(account, {}, 10);
    assert.equal(
      messages.map((one) => one.place),
      [place],
    );
  }),
);

test.run();
