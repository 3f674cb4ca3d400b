/** Units outlive the workers they live in. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { factsOf, inCrowd, saying, stanza } from './lib/crowd.ts';

test(
  'a new unit goes where there is least to do: accounts, and stanzas of late',
  inCrowd(2, async (crowd) => {
    const threadOf = async (user: string, sid: number) => {
      const unit = await crowd.person(user, sid);
      return { unit, thread: (await crowd.hears(sid, /^attach/)).thread };
    };
    const a = await threadOf('a', 1);
    const b = await threadOf('b', 2);
    assert.is.not(b.thread, a.thread);
    for (let count = 0; count < 5; count++) crowd.says(b.unit, 2, saying(`${count}`));
    await crowd.hears(2, 'stanza message 4');
    for (const [user, sid] of [
      ['c', 3],
      ['d', 4],
    ] as const)
      assert.is((await threadOf(user, sid)).thread, a.thread);
    for (let count = 0; count < 10; count++) await b.unit.ask('status', null);
    assert.is(crowd.threads.length, 2);
  }),
);

for (const way of ['throw', 'exit', 'memory'])
  test(
    `a worker that dies (${way}) takes no other with it; its units are told all that lasts`,
    inCrowd(2, async (crowd) => {
      const facts = factsOf('alice', { carbons: true });
      const alice = await crowd.person('alice', 1, facts);
      const bob = await crowd.person('bob', 2);
      facts.presence = '<presence/>'; // the edge keeps it up to date
      const [before, begin] = [crowd.told.at(0)!.thread, crowd.told.length];
      crowd.says(alice, 1, saying(way));
      crowd.says(alice, 1, saying('after'));
      await crowd.hears(1, /^(stanza|told) message after/);
      const attached = await crowd.hears(1, /^attach/, begin);
      assert.is.not(attached.thread, before);
      assert.equal(JSON.parse(attached.what.slice('attach '.length)), JSON.parse(JSON.stringify(facts)));
      crowd.says(bob, 2, saying('fine'));
      await crowd.hears(2, 'stanza message fine');
      assert.equal(crowd.said(2, begin), ['stanza message fine'], 'nobody else noticed');
    }),
  );

test(
  'what was not safe is told again, what was is not; what comes meanwhile waits behind it',
  inCrowd(1, async (crowd) => {
    const alice = await crowd.person('alice', 1);
    crowd.says(alice, 1, saying('safe'));
    crowd.says(alice, 1, saying('risky', 'risky', 'unsafe@example'));
    crowd.says(alice, 1, stanza('<presence id="there"/>'));
    await crowd.hears(1, 'stanza presence there');
    await alice.ask('status', null); // its report of all that has come
    const begin = crowd.told.length;
    crowd.gate[0] = 1;
    crowd.says(alice, 1, saying('stand')); // never done: the worker stands still over it
    crowd.says(alice, 1, saying('late'));
    void crowd.threads[0]!.terminate();
    await crowd.deaths(1);
    crowd.gate[0] = 0;
    crowd.says(alice, 1, saying('later'));
    await crowd.hears(1, 'stanza message later');
    assert.equal(crowd.said(1, begin).slice(1), [
      'taken message risky',
      'told message stand',
      'told message late',
      'stanza message later',
    ]);
  }),
);

test(
  'every open request gets one answer: queries are asked again, changes are refused',
  inCrowd(1, async (crowd) => {
    const alice = await crowd.person('alice', 1);
    crowd.says(alice, 1, stanza('<iq type="get" id="done"><a/></iq>'));
    crowd.says(alice, 1, stanza('<iq type="get" id="silent" to="x@y"><b/></iq>'));
    crowd.says(alice, 1, stanza('<iq type="set" id="change" to="x@y"><c/></iq>'));
    crowd.says(alice, 1, stanza('<iq type="result" id="reply" to="x@y"/>'));
    await crowd.hears(1, 'stanza iq change');
    const begin = crowd.told.length;
    void crowd.threads[0]!.terminate();
    await crowd.deaths(1);
    crowd.says(alice, 1, stanza('<iq type="get" id="next"><a/></iq>'));
    await crowd.until('the last answer', () => crowd.answers.some((answer) => answer.includes('id="next"')));
    assert.equal(crowd.said(1, begin).slice(1), ['taken iq silent', 'stanza iq next']);
    assert.equal(
      crowd.answers.map((answer) => /type="(\w+)" id="(\w+)"/.exec(answer)!.slice(1)),
      [
        ['result', 'done'],
        ['error', 'change'],
        ['result', 'next'],
      ],
    );
    assert.match(crowd.answers[1]!, /^1 <iq from="x@y" .*<c\/><error type="wait"><remote-server-timeout/);
  }),
);

test(
  'a session that ends while its unit is away: what it left is handed over, its requests are nobody’s',
  inCrowd(1, async (crowd) => {
    const alice = await crowd.person('alice', 1);
    alice.attach(2, factsOf('alice'));
    await crowd.hears(2, /^attach/);
    void crowd.threads[0]!.terminate();
    await crowd.deaths(1);
    crowd.says(alice, 1, saying('last words'));
    crowd.says(alice, 1, stanza('<iq type="get" id="silent"><a/></iq>'));
    alice.detach(1, true);
    const begin = crowd.told.length;
    await crowd.hears(0, 'detach 1 true', begin);
    assert.equal(crowd.said(1, begin).slice(1), ['stanza message last words']);
    assert.equal(crowd.answers, []);
    await alice.ask('status', null);
    void crowd.threads[1]!.terminate();
    await crowd.deaths(2);
    const end = crowd.told.length;
    await crowd.hears(2, /^attach/, end);
    await alice.ask('status', null);
    assert.equal(crowd.said(1, end), [], 'it is not attached any more');
  }),
);

test(
  'clients are not read while their unit has more than 1 MiB to take, and are again then',
  inCrowd(1, async (crowd) => {
    const alice = await crowd.person('alice', 1);
    const bob = await crowd.person('bob', 3);
    crowd.gate[0] = 1;
    crowd.says(alice, 1, saying('stand'));
    const big = 'x'.repeat(100_000);
    for (let count = 0; count < 10; count++) crowd.says(alice, 1, saying(big, `${count}`));
    assert.equal([...crowd.paused], []);
    crowd.says(alice, 1, saying(big));
    assert.equal([...crowd.paused], [1]);
    alice.attach(2, factsOf('alice'));
    assert.equal([...crowd.paused], [1, 2], 'who comes now, too');
    crowd.says(bob, 3, saying('small'));
    assert.equal([...crowd.paused], [1, 2], 'not those of others');
    crowd.gate[0] = 0;
    Atomics.notify(crowd.gate, 0);
    await crowd.until('they are read again', () => crowd.paused.size === 0);
  }),
);

test(
  'a question is asked again where the unit is next; a unit that is told to stop does not come back',
  inCrowd(1, async (crowd) => {
    const alice = await crowd.person('alice', 1);
    crowd.gate[0] = 1;
    crowd.says(alice, 1, saying('stand'));
    const status = alice.ask('status', null);
    const settings = { user: 'alice', accounts: [] } as never;
    const configured = alice.ask('configure', { settings });
    void crowd.threads[0]!.terminate();
    await crowd.deaths(1);
    crowd.gate[0] = 0;
    assert.equal(await status, []);
    assert.is(await configured, null);
    crowd.gate[0] = 1;
    crowd.says(alice, 1, saying('stand'));
    const stopped = alice.ask('stop', { within: 1000 });
    void crowd.threads[1]!.terminate();
    assert.is(await stopped, null);
    await crowd.open('bob');
    assert.is(crowd.threads.length, 3, 'a worker for bob');
    assert.equal(
      crowd.told.filter(({ thread, user }) => user === 'alice' && thread === crowd.threads[2]!.threadId),
      [],
    );
  }),
);

test(
  'a unit that cannot be opened is an error for who wants it',
  inCrowd(1, async (crowd) => {
    const failed = await crowd.open('broken').catch((error: Error) => error.message);
    assert.is(failed, 'its archive is damaged');
    await crowd.person('alice', 1);
  }),
);

test(
  'a stanza that kills is given back at last, and its unit lives on',
  inCrowd(1, async (crowd) => {
    const alice = await crowd.person('alice', 1);
    crowd.says(alice, 1, saying('exit'));
    crowd.says(alice, 1, stanza('<iq type="get" id="question"><a/></iq>'));
    await crowd.until('it is given back', () => crowd.answers.length > 0);
    assert.match(crowd.answers[0]!, /<message .*type="error" id="exit"><error type="wait"><remote-server-timeout/);
    await crowd.until('the question is answered', () => crowd.answers.length > 1);
    assert.match(crowd.answers[1]!, /type="result" id="question"/);
    assert.is(crowd.workers.restarts, 3);
    crowd.says(alice, 1, saying('still here'));
    await crowd.hears(1, 'stanza message still here');
    assert.equal(crowd.off, []);
  }),
);

test.run();
