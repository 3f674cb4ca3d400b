/** Requests of users to a service address: one resource, one answer, whatever becomes of either. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../src/jat/types.ts';
import { desk, iq, isError, presence, romeo, seenRomeo, svc, TestWorld } from './lib/jat.ts';

const question = '<query xmlns="urn:example:q"/>';
const answer = '<query xmlns="urn:example:q">42</query>';
const a = `${desk}/a`;
const b = `${desk}/b`;

test('a request goes to a resource as from its user, the answer comes from the address', async () => {
  const world = await TestWorld.of();
  world.asks('1');
  assert.is(world.one(), iq('get', '1', seenRomeo, a, question));
  world.answers('1', { inside: answer });
  assert.is(world.one(), iq('result', '1', svc, romeo, answer));
});

test('the answer comes from exactly what was asked', async () => {
  for (const asked of [svc, 'svc.example/bot', 'room@svc.example', 'room@svc.example/nick']) {
    const world = await TestWorld.of();
    world.asks('1', { to: asked });
    assert.is(world.one(), iq('get', '1', seenRomeo, a, question));
    world.answers('1');
    assert.is(world.one(), iq('result', '1', asked, romeo));
  }
});

test('addresses are compared prepared, and answered as they were written', async () => {
  const world = await TestWorld.of();
  world.asks('1', { from: 'Romeo@M.example/orchard', to: 'SVC.example' });
  assert.is(world.one(), iq('get', '1', seenRomeo, a, question));
  world.answers('1', { from: 'Desk@HOME.example/a', to: 'SVC.example/romeo@m.example/orchard' });
  assert.is(world.one(), iq('result', '1', 'SVC.example', 'Romeo@M.example/orchard'));
});

test('an error of the target is passed on, with what it says', async () => {
  const world = await TestWorld.of();
  world.asks('1').take();
  const error =
    '<error type="cancel" by="desk@home.example"><conflict xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>';
  world.answers('1', { type: 'error', inside: question + error });
  assert.is(world.one(), iq('error', '1', svc, romeo, question + error.replace('desk@home.example', svc)));
});

test('xml:lang stays', async () => {
  const world = await TestWorld.of();
  world.says(`<iq type="get" id="1" from="${romeo}" to="${svc}" xml:lang="cs">${question}</iq>`);
  assert.match(world.one(), /xml:lang="cs"/);
});

test('ids stay, unless one is open between the same two: then the answer has it again', async () => {
  const world = await TestWorld.of();
  world.asks('1').asks('1', { to: 'svc.example/other' }).asks('1', { from: 'romeo@m.example/street' });
  const [first, second, third] = world.take();
  assert.match(first!, / id="1" /);
  assert.match(third!, / id="1" from="svc.example\/romeo@m.example\/street"/);
  const id = / id="([^"]+)"/.exec(second!)![1]!;
  assert.is.not(id, '1');
  world.answers(id, { inside: answer });
  assert.is(world.one(), iq('result', '1', 'svc.example/other', romeo, answer));
  world.answers('1');
  assert.is(world.one(), iq('result', '1', svc, romeo));
});

test('no answer in time: remote-server-timeout, and what comes later is dropped', async () => {
  const world = await TestWorld.of();
  world.asks('1').take();
  world.clock.pass(29_999);
  assert.not(world.take().some((text) => text.includes('error')));
  world.clock.pass(1);
  const [error] = world.take();
  isError(error, 'remote-server-timeout', 'wait');
  assert.match(error!, new RegExp(`id="1" from="${svc}" to="${romeo}"`));
  world.answers('1');
  assert.equal(world.take(), []);
  assert.is(world.status().counters.dropped['late answer'], 1);
  assert.is(world.status().counters.timeouts, 1);
});

test('what had no answer takes no room any more', async () => {
  const world = await TestWorld.of({ limits: { ...defaultLimits, openOfSender: 1 } });
  world.asks('1').take();
  world.clock.pass(30_000);
  world.asks('2');
  assert.ok(world.take().includes(iq('get', '2', seenRomeo, a, question)));
});

test('each address has its own time-out', async () => {
  const world = await TestWorld.of({ timeout: 2000 });
  await world.add({ address: 'slow@svc.example' as never, timeout: 60_000 });
  world.there(a, '', 'slow@svc.example').forget();
  world.asks('1', { to: 'slow@svc.example' }).asks('2').take();
  world.clock.pass(2000);
  assert.match(world.take()[0]!, /type="error" id="2"/);
  world.clock.pass(58_000);
  assert.ok(world.take().some((text) => /type="error" id="1"/.test(text)));
});

test('its resource goes: a get is asked once more elsewhere', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  world.asks('1');
  assert.is(world.one(), iq('get', '1', seenRomeo, a, question));
  world.leaves(a);
  assert.is(world.one(), iq('get', '1', seenRomeo, b, question));
  world.answers('1', { from: a }).answers('1', { from: b });
  assert.is(world.one(), iq('result', '1', svc, romeo));
  assert.is(world.status().counters.dropped['late answer'], 1);
  assert.is(world.status().counters.retried, 1);
});

test('… but not twice, and not where nobody is left', async () => {
  const world = await TestWorld.of({}, ['a', 'b', 'c']);
  world.asks('1').take();
  world.leaves(a).take();
  world.leaves(b);
  isError(world.one(), 'recipient-unavailable', 'wait');
  world.asks('2').take();
  world.leaves(`${desk}/c`);
  isError(world.one(), 'recipient-unavailable', 'wait');
});

test('its resource goes: a set is answered at once, for it may have been done', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  world.asks('1', { type: 'set' }).take();
  world.leaves(a);
  const error = world.one();
  isError(error, 'recipient-unavailable', 'wait');
  assert.match(error, new RegExp(`id="1" from="${svc}" to="${romeo}"`));
});

test('its resource is gone and only its server knows: the same', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  const bounce = '<error type="wait"><recipient-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>';
  world.asks('1').asks('2', { type: 'set' }).take();
  world.answers('1', { type: 'error', inside: bounce }).answers('2', { type: 'error', inside: bounce });
  const [again, error] = world.take();
  assert.is(again, iq('get', '1', seenRomeo, b, question));
  isError(error, 'recipient-unavailable');
  world.answers('1', { from: b });
  assert.is(world.one(), iq('result', '1', svc, romeo));
  assert.is(world.status().open, 0);
});

test('nobody there: refused at once', async () => {
  const world = await TestWorld.of();
  world.leaves(a).asks('1');
  isError(world.one(), 'service-unavailable', 'cancel');
});

test('a request before the first presence waits for it', async () => {
  const world = await TestWorld.of({}, []);
  world.asks('1').asks('2', { type: 'set' });
  assert.equal(world.take(), []);
  assert.is(world.status().waiting, 2);
  world.there(a);
  assert.equal(world.take(), [iq('get', '1', seenRomeo, a, question), iq('set', '2', seenRomeo, a, question)]);
  world.answers('1');
  assert.is(world.one(), iq('result', '1', svc, romeo));
});

test('… for five seconds, then nobody waits any more', async () => {
  const world = await TestWorld.of({}, []);
  world.asks('1');
  world.clock.pass(4999);
  assert.equal(world.take(), []);
  world.clock.pass(1);
  isError(world.one(), 'service-unavailable');
  world.asks('2');
  isError(world.one(), 'service-unavailable');
  world.there(a).forget().asks('3');
  assert.is(world.one(), iq('get', '3', seenRomeo, a, question));
});

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
  assert.is(world.clock.running, 0, 'no timer is left');
  world.asks('4').there(a);
  assert.equal(world.take(), []);
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
