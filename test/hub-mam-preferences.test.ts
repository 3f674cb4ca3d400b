/** What the user wants an archive of (XEP-0441). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { bob, eve } from './lib/archive.ts';
import { account, inWorld, like, type TestClient, World } from './lib/hub.ts';
import { until } from './lib/world.ts';

const prefs = (policy: string, always: string[] = [], never: string[] = []): string => {
  const list = (name: string, jids: string[]) =>
    `<${name}>${jids.map((jid) => `<jid>${jid}</jid>`).join('')}</${name}>`;
  return `<prefs xmlns="${NS.mam}" default="${policy}">${list('always', always)}${list('never', never)}</prefs>`;
};
const ask = (client: TestClient, payload = `<prefs xmlns="${NS.mam}"/>`, type = 'get'): string => {
  client.send(`<iq type="${type}" id="p">${payload}</iq>`);
  return client.take().join();
};
const online = (world: World): void => {
  world.hub.online(`${account}/x` as never, false);
};

test(
  'all is archived until somebody says otherwise',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    like(ask(phone), 'id="p"', 'type="result"', prefs('always').replaceAll(/<(\w+)><\/\1>/g, '<$1/>'));
    assert.equal(world.up, []);
  }),
);

test('what is set is answered, told to the server, and kept', async () => {
  const world = await World.open();
  world.online();
  const phone = world.client('phone').available();
  const wish = prefs('roster', [bob], [`${eve}/desk`]);
  like(ask(phone, wish, 'set'), 'type="result"', wish);
  like(world.up[0], 'type="set"', wish);
  const next = await world.again();
  like(ask(next.client('phone').available()), wish);
  await world.close();
});

test(
  'a list left out is empty; what is wrong is refused and changes nothing',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    like(ask(phone, `<prefs xmlns="${NS.mam}" default="never"/>`, 'set'), 'default="never"', '<always/><never/>');
    like(ask(phone, prefs('sometimes'), 'set'), 'bad-request');
    like(ask(phone, prefs('always', ['@']), 'set'), 'jid-malformed');
    like(ask(phone, `<prefs xmlns="${NS.mam}"/>`, 'set'), 'bad-request');
    like(ask(phone), 'default="never"');
  }),
);

test(
  'set while the server is away: it is told when it is back, once',
  inWorld((world) => {
    const phone = world.client('phone').available();
    ask(phone, prefs('always', [], [eve]), 'set');
    online(world);
    world.answer(/<prefs/, prefs('always', [], [eve]));
    world.up.splice(0);
    online(world);
    assert.equal(
      world.up.filter((text) => text.includes('<prefs')),
      [],
    );
  }),
);

test(
  'lists that the server has from before are taken over, its default is not; not against the user’s word',
  inWorld((world) => {
    online(world);
    world.answer(/<prefs/, prefs('never', [bob], [eve]));
    const phone = world.client('phone').available();
    like(ask(phone), prefs('always', [bob], [eve]));
    ask(phone, prefs('always'), 'set');
    world.answer(/type="set".*<prefs/, prefs('always'));
    world.up.splice(0);
    online(world);
    assert.equal(
      world.up.filter((text) => text.includes('<prefs')),
      [],
    );
    like(ask(phone), '<never/>');
  }),
);

/** The bodies in the archive, oldest first. */
const kept = async ({ store }: World): Promise<(string | undefined)[]> =>
  (await store.messages.page(account, {}, 50)).messages.map(({ body }) => body);

test('what is excluded goes when every app has had it, the rest stays', async () => {
  const world = await World.open();
  world.online();
  const [phone, desk] = [world.client('phone').available(), world.client('desk').available()];
  ask(phone, prefs('always', [], [eve]), 'set');
  for (const from of [bob, eve])
    world.server(`<message from="${from}/x" id="${from}"><body>from ${from}</body></message>`);
  phone.send(`<message to="${eve}" id="answer"><body>to eve</body></message>`);
  const { messages } = await world.store.messages.page(account, {}, 50);
  assert.is(messages.length, 3);
  const last = messages.at(-1)!.place;
  world.hub.acknowledged(phone.sid, last);
  world.hub.sweep();
  assert.is((await kept(world)).length, 3, 'the desk has not had it');
  const next = await world.again();
  next.now = world.now + 1000;
  next.hub.sweep();
  assert.is((await kept(next)).length, 3, 'nor after a restart');
  const again = next.client('desk').available();
  next.hub.acknowledged(again.sid, last);
  const { messages: stored } = next.store;
  const forget = stored.forget.bind(stored);
  stored.forget = () => Promise.reject(new Error('a full disk'));
  next.hub.sweep();
  await next.settled();
  assert.is((await next.store.read(account, 'passing')).length, 2, 'what is not deleted is to be deleted');
  stored.forget = forget;
  next.hub.sweep();
  assert.equal(await kept(next), [`from ${bob}`]);
  let left = 2;
  const look = async () => {
    await new Promise(setImmediate);
    left = (await next.store.read(account, 'passing')).length;
  };
  await until('the notes of what is deleted are gone', () => left === 0, look);
  desk.take();
  await world.close();
});

test(
  'nothing of it is left after a week; contacts stay where the rest does not',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(
      `<iq type="set" id="r"><query xmlns="${NS.roster}"><item jid="${bob}" subscription="both"/></query></iq>`,
    );
    ask(phone, prefs('roster', [`${eve}/trusted`]), 'set');
    const from = [`${bob}/x`, `${eve}/x`, `${eve}/trusted`, 'stranger@home.example/x'];
    for (const sender of from)
      world.server(`<message from="${sender}" id="${sender}"><body>${sender}</body></message>`);
    world.now += 8 * 24 * 3600_000;
    world.hub.sweep();
    assert.equal(await kept(world), [`${bob}/x`, `${eve}/trusted`]);
  }),
);

test.run();
