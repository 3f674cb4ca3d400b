/** Clients that another hub had before, or that take only some messages: who has what. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { bodiesOf, chat, known } from './lib/archived.ts';
import { account, inWorld } from './lib/hub.ts';

test(
  'a client that its unit had before goes on where it was',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world);
    world.server(chat('given'));
    const delivered = phone.place;
    world.server(chat('on its way')); // the unit dies
    const again = await world.again();
    again.online();
    const back = again.client('phone', { presence: '<presence/>', delivered });
    again.server(chat('new'));
    await again.settled();
    assert.equal(bodiesOf(back.messages()), ['on its way', 'new']);
    const all = again.client('tablet', { presence: '<presence/>', delivered: back.place });
    await again.settled();
    assert.equal(all.messages(), []);
  }),
);

test(
  'a client that ends at once leaves nothing behind',
  inWorld(async (world) => {
    world.online();
    world.server(chat('kept'));
    world.client('phone', { presence: '<presence/>' }).leave();
    const desk = world.client('desk').available();
    world.pass(10_000);
    await world.settled();
    assert.equal(bodiesOf(desk.messages()), ['kept']);
  }),
);

test(
  'who has a message to the full address only need not have had those before it',
  inWorld(async (world) => {
    world.online();
    const shy = world.client('shy').available('<priority>-1</priority>');
    world.server(chat('bare', { to: account }));
    world.server(chat('full'));
    shy.acknowledge();
    const desk = world.client('desk').available();
    world.pass(10_000);
    await world.settled();
    assert.equal(bodiesOf(desk.messages()), ['bare', 'full']);
  }),
);

test(
  'what a unit before this one had shown and not kept is not shown again to who has it and is given what it missed',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone', { presence: '<presence/>', delivered: 1 });
    const desk = world.client('desk', { presence: '<presence/>', delivered: 1, carbons: true });
    world.server(chat('missed'));
    phone.leave();
    desk.leave();
    const order = 100_000;
    const [first, second, behind] = ['phone', 'desk', 'pad'].map((name) =>
      world.client(name, { presence: '<presence/>', delivered: name === 'pad' ? 1 : order, carbons: true }),
    );
    const sent = '<message to="bob@home.example" type="chat" id="s1"><body>mine</body></message>';
    world.hub.fromClient(first!.sid, Stanza.of(parseElement(sent)), order, 'taken');
    await world.settled();
    assert.equal(bodiesOf(second!.messages()), ['missed']);
    assert.equal(bodiesOf(behind!.messages()), ['missed', 'mine']);
  }),
);

test(
  'while the archive cannot be read nothing is passed over',
  inWorld(async (world) => {
    world.online();
    const phone = await known(world);
    phone.leave();
    world.server(chat('missed'));
    const { messages } = world.store;
    const page = messages.page.bind(messages);
    messages.page = () => Promise.reject(new Error('the disk is full'));
    const back = world.client('phone').available();
    world.server(chat('meanwhile'));
    await world.settled();
    assert.equal(back.messages(), []);
    assert.equal(world.warnings, ['replay failed, and is tried again']);
    messages.page = page;
    world.pass(2000);
    await world.settled();
    assert.equal(bodiesOf(back.messages()), ['missed', 'meanwhile']);
  }),
);

test(
  'the very first message, which a unit before this one had taken and given to nobody, is given',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const delivered = phone.facts.delivered ?? 0;
    world.server(chat('first'));
    await world.store.settled();
    await world.store.remove(account, 'cursor'); // it died before that was durable
    const again = await world.again();
    const back = again.client('phone', { presence: '<presence/>', delivered });
    await again.settled();
    assert.equal(bodiesOf(back.messages()), ['first']);
  }),
);

test.run();
