import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inWorld, like, World } from './lib/hub.ts';

const get = (id: string, ver?: string) =>
  `<iq type="get" id="${id}"><query xmlns="jabber:iq:roster"${ver === undefined ? '' : ` ver="${ver}"`}/></iq>`;
const bob =
  '<query xmlns="jabber:iq:roster" ver="v1"><item jid="bob@home.example" name="Bob" subscription="both"/></query>';

test(
  'a roster request waits for the server, then comes with root in it',
  inWorld((world) => {
    const phone = world.client('phone');
    phone.send(get('r1'));
    assert.equal(phone.take(), []);
    world.hub.online('alice@work.example/x' as never, false);
    world.answer(/jabber:iq:roster/, bob);
    const [roster] = phone.take();
    like(
      roster,
      'id="r1"',
      'type="result"',
      'jid="bob@home.example"',
      'jid="root@proxy.example"',
      /subscription="both"/,
    );
    assert.is(phone.facts.interested, true);
  }),
);

test('the kept roster answers at once while the server is away, and says nothing to who has it already', async () => {
  const world = await World.open();
  world.hub.online('alice@work.example/x' as never, false);
  world.answer(/jabber:iq:roster/, bob);
  const later = await World.open({}, world.store);
  const phone = later.client('phone');
  phone.send(get('r1', ''));
  const [roster] = phone.take();
  like(roster, 'bob@home.example', 'root@proxy.example');
  const ver = /ver="([^"]+)"/.exec(roster!)![1]!;
  phone.send(get('r2', ver));
  assert.equal(phone.take(), ['<iq to="alice@work.example/phone" type="result" id="r2"/>']);
  assert.is(later.hub.contacts, 1);
  later.hub.close();
  await world.close();
});

test(
  'a push is acknowledged upstream once and pushed to interested clients; a forged one is refused',
  inWorld((world) => {
    world.hub.online('alice@work.example/x' as never, false);
    world.answer(/jabber:iq:roster/, bob);
    const phone = world.client('phone');
    const desk = world.client('desk');
    phone.send(get('r1'));
    phone.take();
    world.up.splice(0);
    world.server(
      '<iq type="set" id="p1"><query xmlns="jabber:iq:roster" ver="v2"><item jid="eve@home.example" subscription="none" ask="subscribe"/></query></iq>',
    );
    assert.equal(world.up, ['<iq type="result" id="p1"/>']);
    like(phone.take()[0], 'type="set"', 'jid="eve@home.example"', 'ask="subscribe"');
    assert.equal(desk.take(), []);
    world.server(
      '<iq type="set" id="p2" from="mallory@home.example/x"><query xmlns="jabber:iq:roster"><item jid="mallory@home.example" subscription="both"/></query></iq>',
    );
    like(world.up[1], 'type="error"', 'to="mallory@home.example/x"');
    assert.equal(phone.take(), []);
  }),
);

test(
  'after a new login only what differs is pushed',
  inWorld((world) => {
    world.hub.online('alice@work.example/x' as never, false);
    world.answer(
      /jabber:iq:roster/,
      `<query xmlns="jabber:iq:roster" ver="v1"><item jid="bob@home.example" subscription="both"/><item jid="old@home.example" subscription="to"/></query>`,
    );
    const phone = world.client('phone');
    phone.send(get('r1'));
    phone.take();
    world.up.splice(0);
    world.hub.offline();
    world.hub.online('alice@work.example/x' as never, false);
    like(
      world.up.find((text) => text.includes('roster')),
      'ver="v1"',
    );
    world.answer(
      /jabber:iq:roster/,
      `<query xmlns="jabber:iq:roster" ver="v3"><item jid="bob@home.example" subscription="both"/><item jid="new@home.example" subscription="from"/></query>`,
    );
    const pushes = phone.take();
    assert.is(pushes.length, 2);
    like(pushes[0], 'jid="old@home.example"', 'subscription="remove"');
    like(pushes[1], 'jid="new@home.example"');
  }),
);

test(
  "root's item is ours, whatever the server has under that address",
  inWorld((world) => {
    world.hub.online('alice@work.example/x' as never, false);
    const root = '<item jid="Root@proxy.example" name="not root" subscription="none"/>';
    world.answer(/jabber:iq:roster/, bob.replace('</query>', `${root}</query>`));
    const phone = world.client('phone', { interested: true });
    world.server(`<iq type="set" id="p"><query xmlns="jabber:iq:roster">${root}</query></iq>`);
    world.server(
      '<iq type="set" id="p2"><query xmlns="jabber:iq:roster"><item jid="root@proxy.example" subscription="remove"/></query></iq>',
    );
    assert.equal(phone.take(), []);
    phone.send('<iq type="get" id="r"><query xmlns="jabber:iq:roster"/></iq>');
    const [roster] = phone.take();
    assert.equal(roster!.match(/<item [^>]*(?:root@proxy|not root)[^>]*>/gi)?.length, 1);
    like(roster, 'name="root" subscription="both"');
  }),
);

test(
  'root can be renamed and stays',
  inWorld((world) => {
    world.hub.online('alice@work.example/x' as never, false);
    world.answer(/jabber:iq:roster/, bob);
    const phone = world.client('phone');
    phone.send(get('r1'));
    phone.take();
    world.up.splice(0);
    phone.send(
      '<iq type="set" id="s1"><query xmlns="jabber:iq:roster"><item jid="root@proxy.example" name="The proxy"><group>Machines</group></item></query></iq>',
    );
    const [push, result] = phone.take();
    like(push, 'name="The proxy"', '<group>Machines</group>', 'subscription="both"');
    like(result, 'type="result"', 'id="s1"');
    phone.send(
      '<iq type="set" id="s2"><query xmlns="jabber:iq:roster"><item jid="root@proxy.example" subscription="remove"/></query></iq>',
    );
    like(phone.take()[0], 'type="error"', 'not-allowed');
    assert.equal(world.up, []);
  }),
);

test.run();
