/** Addresses inside stanzas: at the places of the table, there and back; and what may not pass at all. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseElement } from '../src/wire/parser.ts';
import { serialize } from '../src/wire/xml.ts';
import { desk, message, romeo, seenRomeo, svc, TestWorld } from './lib/jat.ts';

const a = `${desk}/a`;
const asked = 'room@svc.example/Bot';

/** `{me}`, `{bare}`: the user; `{asked}`, `{svc}`: what was asked, and the address; `{else}`: somebody else. */
const payloads = [
  '<jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" initiator="{me}" responder="{asked}" sid="s"/>',
  '<query xmlns="http://jabber.org/protocol/bytestreams" sid="s"><streamhost jid="{me}" host="h" port="1"/><streamhost jid="{else}" host="h" port="1"/></query>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub"><subscribe node="n" jid="{bare}"/></pubsub>',
  '<query xmlns="http://jabber.org/protocol/disco#items"><item jid="{svc}" node="n"/><item jid="{else}"/></query>',
  '<query xmlns="http://jabber.org/protocol/muc#admin"><item jid="{bare}" affiliation="owner"/></query>',
  '<enable xmlns="urn:xmpp:push:0" jid="{asked}" node="{me}"/>',
  '<reply xmlns="urn:xmpp:reply:0" to="{asked}" id="x"/>',
  '<forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" from="{me}" to="{asked}"><body>{me}</body></message></forwarded>',
  '<addresses xmlns="http://jabber.org/protocol/address"><address type="to" jid="{svc}"/><address type="cc" jid="{else}"/></addresses>',
  '<delay xmlns="urn:xmpp:delay" from="{me}" stamp="x"/>',
  '<x xmlns="jabber:x:data" type="submit"><field var="with"><value>{bare}</value></field><field var="text"><value>{bare}</value></field></x>',
  '<body>{me} wrote to {asked}</body>',
  '<query xmlns="urn:example:q" jid="{me}"/>',
];

const users = { me: romeo, bare: 'romeo@m.example', asked, svc, else: 'juliet@m.example/b' };
const forms = {
  resource: { me: seenRomeo, bare: `${svc}/romeo@m.example`, asked: a, svc: desk, else: users.else },
  localpart: {
    me: 'romeo\\40m.example@svc.example/orchard',
    bare: 'romeo\\40m.example@svc.example',
    asked: a,
    svc: desk,
    else: users.else,
  },
};

/** Places are exchanged, content is not: what stands in `node`, bodies, fields of other names, other namespaces. */
const inPlaces = (payload: string, seen: Record<string, string>): string => {
  const isContent = /^<(?:body|query xmlns="urn:example)/.test(payload);
  return payload
    .replace(/node="\{me\}"|<body>\{me\}<\/body>|var="text"><value>\{bare\}/g, (text) =>
      text.replace(/\{(\w+)\}/, (_, who: 'me') => users[who]),
    )
    .replace(/\{(\w+)\}/g, (_, who: keyof typeof users) => (isContent ? users[who] : seen[who]!));
};
const plain = (payload: string): string => payload.replace(/\{(\w+)\}/g, (_, who: keyof typeof users) => users[who]);
const same = (xml: string): string => serialize(parseElement(xml));
const inside = (text: string): string => /^<\w+[^>]*>(.*)<\/\w+>$/s.exec(text)![1]!;

for (const encoding of ['resource', 'localpart'] as const)
  for (const payload of payloads)
    test(`${encoding}: ${payload.slice(0, 60)}`, async () => {
      const world = await TestWorld.of({ encoding });
      const seen = forms[encoding];
      world.asks('1', { to: asked, type: 'set', inside: plain(payload) });
      assert.is(inside(world.one()), same(inPlaces(payload, seen)), 'as the target sees it');
      world.answers('1', { to: seen.me, inside: inPlaces(payload, seen) });
      assert.is(inside(world.one()), same(plain(payload)), 'and back');
    });

test('what has no address inside is not written anew', async () => {
  const world = await TestWorld.of();
  const inside = '<q xmlns="urn:example:q" a="1&#xA;2">&lt;&amp;</q>';
  world.asks('1', { inside });
  const sent = world.component.sent[0]!;
  assert.ok(sent.rest.endsWith('<q xmlns="urn:example:q" a="1&#xA;2">&lt;&amp;</q></iq>'));
});

test('of other users a target speaks as it knows them; of private ones only to themselves', async () => {
  const payload = (jid: string) => `<query xmlns="http://jabber.org/protocol/disco#items"><item jid="${jid}"/></query>`;
  const world = await TestWorld.of();
  world.asks('1').take();
  world.answers('1', { inside: payload(`${svc}/juliet@m.example/b`) });
  assert.match(world.one(), /jid="juliet@m.example\/b"/);
  const sealed = await TestWorld.of({ private: true });
  const seenOf = (from: string) => / from="([^"]+)"/.exec(sealed.asks('1', { from }).one())![1]!;
  const juliet = seenOf('juliet@m.example/b');
  const me = seenOf(romeo);
  sealed.answers('1', { to: me, inside: payload(juliet) });
  assert.match(sealed.one(), new RegExp(`jid="${juliet}"`));
  sealed.asks('2').take();
  sealed.answers('2', { to: me, inside: payload(me) });
  assert.match(sealed.one(), new RegExp(`jid="${romeo}"`));
});

test('nothing inside a private one’s stanza tells who it is', async () => {
  const world = await TestWorld.of({ private: true });
  for (const payload of payloads.filter((each) => !/<body>|urn:example|node="\{me\}"|var="text"/.test(each))) {
    world.asks('1', { type: 'set', inside: plain(payload) });
    const [text] = world.take();
    assert.not.match(text!, /romeo/, text);
  }
});

const carbon = (name: string) =>
  `<${name} xmlns="urn:xmpp:carbons:2"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" from="${romeo}"><body>x</body></message></forwarded></${name}>`;

test('neither side passes for the other’s own server (XEP-0280 §11)', async () => {
  const world = await TestWorld.of();
  const write = (from: string, to: string, inside: string) =>
    world.says(`<message id="m" from="${from}" to="${to}">${inside}<body>hi</body></message>`).one();
  for (const name of ['sent', 'received']) {
    assert.is(write(romeo, svc, carbon(name)), message({ id: 'm', from: seenRomeo, to: desk }, '<body>hi</body>'));
    assert.is(write(a, seenRomeo, carbon(name)), message({ id: 'm', from: svc, to: romeo }, '<body>hi</body>'));
  }
  const mark = '<private xmlns="urn:xmpp:carbons:2"/>';
  assert.is(write(romeo, svc, mark), message({ id: 'm', from: seenRomeo, to: desk }, `${mark}<body>hi</body>`));
});

test('an id that only the receiver’s own archive gives is taken out (XEP-0359 §6)', async () => {
  const world = await TestWorld.of();
  const write = (by: string) =>
    world
      .says(
        `<message id="m" from="${romeo}" to="${svc}"><stanza-id xmlns="urn:xmpp:sid:0" by="${by}" id="1"/></message>`,
      )
      .one();
  for (const by of [svc, desk, a]) assert.not.match(write(by), /stanza-id/);
  assert.match(write('room@rooms.example'), /<stanza-id /);
});

test('who wrote it first is said by `from` alone (XEP-0033)', async () => {
  const world = await TestWorld.of();
  const inside = (kept = '') =>
    `<addresses xmlns="http://jabber.org/protocol/address">${kept}<address type="cc" jid="juliet@m.example"/></addresses>`;
  const origin = '<address type="ofrom" jid="boss@home.example"/>';
  world.says(`<message id="m" from="${romeo}" to="${svc}">${inside(origin)}</message>`);
  assert.is(world.one(), message({ id: 'm', from: seenRomeo, to: desk }, inside()));
  world.says(`<message id="m" from="${a}" to="${seenRomeo}">${inside(origin)}</message>`);
  assert.is(world.one(), message({ id: 'm', from: svc, to: romeo }, inside()));
});

test.run();
