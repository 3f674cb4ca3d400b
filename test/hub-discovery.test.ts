import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { core, inWorld, like, World } from './lib/hub.ts';

const info = 'http://jabber.org/protocol/disco#info';
const items = 'http://jabber.org/protocol/disco#items';
const ask = (to: string, ns = info, id = 'd') => `<iq type="get" id="${id}" to="${to}"><query xmlns="${ns}"/></iq>`;

const archiveFeatures = (text: string | undefined): string[] =>
  [...text!.matchAll(/var="(urn:xmpp:(?:mam|sid|fulltext):[^"]+)"/g)].map(([, feature]) => feature!).sort();
const ours = ['', '#extended', '#groupchat-available', '#groupchat-field'].map((more) => `urn:xmpp:mam:2${more}`);
ours.unshift('urn:xmpp:fulltext:0');
ours.push('urn:xmpp:sid:0');

/** A login whose questions about the server are answered. */
function learn(world: World): void {
  world.hub.online(core, false);
  world.answer(
    /to="work.example".*disco#info/,
    `<query xmlns="${info}"><identity category="server" type="im"/><feature var="urn:xmpp:csi:0"/></query>`,
  );
  world.answer(
    /to="alice@work.example".*disco#info/,
    `<query xmlns="${info}"><feature var="urn:xmpp:mam:1"/><feature var="urn:xmpp:push:0"/><feature var="urn:xmpp:sid:0"/></query>`,
  );
  world.answer(
    /disco#items/,
    `<query xmlns="${items}"><item jid="upload.work.example"/><item jid="bob@home.example"/><item jid="work.example" node="n"/></query>`,
  );
  world.answer(/to="upload.work.example"/, `<query xmlns="${info}"><feature var="urn:xmpp:http:upload:0"/></query>`);
  world.up.splice(0);
}

test(
  'what the server offers is answered from what is kept, carbons with it',
  inWorld((world) => {
    learn(world);
    const phone = world.client('phone').available();
    phone.send(ask('work.example'));
    phone.send(ask('alice@work.example'));
    phone.send(ask('work.example', items));
    phone.send(ask('upload.work.example'));
    const [server, account, services, upload] = phone.take();
    like(server, 'id="d"', 'from="work.example"', 'urn:xmpp:csi:0', 'urn:xmpp:carbons:2');
    like(account, 'urn:xmpp:push:0', 'from="alice@work.example"');
    assert.equal(archiveFeatures(account), ours);
    like(services, 'upload.work.example');
    like(upload, 'urn:xmpp:http:upload:0');
    assert.equal(world.up, []);
  }),
);

test(
  'what is not known yet is completed when the server answers; the archive is ours, not the server’s',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    for (const to of ['work.example', 'alice@work.example']) {
      phone.send(ask(to));
      world.answer(
        /disco#info/,
        `<query xmlns="${info}"><feature var="urn:xmpp:mam:2"/><feature var="urn:a"/></query>`,
      );
      world.up.splice(0);
    }
    const [server, account] = phone.take();
    like(server, 'urn:xmpp:carbons:2', 'urn:a');
    assert.equal(archiveFeatures(server), ['urn:xmpp:mam:2'], 'what the server has for itself is its own');
    like(account, 'urn:a', 'id="d"');
    assert.equal(archiveFeatures(account), ours);
  }),
);

test(
  'what is not kept is asked upstream',
  inWorld((world) => {
    learn(world);
    const phone = world.client('phone').available();
    phone.send(ask('bob@home.example'));
    phone.send(ask('other.example', items));
    phone.send(`<iq type="get" id="n" to="work.example"><query xmlns="${info}" node="x"/></iq>`);
    phone.send(`<iq type="set" id="s" to="work.example"><query xmlns="${info}"/></iq>`);
    assert.is(world.up.length, 4);
    assert.equal(phone.take(), []);
  }),
);

test("it outlives a restart and the server's absence, and changes with the server", async () => {
  const world = await World.open();
  learn(world);
  const later = await World.open({}, world.store);
  const phone = later.client('phone').available();
  phone.send(ask('upload.work.example'));
  like(phone.take()[0], 'urn:xmpp:http:upload:0');
  later.hub.online(core, false);
  later.answer(/to="work.example".*disco#info/, `<query xmlns="${info}"><feature var="urn:new"/></query>`);
  phone.send(ask('work.example'));
  const [changed] = phone.take();
  like(changed, 'urn:new');
  assert.not.match(changed!, 'csi');
  later.hub.close();
  await world.close();
});

test.run();
