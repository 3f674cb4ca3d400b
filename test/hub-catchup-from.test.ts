/** From where on the server's archive is asked for what was missed, whatever became of the messages here. */
import { test } from 'uvu';
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

test.run();
