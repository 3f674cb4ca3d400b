/** Requests while the component, a target, an address or the program goes: each has exactly one answer all the same. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../src/jat/types.ts';
import { desk, iq, isError, presence, romeo, seenRomeo, svc, TestWorld } from './lib/jat.ts';
import { TestWay } from './lib/jat-world.ts';

const question = '<query xmlns="urn:example:q"/>';
const a = `${desk}/a`;
const b = `${desk}/b`;

test('the component goes with requests open: each has one answer when it is back', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  world.asks('1').asks('2', { type: 'set' }).take();
  world.services.closed(world.component);
  assert.equal(world.take(), [], 'there is no way to say anything');
  world.clock.pass(2000);
  world.services.opened(world.component);
  const [error, subscribe, ...more] = world.take();
  isError(error, 'recipient-unavailable');
  assert.match(error!, / id="2" /);
  assert.is(subscribe, presence({ type: 'subscribe', from: svc, to: desk }));
  assert.equal(more, []);
  world.answers('2'); // to what has an answer
  assert.equal(world.take(), []);
  world.there(b);
  assert.is(world.one(), iq('get', '1', seenRomeo, b, question));
  world.answers('1', { from: b });
  assert.is(world.one(), iq('result', '1', svc, romeo));
  assert.is(world.status().open, 0);
});

test('… and where nobody comes back, too', async () => {
  const world = await TestWorld.of();
  world.asks('1').take();
  world.services.closed(world.component);
  world.services.opened(world.component);
  world.take();
  world.clock.pass(5000);
  isError(world.one(), 'recipient-unavailable');
});

test('whoever runs it hears when nobody came back, not when the component was away', async () => {
  const world = await TestWorld.of();
  for (const comes of [true, false]) {
    world.services.closed(world.component);
    world.services.opened(world.component);
    world.accepts();
    if (comes) world.there(a);
    world.clock.pass(6000);
  }
  assert.equal(
    world.notices.map(({ kind }) => kind),
    ['empty'],
  );
});

test('a component that is set up anew gives the answers of the former', async () => {
  const world = await TestWorld.of();
  const former = world.edge;
  world.asks('1', { way: former }).take();
  world.services.closed(former);
  world.answers('1');
  const next = new TestWay('edge');
  world.services.opened(next);
  assert.is(world.one(next), iq('result', '1', svc, romeo));
  world.asks('2', { way: next }).take();
  world.services.closed(former); // it was slow to end
  world.answers('2');
  assert.is(world.one(next), iq('result', '2', svc, romeo));
});

test('… and where the component comes back late', async () => {
  const world = await TestWorld.of({ timeout: 3000 });
  world.asks('1').take();
  world.services.closed(world.component);
  world.clock.pass(60_000);
  world.services.opened(world.component);
  const errors = world.take().filter((text) => text.includes('<error'));
  assert.is(errors.length, 1);
  isError(errors[0], 'remote-server-timeout');
});

test('a user at the edge is answered at once when the component goes', async () => {
  const world = await TestWorld.of();
  world.asks('1', { type: 'set', way: world.edge }).take();
  world.services.closed(world.component);
  isError(world.one(world.edge), 'recipient-unavailable');
});

test('… but a get waits for it, for a while', async () => {
  const late = await TestWorld.of();
  late.asks('1', { way: late.edge }).take();
  late.services.closed(late.component);
  late.clock.pass(4999);
  assert.equal(late.take(late.edge), []);
  late.clock.pass(1);
  isError(late.one(late.edge), 'recipient-unavailable');
  const world = await TestWorld.of();
  world.asks('1', { way: world.edge }).take();
  world.services.closed(world.component);
  world.clock.pass(4000);
  world.services.opened(world.component);
  world.clock.pass(4000);
  world.accepts().take();
  world.there(a);
  assert.is(world.one(), iq('get', '1', seenRomeo, a, question));
});

test('an answer leaves by the way the request came', async () => {
  const world = await TestWorld.of();
  world.asks('1', { way: world.edge });
  assert.is(world.one(), iq('get', '1', seenRomeo, a, question));
  world.answers('1');
  assert.is(world.one(world.edge), iq('result', '1', svc, romeo));
  assert.equal(world.take(), []);
});

test('a way that refuses a stanza is as good as closed', async () => {
  const world = await TestWorld.of();
  world.component.isUp = false;
  world.asks('1', { way: world.edge });
  isError(world.one(world.edge), 'recipient-unavailable');
  assert.is(world.status().open, 0);
});

test('an answer that cannot leave is kept for the way', async () => {
  const world = await TestWorld.of();
  world.asks('1').take();
  world.component.isUp = false;
  world.answers('1');
  world.component.isUp = true;
  world.services.opened(world.component);
  assert.ok(world.take().includes(iq('result', '1', svc, romeo)));
});

test('without an id or a payload it is no request', async () => {
  const world = await TestWorld.of();
  world.says(`<iq type="get" id="1" from="${romeo}" to="${svc}"/>`);
  isError(world.one(), 'bad-request');
  world.says(`<iq type="get" from="${romeo}" to="${svc}">${question}</iq>`);
  isError(world.one(), 'bad-request');
  world.says(`<iq type="got" id="1" from="${romeo}" to="${svc}">${question}</iq>`);
  assert.equal(world.take(), []);
});

test('an address that is off refuses', async () => {
  const world = await TestWorld.of({ enabled: false });
  world.asks('1');
  isError(world.one(), 'service-unavailable');
});

test('switched off while requests wait: they are answered', async () => {
  const world = await TestWorld.of({}, []);
  world.asks('1');
  await world.add({ enabled: false });
  isError(world.one(), 'service-unavailable');
});

test('an address that is removed answers what is open', async () => {
  const world = await TestWorld.of();
  world.asks('1').take();
  await world.services.remove(svc);
  const sent = world.take();
  isError(sent[0], 'recipient-unavailable');
  assert.is(sent[1], presence({ type: 'unsubscribe', from: svc, to: desk }));
  world.answers('1');
  world.asks('2');
  isError(world.one(), 'service-unavailable');
});

test('the end of the program answers what is open, and says nothing afterwards', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  await world.add({ address: 'other@svc.example' as never });
  world.asks('1').asks('2', { type: 'set' }).asks('3', { to: 'other@svc.example' }).take();
  await world.services.stop();
  const sent = world.take();
  assert.is(sent.length, 3);
  for (const text of sent) isError(text, 'recipient-unavailable');
  assert.is(world.clock.count, 0, 'no timer is left');
  world.asks('4').there(a);
  assert.equal(world.take(), []);
});

test('a fault of ours: one answer all the same, and the log has it', async () => {
  const world = await TestWorld.of();
  const write = `<message id="2" from="${romeo}" to="${svc}"><body>hi</body></message>`;
  world.component.isFaulty = true;
  world.asks('1', { way: world.edge }).says(write, world.edge);
  const atEdge = world.take(world.edge);
  assert.is(atEdge.length, 2);
  for (const text of atEdge) isError(text, 'recipient-unavailable');
  assert.equal(world.logged.splice(0), ['way failed', 'way failed']);
  world.component.isFaulty = false;
  world.isFaulty = true;
  world.says(write).asks('3', { from: a, to: seenRomeo });
  const sent = world.take();
  assert.is(sent.length, 2);
  for (const text of sent) isError(text, 'internal-server-error');
  world
    .says(write.replace('<message', '<message type="error"'))
    .says(`<presence type="subscribed" from="${desk}" to="${svc}"/>`);
  assert.equal(world.take(), []);
  assert.equal(world.logged.slice(0, 2), ['service address failed', 'service address failed']);
  world.isFaulty = false;
  world.clock.pass(60_000);
  assert.is(world.status().open, 0);
});

test('every request has exactly one answer, whatever happens', async () => {
  let state = 11;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  const world = await TestWorld.of({ timeout: 8000, limits: { ...defaultLimits, openOfSender: 40 } }, ['a']);
  world.chances = [0.1, 0.9, 0.4, 0.7, 0.2];
  const answers = new Map<string, number>();
  const atTarget: { id: string; from: string; to: string }[] = [];
  const look = () => {
    for (const { name, type, id, from, to } of [...world.component.sent.splice(0), ...world.edge.sent.splice(0)]) {
      if (name !== 'iq') continue;
      if (type === 'get' || type === 'set') atTarget.push({ id: id!, from: to!, to: from! });
      else {
        const key = `${id} ${to}`;
        answers.set(key, (answers.get(key) ?? 0) + 1);
        assert.is(from, `svc.example/${id}`, 'from what was asked');
      }
    }
  };
  const asked = new Set<string>();
  let isOpen = true;
  for (let turn = 0; turn < 6000; turn++) {
    const resource = `${desk}/${'abc'[random(3)]}`;
    const what = random(20);
    if (what < 9) {
      const user = `u${random(5)}@m.example/${random(3)}`;
      const way = random(2) === 0 && isOpen ? world.component : world.edge;
      asked.add(`${turn} ${user}`);
      world.asks(String(turn), { from: user, to: `svc.example/${turn}`, type: random(2) === 0 ? 'get' : 'set', way });
    } else if (what < 15 && atTarget.length > 0) {
      const [one] = atTarget.splice(random(atTarget.length), 1);
      world.answers(one!.id, { ...one!, type: random(3) === 0 ? 'error' : 'result' });
      if (random(4) === 0) world.answers(one!.id, one!); // twice
    } else if (what < 17 && isOpen) world.there(resource);
    else if (what < 18 && isOpen) world.leaves(resource);
    else if (what < 19) world.clock.pass(random(3000));
    else if (random(4) === 0) {
      if (isOpen) world.services.closed(world.component);
      else world.services.opened(world.component);
      isOpen = !isOpen;
    }
    look();
  }
  if (!isOpen) world.services.opened(world.component);
  world.clock.pass(10_000);
  look();
  assert.is(asked.size, answers.size, 'each request has an answer');
  assert.equal(
    [...answers].filter(([key, count]) => count !== 1 || !asked.has(key)),
    [],
  );
  assert.is(world.status().open, 0);
  assert.ok(world.status().counters.retried > 20 && world.status().counters.timeouts > 20, 'it was a hard time');
});

test.run();
