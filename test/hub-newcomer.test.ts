/** The first login of an account: what it missed, and what it brings along. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { account, core, inWorld, like, type TestClient, type World } from './lib/hub.ts';

const at = Date.UTC(2026, 0, 2, 4);
const bob = 'bob@home.example/desk';

const live = (name: string) =>
  `<message from="${bob}" to="${account}" type="chat" id="${name}"><body>${name}</body>` +
  `<stanza-id xmlns="urn:xmpp:sid:0" by="${account}" id="s-${name}"/></message>`;
const kept = (name: string) => ({
  id: `s-${name}`,
  at,
  text: `<message xmlns="jabber:client" from="${bob}" to="${account}" type="chat" id="${name}"><body>${name}</body></message>`,
});

const bodies = (client: TestClient): string[] =>
  client.messages().map((text) => /<body>(.*?)<\/body>/.exec(text)?.[1] ?? text);

/** Rows of the archive, as `body alias`. */
const archive = async ({ store }: World): Promise<string[]> =>
  (await store.messages.page(account, {}, 100)).messages.map(({ body, alias }) => `${body} ${alias}`);

test(
  'the first login: what came since the account did was missed, whichever way it comes; what is older was not',
  inWorld(async (world) => {
    const came = world.now;
    world.pass(3000);
    const phone = world.client('phone').available();
    world.hub.online(core, false);
    const delay = '<delay xmlns="urn:xmpp:delay" from="work.example" stamp="2026-01-02T03:04:04Z"/>';
    world.server(
      live('offline')
        .replace(/<stanza-id[^>]*>/, '')
        .replace('</message>', `${delay}</message>`),
    );
    world.server(live('both'));
    const at = came + 1000;
    const asked = world.archived(['lost', 'offline', 'both'].map((name) => ({ ...kept(name), at })));
    like(asked, `<field var="start"><value>${new Date(came).toISOString()}</value></field>`);
    await world.settled();
    assert.equal(bodies(phone), ['lost', 'offline', 'both']);
    assert.equal(await archive(world), ['lost s-lost', 'offline s-offline', 'both s-both']);
  }),
);

test(
  'the first login: a stream that breaks before the server has said what was missed',
  inWorld(async (world) => {
    const came = world.now;
    const phone = world.client('phone').available();
    world.hub.online(core, false);
    world.pass(20_000);
    world.hub.offline();
    world.hub.online(core, false);
    like(world.archived([{ ...kept('lost'), at: came }]), `<value>${new Date(came).toISOString()}</value>`);
    await world.settled();
    assert.equal(bodies(phone), ['lost']);
  }),
);

test(
  'the first login at a server without an archive',
  inWorld(async (world) => {
    const phone = world.client('phone').available();
    world.hub.online(core, false);
    world.server(live('a'));
    assert.equal(bodies(phone), []);
    world.archived('service-unavailable');
    assert.equal([bodies(phone), world.told], [['a'], []]);
  }),
);

test(
  'a new account brings its last days along, newest first in its requests, oldest first in the archive',
  inWorld(
    async (world) => {
      const day = 86_400_000;
      const past = (name: string, days: number) => ({ ...kept(name), at: world.now - days * day });
      world.hub.online(core, false);
      world.archived(); // nothing was missed
      const phone = world.client('phone').available();
      world.server(live('now'));
      await world.settled();
      like(world.archived([past('c', 3), past('d', 2), kept('now')], false), '<before></before>');
      await world.settled();
      world.pass(100);
      await world.settled();
      like(world.archived([past('a', 9), past('b', 4)], false), '<before>s-c</before>');
      await world.settled();
      world.pass(100);
      await world.settled();
      assert.is(world.archived(), undefined, 'nothing older than a week is asked for');
      assert.equal(await archive(world), ['b s-b', 'c s-c', 'd s-d', 'now s-now']);
      assert.equal(bodies(phone), ['now']);
    },
    { backfillDays: 7 },
  ),
);

test.run();
