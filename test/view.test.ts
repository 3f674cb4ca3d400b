/** Own addresses between a client and its hub: every place of the table, and nothing else; outward and back is nothing. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hubAddress, inward, outward, type Pair } from '../src/view/addresses.ts';
import { type BareJid, type FullJid, parseJid } from '../src/wire/jid.ts';
import { parseElement } from '../src/wire/parser.ts';
import { namespaces, visitStanza } from '../src/wire/places.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { type Element, escapeAttribute, escapeText, serialize } from '../src/wire/xml.ts';

const pair: Pair = { own: 'alice+work@proxy.example' as BareJid, account: 'alice@work.example' as BareJid };
const stanzaOf = (xml: string): Stanza => Stanza.of(parseElement(xml));
const textOf = ({ tree }: Stanza): string => serialize(tree);

/** Payloads with every place of the table: `{}` is an address, `{text}` one in text. */
const payloads = [
  '<query xmlns="jabber:iq:roster" ver="{x}"><item jid="{}" name="{x}"><group>{x}</group></item></query>',
  '<x xmlns="http://jabber.org/protocol/rosterx"><item action="add" jid="{}"/></x>',
  '<block xmlns="urn:xmpp:blocking"><item jid="{}"><report xmlns="urn:xmpp:reporting:1" reason="urn:xmpp:reporting:spam"><stanza-id xmlns="urn:xmpp:sid:0" by="{}" id="{x}"/><text>{x}</text></report></item></block>',
  '<unblock xmlns="urn:xmpp:blocking"><item jid="{}"/></unblock>',
  '<blocklist xmlns="urn:xmpp:blocking"><item jid="{}"/><item jid="{}"/></blocklist>',
  '<sent xmlns="urn:xmpp:carbons:2"><forwarded xmlns="urn:xmpp:forward:0">{stanza}</forwarded></sent>',
  '<received xmlns="urn:xmpp:carbons:2"><forwarded xmlns="urn:xmpp:forward:0">{stanza}</forwarded></received>',
  '<result xmlns="urn:xmpp:mam:2" id="{x}" queryid="{x}"><forwarded xmlns="urn:xmpp:forward:0"><delay xmlns="urn:xmpp:delay" from="{}" stamp="{x}"/>{stanza}</forwarded></result>',
  '<forwarded xmlns="urn:xmpp:forward:0">{stanza}</forwarded>',
  '<query xmlns="urn:xmpp:mam:2"><x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE"><value>urn:xmpp:mam:2</value></field><field var="with"><value>{text}</value></field><field var="start"><value>{x}</value></field></x></query>',
  '<prefs xmlns="urn:xmpp:mam:2" default="roster"><always><jid>{text}</jid></always><never><jid>{text}</jid></never></prefs>',
  '<archived xmlns="urn:xmpp:mam:tmp" by="{}" id="{x}"/>',
  '<stanza-id xmlns="urn:xmpp:sid:0" by="{}" id="{x}"/>',
  '<origin-id xmlns="urn:xmpp:sid:0" by="{}" id="{x}"/>',
  '<delay xmlns="urn:xmpp:delay" from="{}" stamp="{x}">{x}</delay>',
  '<x xmlns="jabber:x:delay" from="{}" stamp="{x}"/>',
  '<event xmlns="http://jabber.org/protocol/pubsub#event"><items node="{x}"><item id="{}" publisher="{}"><displayed xmlns="urn:xmpp:mds:displayed:0"><stanza-id xmlns="urn:xmpp:sid:0" by="{}" id="{x}"/></displayed></item><retract id="{}"/></items></event>',
  '<event xmlns="http://jabber.org/protocol/pubsub#event"><subscription node="{x}" jid="{}" subscription="subscribed"/></event>',
  '<event xmlns="http://jabber.org/protocol/pubsub#event"><configuration node="{x}"><x xmlns="jabber:x:data" type="result"><field var="pubsub#owner"><value>{text}</value><value>{text}</value></field><field var="pubsub#title"><value>{x}</value></field></x></configuration></event>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="{x}"><item id="{}" publisher="{}"><conference xmlns="urn:xmpp:bookmarks:1" name="{x}"><nick>{x}</nick></conference></item></items></pubsub>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub"><publish node="storage:bookmarks"><item id="{}"><storage xmlns="storage:bookmarks"><conference jid="{}" name="{x}"/></storage></item></publish><publish-options><x xmlns="jabber:x:data"><field var="pubsub#contact"><value>{text}</value></field></x></publish-options></pubsub>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub"><retract node="{x}"><item id="{}"/></retract></pubsub>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub"><subscribe node="{x}" jid="{}"/><options node="{x}" jid="{}"/></pubsub>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub"><unsubscribe node="{x}" jid="{}"/></pubsub>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub"><subscription node="{x}" jid="{}"/></pubsub>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub"><subscriptions><subscription node="{x}" jid="{}"/></subscriptions></pubsub>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub"><affiliations><affiliation node="{x}" jid="{}"/></affiliations></pubsub>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub#owner"><subscriptions node="{x}"><subscription jid="{}"/></subscriptions></pubsub>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub#owner"><affiliations node="{x}"><affiliation jid="{}"/></affiliations></pubsub>',
  '<pubsub xmlns="http://jabber.org/protocol/pubsub#owner"><configure node="{x}"><x xmlns="jabber:x:data"><field var="pubsub#creator"><value>{text}</value></field></x></configure></pubsub>',
  '<query xmlns="jabber:iq:private"><storage xmlns="storage:bookmarks"><conference jid="{}" name="{x}"><nick>{x}</nick></conference></storage></query>',
  '<x xmlns="http://jabber.org/protocol/muc#user"><item affiliation="member" jid="{}" nick="{x}"><actor jid="{}" nick="{x}"/><reason>{x}</reason></item><invite from="{}" to="{}"><reason>{x}</reason></invite><decline from="{}" to="{}"/></x>',
  '<query xmlns="http://jabber.org/protocol/muc#admin"><item affiliation="owner" jid="{}"><actor jid="{}"/></item></query>',
  '<query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="form"><field var="muc#roomconfig_roomowners" type="jid-multi"><value>{text}</value></field></x></query>',
  '<x xmlns="jabber:x:data" type="form"><field var="muc#jid"><value>{text}</value></field><field var="muc#roomnick"><value>{x}</value></field></x>',
  '<query xmlns="http://jabber.org/protocol/disco#items" node="{x}"><item jid="{}" node="{x}" name="{x}"/></query>',
  '<addresses xmlns="http://jabber.org/protocol/address"><address type="to" jid="{}" desc="{x}"/><address type="replyto" jid="{}"/></addresses>',
  '<jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" initiator="{}" responder="{}" sid="{x}"><content name="{x}"><transport xmlns="urn:xmpp:jingle:transports:s5b:1" sid="{x}"><candidate cid="{x}" jid="{}" host="{x}"/></transport></content></jingle>',
  '<invite xmlns="urn:xmpp:call-invites:0"><jingle sid="{x}" jid="{}"/></invite>',
  '<query xmlns="http://jabber.org/protocol/bytestreams" sid="{x}"><streamhost jid="{}" host="{x}" port="1"/><streamhost-used jid="{}"/><activate>{text}</activate></query>',
  '<reply xmlns="urn:xmpp:reply:0" to="{}" id="{x}"/>',
  '<enable xmlns="urn:xmpp:push:0" jid="{}" node="{x}"/>',
  '<error type="cancel" by="{}"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">{x}</text></error>',
  // none of these has a place
  '<body>{x}</body>',
  '<query xmlns="jabber:iq:register"><username>{x}</username><password>{x}</password></query>',
  '<query xmlns="jabber:iq:search"><item jid="{x}"/></query>',
  '<vCard xmlns="vcard-temp"><JABBERID>{x}</JABBERID></vCard>',
  '<open xmlns="http://jabber.org/protocol/ibb" sid="{x}" block-size="4096"/>',
  '<data xmlns="http://jabber.org/protocol/ibb" sid="{x}" seq="0">{x}</data>',
  '<fin xmlns="urn:xmpp:mam:2" complete="true"><set xmlns="http://jabber.org/protocol/rsm"><first>{x}</first><last>{x}</last></set></fin>',
  '<x xmlns="jabber:x:conference" jid="{x}" reason="{x}"/>',
  '<x xmlns="jabber:x:oob"><url>{x}</url></x>',
  '<c xmlns="http://jabber.org/protocol/caps" node="{x}" ver="{x}"/>',
  '<item xmlns="urn:example:other" jid="{x}"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" from="{x}"/></forwarded></item>',
  '<query xmlns="urn:example:roster"><item jid="{x}"/></query>',
];

/** Own names on the client's side, and others that only look like them. */
const own = [
  'alice+work@proxy.example',
  'alice+work@proxy.example/phone',
  'alice+work@proxy.example/phone~alice+work',
  'alice+work@proxy.example/phone~alice+work~alice+work',
  'alice+work@proxy.example/~alice+work',
  'alice+work@proxy.example/alice+work@proxy.example/phone',
  'alice+work@proxy.example/alice@work.example',
  'alice+work@proxy.example/a b & "c" <d> \u00e9\u{1f600}',
  `alice+work@proxy.example/${'long'.repeat(255)}`,
  'proxy.example',
  'proxy.example/echo',
];
const others = [
  'bob@home.example/desk',
  'bob@work.example',
  'bob@work.example/alice@work.example',
  'rooms.work.example',
  'room@rooms.work.example/alice+work@proxy.example',
  'root@proxy.example',
  'alice@proxy.example',
  'alice+home@proxy.example/phone',
  'xalice+work@proxy.example',
  'alice+work@proxy.example.evil.example',
  'alice+work\\40proxy.example@gateway.example',
  'proxy.example.evil.example',
  'alice@work.example.evil.example',
  'not an address @@',
  '',
  'alice+work@proxy.example@proxy.example',
];

/** A generator that gives the same each time (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Made {
  xml: string;
  /** The addresses put into places, in the order of the text. */
  placed: string[];
}

function generate(random: () => number, depth: number, payload?: string, ns = ''): Made {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const address = () => pick(random() < 0.5 ? own : others);
  const placed: string[] = [];
  const put = (written: (text: string) => string): string => {
    const chosen = address();
    placed.push(chosen);
    return written(chosen);
  };
  const name = pick(['message', 'presence', 'iq']);
  const start = `<${name}${ns} to="${put(escapeAttribute)}" from="${put(escapeAttribute)}" id="${escapeAttribute(address())}">`;
  const chosen =
    payload === undefined ? Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(payloads)) : [payload];
  const inside = chosen.join('').replace(/\{(stanza|text|x|)\}/g, (_, what: string) => {
    if (what === 'x') return escapeAttribute(address()); // content: whatever it says
    if (what === 'text') return put(escapeText);
    if (what === '') return put(escapeAttribute);
    const inner = generate(random, depth + 1, depth > 2 ? '<body>{x}</body>' : undefined, ' xmlns="jabber:client"');
    placed.push(...inner.placed);
    return inner.xml;
  });
  return { xml: `${start}${inside}</${name}>`, placed };
}

/** Addresses in all places, the outer ones first. */
function placesOf({ to, from, tree }: Stanza): string[] {
  const found = [to!, from!];
  visitStanza(tree, (element, attribute) =>
    found.push(attribute === undefined ? element.getText() : element.attrs[attribute]),
  );
  return found.sort();
}

/** With every place empty: what must not change. */
function contentOf(stanza: Stanza): string {
  const copy = parseElement(serialize(stanza.tree));
  Object.assign(copy.attrs, { to: '', from: '' });
  visitStanza(copy, (element: Element, attribute) => {
    if (attribute === undefined) element.children = [];
    else element.attrs[attribute] = '';
  });
  return serialize(copy);
}

/** What one address becomes, told by the outer `to` alone. */
const outwardOf = (address: string): string =>
  address === '' ? '' : outward(Stanza.fromParts('message', { to: address }, '/>'), pair).to!;

test('each row of the table has an example, and the text names each namespace', () => {
  const specified = readFileSync('src/view/addresses.md', 'utf8');
  for (const ns of namespaces) {
    assert.ok(
      payloads.some((payload) => payload.includes(`xmlns="${ns}"`)),
      `no payload of ${ns}`,
    );
    assert.ok(specified.includes(`\`${ns}\``), `${ns} is not in addresses.md`);
  }
});

test('every place is exchanged and nothing else is; outward and back is nothing', () => {
  const random = randomOf(1);
  for (let round = 0; round < 4000; round++) {
    const { xml, placed } = generate(
      random,
      0,
      round < payloads.length * 20 ? payloads[round % payloads.length] : undefined,
    );
    const stanza = stanzaOf(xml);
    assert.equal(placesOf(stanza), [...placed].sort(), `places of ${xml}`);
    const gone = outward(stanza, pair);
    assert.equal(placesOf(gone), placed.map(outwardOf).sort(), xml);
    assert.is(contentOf(gone), contentOf(stanza));
    const back = inward(gone, pair);
    assert.is(textOf(back), textOf(stanza));
    assert.is(back.to, stanza.to);
    assert.is(back.from, stanza.from);
    assert.is(textOf(stanzaOf(xml)), textOf(stanza), 'the first is as it was');
  }
});

test('what each name becomes', () => {
  const becomes = (from: string, to: string) => assert.is(outwardOf(from), to, from);
  becomes('alice+work@proxy.example', 'alice@work.example');
  becomes('alice+work@proxy.example/phone', 'alice@work.example/phone~alice+work');
  becomes('alice+work@proxy.example/phone~alice+work', 'alice@work.example/phone');
  becomes('proxy.example', 'work.example');
  becomes('proxy.example/echo', 'work.example/echo');
  for (const other of others) becomes(other, other);
  // written as nobody prepared it
  becomes('Alice+WORK@Proxy.Example/Phone', 'alice@work.example/Phone~alice+work');
  // the account's real names mean the account, too
  becomes('alice@work.example', 'alice@work.example');
  becomes('work.example', 'work.example');
  for (const name of own) assert.not.ok(/^(alice\+work@)?proxy\.example(\/|$)/.test(outwardOf(name)), name);
});

test('the client’s own full address, as the hub knows it', () => {
  const full = parseJid('alice+work@proxy.example/phone') as FullJid;
  assert.is(hubAddress(full, pair), 'alice@work.example/phone~alice+work');
  assert.is(outwardOf(full), hubAddress(full, pair));
});

test('where nothing inside differs the text is shared', () => {
  const stanza = stanzaOf(
    '<message from="bob@home.example/x" type="chat" id="1"><body>alice@work.example</body></message>',
  );
  assert.is(inward(stanza, pair).rest, stanza.rest);
});

test.run();
