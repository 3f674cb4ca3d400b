/** A clock that is set back an hour makes nobody wait an hour longer. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Up } from '../src/hub/context.ts';
import { Occupancy } from '../src/hub/occupancy.ts';
import { Tracker } from '../src/hub/tracker.ts';
import { account, inWorld, like } from './lib/hub.ts';

const hour = 3_600_000;

test('a room that we are out of is tried again', () => {
  let now = 10 * hour;
  const occupancy = new Occupancy({ online: () => true, send: () => true } as unknown as Up, () => now);
  occupancy.out();
  now -= hour;
  assert.is(occupancy.due(now), undefined);
  now += 1000;
  assert.is(occupancy.due(now), 'attempt');
});

test('a request to the server has its end', () => {
  const tracker = new Tracker(account, account);
  const answers: unknown[] = [];
  tracker.add({ to: undefined, since: 10 * hour, done: (response) => answers.push(response) });
  tracker.expire(9 * hour);
  tracker.expire(9 * hour + 5 * 60_000);
  assert.is(answers.length, 0);
  tracker.expire(9 * hour + 10 * 60_000);
  assert.equal(answers, [undefined]);
});

test(
  'so has one to a client',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available('<c xmlns="http://jabber.org/protocol/caps"/>');
    world.server(`<iq type="get" id="v" from="bob@home.example/x" to="${phone.address}"><query xmlns="urn:x"/></iq>`);
    const asked = (): string | undefined => world.up.find((text) => text.includes('id="v"'));
    world.now -= hour;
    world.hub.sweep();
    world.now += 10 * 60_000;
    world.hub.sweep();
    like(asked(), 'remote-server-timeout');
  }),
);

test.run();
