/** A hub in place of one that died: clients are as they were, and what it had not finished is. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { core, inWorld, like } from './lib/hub.ts';
import { inLives, restored } from './lib/lives.ts';

test(
  'a client that comes back with its unit is available as before, and nobody hears of it',
  inWorld((world) => {
    const phone = world.client('phone', restored);
    const laptop = world.client('laptop', { ...restored, presence: '<presence/>', carbons: true });
    assert.equal([...phone.take(), ...laptop.take()], []);
    world.online();
    world.server('<message from="bob@home.example/x" type="chat"><body>hello</body></message>');
    like(phone.take()[0], '<body>hello');
    like(laptop.take()[0], '<body>hello');
    phone.send('<message to="bob@home.example" type="chat"><body>hi</body></message>');
    like(laptop.take()[0], '<sent xmlns="urn:xmpp:carbons:2">', '<body>hi');
    laptop.send('<message to="bob@home.example" type="chat"><body>hey</body></message>');
    like(phone.take()[0], '<body>→ hey'); // it has had all the time to enable carbons
    phone.send('<presence type="unavailable"/>');
    like(laptop.take()[0], 'type="unavailable"', 'alice@work.example/phone');
  }),
);

test(
  'the server hears our presence, and who had directed presence hears it again',
  inWorld((world) => {
    world.client('phone', { ...restored, directed: ['eve@home.example/x'] });
    world.hub.online(core, false);
    like(
      world.up.find((text) => text.startsWith('<presence>')),
      '<show>dnd</show>',
      '<priority>3</priority>',
    );
    const directed = world.up.filter((text) => text.includes('to="eve@home.example/x"'));
    assert.is(directed.length, 1);
    like(directed[0], '<show>dnd</show>');
  }),
);

test(
  'events and requests for subscription that a client had seen are not shown again; new ones are',
  inLives(async (lives) => {
    const caps = '<c xmlns="http://jabber.org/protocol/caps" node="n" ver="v"/>';
    const tune = (title: string) =>
      `<message from="bob@home.example"><event xmlns="http://jabber.org/protocol/pubsub#event"><items node="tune"><item id="1"><tune>${title}</tune></item></items></event></message>`;
    const { world: first } = await lives.next({});
    first.online();
    first.server(tune('old'));
    first.server('<presence from="eve@home.example" type="subscribe"/>');
    first.hub.close();

    const { world: second, phone } = await lives.next({ ...restored, presence: `<presence>${caps}</presence>` });
    const asked = phone.take();
    assert.is(asked.length, 1, String(asked));
    const id = /id="([^"]+)"/.exec(asked[0]!)![1];
    phone.send(
      `<iq type="result" id="${id}" to="alice@work.example"><query xmlns="http://jabber.org/protocol/disco#info"><feature var="tune+notify"/></query></iq>`,
    );
    assert.equal(phone.take(), []);
    second.online();
    second.server(tune('old')); // the server repeats it for a new session
    assert.equal(phone.take(), []);
    second.server(tune('new'));
    like(phone.take()[0], '<tune>new</tune>');
  }),
);

test(
  'a hub that inherits the session asks who is there',
  inLives(async (lives) => {
    const { world } = await lives.next({});
    world.hub.online(core, false);
    const items = ['both', 'to', 'from'].map((how) => `<item jid="${how}@home.example" subscription="${how}"/>`);
    world.answer(/jabber:iq:roster/, `<query xmlns="jabber:iq:roster">${items.join('')}</query>`);
    assert.not.ok(
      world.up.some((text) => text.includes('probe')),
      'a new session is told by the server',
    );
    world.hub.close();
    const { world: next } = await lives.next({});
    next.hub.online(core, true, true);
    const probes = next.up.filter((text) => text.includes('type="probe"')).map((text) => /to="(\w+)@/.exec(text)![1]);
    assert.equal(probes.sort(), ['both', 'to']);
    next.archived();
    next.up.splice(0);
    next.hub.offline();
    next.hub.online(core, true, false);
    assert.equal(next.up, []);
  }),
);

/** Timers of that length run when the test says so. */
async function withTimers(milliseconds: number, run: (elapse: () => void) => Promise<void>): Promise<void> {
  const real = globalThis.setTimeout;
  const due: (() => void)[] = [];
  const fake = (work: () => void, after: number) => {
    if (after !== milliseconds) return real(work, after);
    due.push(work);
    return real(() => {}, 0);
  };
  globalThis.setTimeout = fake as typeof setTimeout;
  try {
    await run(() => {
      for (const work of due.splice(0)) work();
    });
  } finally {
    globalThis.setTimeout = real;
  }
}

test('contacts that went while nobody looked are not shown for ever', () =>
  withTimers(15_000, (elapse) =>
    inWorld((world) => {
      const phone = world.client('phone', restored);
      world.hub.online(core, false);
      const item = (name: string, subscription: string) =>
        `<item jid="${name}@home.example" subscription="${subscription}"/>`;
      const items = item('bob', 'both') + item('eve', 'to') + item('carl', 'from');
      world.answer(/jabber:iq:roster/, `<query xmlns="jabber:iq:roster">${items}</query>`);
      world.server('<presence from="bob@home.example/x"/>');
      phone.take();
      elapse();
      assert.equal(phone.take(), [
        '<presence to="alice@work.example/phone" from="eve@home.example" type="unavailable"/>',
      ]);
    })(),
  ));

test.run();
