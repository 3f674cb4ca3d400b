import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { account, core, inWorld, like, World } from './lib/hub.ts';

/** What the server was told last of the account's presence. */
const presenceOf = ({ up }: World): string | undefined => up.findLast((text) => text.startsWith('<presence'));

test(
  "a client that comes gets contacts' presence, root and its siblings, without a word upstream",
  inWorld((world) => {
    world.online();
    world.server(`<presence from="bob@home.example/x" to="${account}"><show>dnd</show></presence>`);
    const phone = world.client('phone').available();
    const desk = world.client('desk');
    world.up.splice(0);
    desk.send('<presence/>');
    const got = desk.take();
    for (const from of ['bob@home.example/x', 'root@proxy.example/xmpproxy', phone.address, desk.address])
      assert.ok(
        got.some((text) => text.includes(`from="${from}"`)),
        `nothing from ${from}`,
      );
    like(phone.take()[0], `from="${desk.address}"`);
    assert.equal(
      world.up.filter((text) => !text.startsWith('<presence')),
      [],
    );
    desk.send('<presence type="unavailable"/>');
    like(phone.take()[0], 'type="unavailable"', `from="${desk.address}"`);
  }),
);

test(
  'one presence upstream: the highest show with its status, highest priority; away without clients',
  inWorld((world) => {
    world.hub.online(core, false);
    world.archived();
    like(presenceOf(world), '<show>away</show>', '<status>away from the keyboard</status>', '<priority>0</priority>');
    const phone = world.client('phone');
    phone.send('<presence><show>away</show><status>walking</status><priority>-5</priority></presence>');
    like(presenceOf(world), '<show>away</show>', 'walking', '<priority>0</priority>');
    const desk = world.client('desk');
    desk.send('<presence><priority>7</priority><status>working</status></presence>');
    assert.not.match(presenceOf(world)!, '<show>');
    like(presenceOf(world), 'working', '<priority>7</priority>');
    phone.send('<presence><show>dnd</show><status>quiet</status></presence>');
    like(presenceOf(world), '<show>dnd</show>', 'quiet', '<priority>7</priority>');
    desk.send('<presence><show>odd</show><priority>7</priority></presence>');
    like(presenceOf(world), '<show>dnd</show>', 'quiet');
    const count = world.up.length;
    phone.send('<presence><show>dnd</show><status>quiet</status></presence>');
    assert.is(world.up.length, count, 'the same presence is not sent twice');
    phone.leave();
    desk.leave();
    like(presenceOf(world), '<show>away</show>', 'away from the keyboard');
  }),
);

test(
  'a subscription request is kept until any client answers it',
  inWorld(async (world) => {
    world.online();
    world.server(
      `<presence type="subscribe" from="carol@home.example" to="${account}"><status>hello</status></presence>`,
    );
    const again = await World.open({}, world.store);
    again.online();
    const phone = again.client('phone');
    phone.send('<presence/>');
    like(
      phone.take().find((text) => text.includes('subscribe')),
      'from="carol@home.example"',
      'hello',
    );
    const desk = again.client('desk');
    desk.send('<presence/>');
    like(
      desk.take().find((text) => text.includes('subscribe')),
      'carol@home.example',
    );
    again.up.splice(0);
    desk.send('<presence type="subscribed" to="carol@home.example"/>');
    assert.equal(again.up, ['<presence to="carol@home.example" type="subscribed"/>']);
    const third = again.client('third');
    third.send('<presence/>');
    assert.equal(
      third.take().filter((text) => text.includes('subscribe')),
      [],
    );
    again.hub.close();
  }),
);

test(
  'a request answered elsewhere is settled by the roster push',
  inWorld((world) => {
    world.online();
    world.server(`<presence type="subscribe" from="carol@home.example" to="${account}"/>`);
    world.server(
      '<iq type="set" id="p"><query xmlns="jabber:iq:roster"><item jid="carol@home.example" subscription="from"/></query></iq>',
    );
    const phone = world.client('phone');
    phone.send('<presence/>');
    assert.equal(
      phone.take().filter((text) => text.includes('type="subscribe"')),
      [],
    );
  }),
);

test(
  'directed presence ends when the last client that sent it goes',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    phone.send('<presence to="gate.example"/>');
    desk.send('<presence to="gate.example"/>');
    assert.equal(world.up, ['<presence to="gate.example"/>']);
    phone.leave();
    assert.equal(
      world.up.filter((text) => text.includes('unavailable')),
      [],
    );
    desk.leave();
    assert.equal(
      world.up.filter((text) => text.includes('unavailable')),
      ['<presence to="gate.example" type="unavailable"/>'],
    );
  }),
);

test(
  'directed presence of a client that was available to nobody else ends with its unavailable presence',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone');
    phone.send('<presence to="gate.example"/>');
    phone.send('<presence type="unavailable"/>');
    assert.equal(world.up, ['<presence to="gate.example"/>', '<presence to="gate.example" type="unavailable"/>']);
    assert.equal(phone.facts.directed, []);
  }),
);

test(
  'directed presence that changed while the server was away is told when it is back',
  inWorld((world) => {
    const directed = () => world.up.splice(0).filter((text) => text.includes('to="'));
    world.online();
    const phone = world.client('phone').available();
    phone.send('<presence to="bob@home.example/x"/>');
    phone.send('<presence to="gate.example"/>');
    world.hub.offline();
    world.up.splice(0);
    phone.send('<presence to="bob@home.example/x" type="unavailable"/>');
    phone.send('<presence to="eve@home.example/y"/>');
    world.hub.online(core, true);
    assert.equal(directed(), [
      '<presence to="bob@home.example/x" type="unavailable"/>',
      '<presence to="eve@home.example/y"/>',
    ]);
    world.hub.offline();
    phone.send('<presence to="gate.example" type="unavailable"/>');
    world.hub.online(core, false);
    assert.equal(
      directed().filter((text) => text.startsWith('<presence')),
      ['<presence to="eve@home.example/y"/>'],
    );
  }),
);

test(
  'the server is told inactive while every client is inactive or absent',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    assert.is(world.inactive, false);
    const desk = world.client('desk').available();
    world.hub.activity(phone.sid, true);
    assert.is(world.inactive, false, 'desk looks');
    world.hub.activity(desk.sid, true);
    assert.is(world.inactive, true);
    world.hub.activity(desk.sid, false);
    assert.is(world.inactive, false);
    desk.leave();
    assert.is(world.inactive, true);
    world.hub.activity(phone.sid, false);
    phone.send('<presence type="unavailable"/>');
    assert.is(world.inactive, true);
    world.client('tablet', { presence: '<presence/>', inactive: true });
    assert.is(world.inactive, true);
    world.client('laptop', { presence: '<presence/>' });
    assert.is(world.inactive, false, 'a client that comes back with its unit');
  }),
);

test(
  'facts about a client suffice to attach it again',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone', { carbons: true, presence: '<presence><show>chat</show></presence>' });
    like(world.up.at(-1), '<show>chat</show>');
    world.server(`<message from="bob@home.example" to="${core}" type="chat"><body>x</body></message>`);
    assert.is(phone.take().filter((text) => text.includes('<body>x')).length, 1);
  }),
);

test(
  'a fault in one part of a hub leaves the others at work',
  inWorld((world) => {
    world.up.push = (text: string) => {
      if (text.includes('jabber:iq:roster')) throw new Error('broken');
      return Array.prototype.push.call(world.up, text);
    };
    world.hub.online(core, false);
    assert.equal(world.warnings, ['part of a hub failed']);
    world.archived();
    like(presenceOf(world), '<show>away</show>');
  }),
);

test.run();
