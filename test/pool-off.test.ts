/** Units that cannot live: they die again and again, or cannot be opened after their worker's death. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LastingUnit } from '../src/pool/lasting.ts';
import { UnopenedError } from '../src/pool/standin.ts';
import { type Crowd, factsOf, inCrowd, saying, stanza } from './lib/crowd.ts';

/** Whatever it is told, it dies of it once the test has asked for the last time. */
async function killed(crowd: Crowd, unit: LastingUnit, sid: number, times: number): Promise<void> {
  for (let count = 0; count < times; count++) {
    const [begin, died] = [crowd.told.length, crowd.workers.restarts];
    crowd.says(unit, sid, saying('throw', `${count}`));
    await crowd.deaths(died + 1);
    if (count < times - 1) await crowd.hears(sid, /^attach/, begin);
  }
}

test(
  'a unit at three deaths within a minute is kept apart; if that does not help it is off, and only it',
  inCrowd(1, async (crowd) => {
    const mallory = await crowd.person('mallory', 1);
    await crowd.person('alice', 2);
    await killed(crowd, mallory, 1, 3);
    const threadOf = async (sid: number) => {
      const attached = () => crowd.told.filter((told) => told.sid === sid && told.what.startsWith('attach'));
      await crowd.until('it lives a fourth time', () => attached().length === 4);
      return attached().at(-1)!.thread;
    };
    const [apart, other] = [await threadOf(1), await threadOf(2)];
    assert.is.not(apart, other);
    const begin = crowd.told.length;
    crowd.says(mallory, 1, stanza('<iq type="get" id="silent"><a/></iq>'));
    await killed(crowd, mallory, 1, 1);
    await crowd.until('it is off', () => crowd.off.length > 0);
    assert.match(crowd.off[0]!, /^mallory: .*thrown in a worker/);
    assert.equal(crowd.said(2, begin), [], 'nobody else noticed');
    assert.equal(
      crowd.states.map(({ jid, status, failure }) => [jid, status, failure?.kind]),
      [['mallory@work.example', 'stopped', 'crash']],
    );
    assert.match(crowd.answers.at(-1)!, /id="silent">.*<service-unavailable/, 'its open request is answered');

    crowd.says(mallory, 1, saying('hello?'));
    assert.match(crowd.answers.at(-1)!, /type="error" id="hello\?">.*<service-unavailable/);
    crowd.says(mallory, 1, stanza('<presence><show>away</show></presence>'));
    assert.equal(crowd.facts.at(-1), [1, { presence: '<presence><show>away</show></presence>' }]);
    assert.equal(
      (await mallory.ask('status', null)).map(({ status, clients }) => [status, clients]),
      [['stopped', 1]],
    );
    const refused = await mallory.ask('forget', { account: 'a@b' as never }).catch((error: Error) => error.message);
    assert.match(String(refused), 'thrown in a worker');
    assert.is(crowd.workers.restarts, 4);

    await mallory.ask('configure', { settings: { user: 'mallory', accounts: [] } as never });
    crowd.says(mallory, 1, saying('well again'));
    await crowd.hears(1, 'stanza message well again');
  }),
);

test(
  'a unit whose worker died and that cannot be opened now is tried again, and has its sessions then',
  inCrowd(1, async (crowd) => {
    const shut = await crowd.person('shut', 1);
    crowd.gate[1] = 1;
    crowd.says(shut, 1, saying('exit'));
    await crowd.until('it was tried twice', () => crowd.unopened.length > 1);
    assert.match(crowd.unopened[0]!, 'shut: What serves shut cannot start:\nthe disk is full');
    assert.equal(
      crowd.states.map(({ status, failure }) => [status, failure?.kind]),
      [['waiting', 'unopened']],
      'that is said once',
    );
    const asked = await shut.ask('forget', { account: 'a@b' as never }).catch((error: Error) => error);
    assert.instance(asked, UnopenedError, 'words for who asks root');
    const begin = crowd.told.length;
    crowd.gate[1] = 0;
    await crowd.hears(1, /^attach/, begin);
    crowd.says(shut, 1, saying('well again'));
    await crowd.hears(1, 'stanza message well again');
    assert.equal(crowd.off, []);

    const [tries, died] = [crowd.unopened.length, crowd.workers.restarts];
    crowd.gate[1] = 1;
    crowd.says(shut, 1, saying('exit', 'exit-again'));
    await crowd.deaths(died + 1);
    await crowd.until('it is tried again', () => crowd.unopened.length > tries);
    await shut.ask('stop', { within: 0 } as never);
  }),
);

test(
  'a unit that dies as it starts is off before anybody has it',
  inCrowd(1, async (crowd) => {
    await crowd.person('alice', 1);
    const deadly = await crowd.open('deadly');
    assert.match(crowd.off[0]!, /^deadly: .*exit code 4/);
    deadly.attach(2, factsOf('deadly'));
    crowd.says(deadly, 2, stanza('<iq type="get" id="roster"><a/></iq>'));
    assert.match(crowd.answers.at(-1)!, /^2 .*id="roster">.*<service-unavailable/);
  }),
);

test.run();
