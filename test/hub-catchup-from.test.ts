/** From where on the server's archive is asked for what was missed, whatever became of the messages here. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { account, core, inWorld, like } from './lib/hub.ts';

const bob = 'bob@home.example/desk';

const live = (name: string) =>
  `<message from="${bob}" to="${account}" type="chat" id="${name}"><body>${name}</body>` +
  `<stanza-id xmlns="urn:xmpp:sid:0" by="${account}" id="s-${name}"/></message>`;

test(
  'what was deleted here does not come back from the server, after a restart either',
  inWorld(async (world) => {
    world.online();
    world.client('phone', { carbons: true }).available();
    for (const name of ['a', 'b']) world.server(live(name));
    world.hub.forgetting(null);
    await world.store.messages.forget(account, {});
    const again = await world.again();
    again.hub.online(core, false);
    like(again.archived(), '<after>s-b</after>');
  }),
);

test(
  'messages that wait for a server that is away, and the talk of rooms, hide nothing of what it keeps',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(live('known'));
    world.hub.offline();
    for (let at = 0; at < 160; at++) {
      world.now += 60_000;
      phone.send(`<message to="bob@home.example" type="chat" id="w${at}"><body>${at}</body></message>`);
    }
    const again = await world.again();
    again.now = world.now;
    again.hub.online(core, false);
    like(again.archived(), '<after>s-known</after>');
  }),
);

test(
  'what an earlier version did not write down: what was sent says nothing of what came',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const began = world.now;
    world.server(`<message from="${bob}" to="${account}" type="chat" id="plain"><body>plain</body></message>`);
    world.hub.offline();
    world.now += 3_600_000;
    phone.send('<message to="bob@home.example" type="chat" id="waits"><body>waits</body></message>');
    const again = await world.again();
    again.now = world.now;
    again.hub.online(core, false);
    like(again.archived(), `<value>${new Date(began - 600_000).toISOString()}</value>`);
  }),
);

test(
  'more than can wait meanwhile is fetched when the rest is here, in order and once',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone', { carbons: true }).available();
    world.server(live('known'));
    world.hub.offline();
    world.hub.online(core, false);
    phone.take();
    const long = 'x'.repeat(1 << 20);
    const names = Array.from({ length: 20 }, (_, at) => `m${at}`);
    for (const name of names) world.server(live(name).replace('<body>', `<subject>${long}</subject><body>`));
    world.archived();
    await world.settled();
    assert.equal(phone.take(), [], 'there is more');
    const page = names.map((name) => ({
      ...{ id: `s-${name}`, at: world.now },
      text: live(name).replace('<message ', '<message xmlns="jabber:client" '),
    }));
    like(world.archived(page), '<after>s-known</after>');
    await world.settled();
    assert.equal(
      phone.messages().map((text) => /<body>(\w+)/.exec(text)?.[1]),
      names,
    );
  }),
);

test(
  'nobody speaks as root from the server’s archive',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(live('known'));
    world.hub.offline();
    world.hub.online(core, false);
    phone.take();
    const from = (who: string, name: string) => ({
      ...{ id: `s-${name}`, at: world.now },
      text: `<message xmlns="jabber:client" from="${who}" to="${account}" type="chat" id="${name}"><body>${name}</body></message>`,
    });
    world.archived([from('Root@proxy.example', 'forged'), from(bob, 'true')]);
    await world.settled();
    const got = phone.messages();
    assert.is(got.length, 1);
    like(got[0], '<body>true</body>');
  }),
);

test.run();
