/** How far down the server's archive is read for apps: to an id that only it knows, and never to what was deleted here. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BareJid } from '../src/wire/jid.ts';
import { NS } from '../src/wire/ns.ts';
import { bob, bodiesIn, page, query, set } from './lib/archive.ts';
import { account, core, inWorld, like } from './lib/hub.ts';
import { ask, back, hasTimedOut, isComplete, newcomer, numbers, Past } from './lib/past.ts';

test(
  'what was deleted here is not fetched again, nor what was said before with whom was forgotten',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 130);
    await ask(world, phone, past, set('<max>40</max><before/>'));
    world.hub.forgetting(bob as BareJid);
    await world.store.messages.forget(account, { peer: bob });
    const eves = numbers(0, 130).filter((_, index) => index % 5 === 4);
    const again = await world.again();
    again.hub.online(core, false);
    const next = new Past(again, 130);
    next.answer();
    const tablet = again.client('tablet').available();
    const few = await ask(again, tablet, next, set('<max>12</max><before/>'));
    assert.equal(bodiesIn(few), eves.slice(-12));
    again.hub.forgetting(null);
    await again.store.messages.forget(account, {});
    const none = await ask(again, tablet, next, set('<max>12</max><before/>'));
    assert.equal([bodiesIn(none), isComplete(none)], [[], true]);
    const gone = await ask(again, tablet, next, set('<after>s-3</after>'));
    assert.ok(gone.answer.getChild('error')!.getChild('item-not-found', NS.stanzas));
  }),
);

test(
  'nothing is older than what was too old or too much',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 130);
    const latest = await ask(world, phone, past, set('<max>40</max><before/>'));
    await world.store.messages.forget(account, { end: past.messages[99]!.at });
    world.hub.trimmed();
    const told = await ask(world, phone, past, set('<max>40</max><before/>'));
    assert.equal(bodiesIn(told), bodiesIn(latest).slice(10));
    assert.is(isComplete(told), true);
  }),
);

test(
  'a server that does not know our oldest any more is asked by its date',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 130);
    assert.equal(bodiesIn(await ask(world, phone, past, set('<max>50</max><before/>'))), numbers(80, 130));
    past.messages.splice(79, 2);
    assert.equal(await back(world, phone, past), [...numbers(0, 79), ...numbers(80, 130)]);
    assert.is(await world.store.messages.count(account, {}), 129);
  }),
);

test(
  'the archive begins where the server’s does',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 130);
    const describe = async (): Promise<string> => {
      const each = (): void => {
        past.answer();
        world.pass(10);
      };
      const text = `<metadata xmlns="${NS.mam}"/>`;
      return `${(await query(world, phone, { text, type: 'get', each })).answer.getChild('metadata', NS.mam)}`;
    };
    like(await describe(), `<start id="s-0" timestamp="${past.dateOf(0)}"/></metadata>`);
    await ask(world, phone, past);
    like(await describe(), /<start id="x\w+" timestamp/, '<end id="x');
  }),
);

test(
  'from an id that only the server knows an app goes on without a hole, after a restart too',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 130);
    const next = await ask(world, phone, past, set('<max>20</max><after>s-9</after>'));
    assert.equal([bodiesIn(next), isComplete(next)], [numbers(10, 30), false]);
    const again = await world.again();
    again.hub.online(core, false);
    const later = new Past(again, 130);
    later.answer();
    const tablet = again.client('tablet').available();
    const all: string[] = [];
    for (let after = 's-4', more = true; more; ) {
      const told = await ask(again, tablet, later, set(`<max>50</max><after>${after}</after>`));
      all.push(...bodiesIn(told));
      after = page(told).getChildText('last')!;
      more = !isComplete(told);
    }
    assert.equal(all, numbers(5, 130));
    const before = await ask(again, tablet, later, set('<max>20</max><before>s-4</before>'));
    assert.equal([bodiesIn(before), isComplete(before)], [numbers(0, 4), true]);
  }),
);

test(
  'a server that tells whole seconds: many messages of one date, over several pages',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 130);
    for (const message of past.messages) message.at = past.messages[0]!.at;
    const told = await ask(world, phone, past, set('<max>20</max><after>s-9</after>'));
    assert.equal([bodiesIn(told), isComplete(told)], [numbers(10, 30), false]);
    assert.equal(await back(world, phone, past), numbers(0, 130));
  }),
);

test(
  'an id that nobody knows is unknown; one that the server may know is asked for again',
  inWorld(async (world) => {
    const { past, phone } = await newcomer(world, 130);
    const nobodys = await ask(world, phone, past, set('<after>s-none</after>'));
    assert.ok(nobodys.answer.getChild('error')!.getChild('item-not-found', NS.stanzas));
    past.isSilent = true;
    assert.ok(hasTimedOut(await ask(world, phone, past, set('<after>s-9</after>'))));
    past.isSilent = false;
    past.size = 1;
    world.pass(30_000);
    assert.ok(hasTimedOut(await ask(world, phone, past, set('<after>s-9</after>'))), 'it is far down');
    assert.equal(bodiesIn(await ask(world, phone, past, set('<after>s-9</after>'))), numbers(10, 60));
  }),
);

test.run();
