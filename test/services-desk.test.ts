/** The edge's side of service addresses: who is taken for whom, and who gets what. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ServiceEngine, Way } from '../src/jat/types.ts';
import type { LoginView } from '../src/link/link.ts';
import { Desk } from '../src/services/desk.ts';
import { readPresence } from '../src/services/presence.ts';
import type { Session } from '../src/session/session.ts';
import { type Outgoing, stanzaOf } from '../src/stream/outgoing.ts';
import { type BareJid, bare, domainOf, type FullJid, type Jid, parseBare, parseJid } from '../src/wire/jid.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';

const domain = parseBare('proxy.example');
const help = parseBare('help@svc.example');
const own = parseBare('own@proxy.example');
const desk = parseBare('desk@home.example');
const stanza = (text: string): Stanza => Stanza.of(parseElement(text));
/** Whom a helper of the test stands for: what a client gets. */
interface Client {
  session: Session;
  got: string[];
}

function client(address: string, view: LoginView = 'identity', account?: string): Client {
  const got: string[] = [];
  const full = parseJid(address) as FullJid;
  const facts = {
    view,
    bare: bare(full),
    address: full,
    carbons: false,
    presence: undefined,
    ...(account && { account: parseBare(account) }),
  };
  const session = { facts, send: (one: Outgoing) => got.push(stanzaOf(one).textFor(undefined, one.from)) };
  return { session: session as unknown as Session, got };
}

function stage() {
  const told: string[] = [];
  const component: Way = { name: 'svc', send: (one) => told.push(`component: ${one.toString()}`) > 0 };
  const addresses: Jid[] = [help, own];
  const parts = new Desk({
    domain,
    hosts: () => new Set(['svc.example', 'proxy.example']),
    isTarget: (account, address) => account === desk && (address === undefined || address === help || address === own),
    own: () => [own],
    component: (address) => (domainOf(address) === 'svc.example' ? component : undefined),
  });
  const engine = {
    serves: (to: Jid) => addresses.includes(bare(to)),
    stanza: (one: Stanza) => void told.push(one.toString()),
    resource: (face: FullJid, presence: unknown) =>
      void told.push(`resource ${face} ${presence === undefined ? 'gone' : JSON.stringify(presence)}`),
    directness: (account: BareJid) => void told.push(`directness ${account} ${parts.isPresent(account)}`),
    opened: () => {},
  };
  parts.open(engine as unknown as ServiceEngine);
  const comes = (one: Client, presence = '<presence/>') => {
    one.session.facts.presence = presence;
    parts.presence(one.session);
  };
  return { desk: parts, told, comes };
}

test('what is taken: all but subscriptions that a server has to know of', () => {
  const { desk: at } = stage();
  const alice = client('alice@home.example/phone').session;
  const merged = client('bob@proxy.example/phone', 'merged').session;
  const cases: [string, boolean, boolean][] = [
    [`<iq type="get" id="1" to="${help}/x"/>`, true, true],
    [`<message to="${help}"/>`, true, true],
    [`<presence to="${help}"/>`, true, true],
    [`<presence type="subscribe" to="${help}"/>`, false, true],
    [`<presence type="unsubscribed" to="${help}"/>`, false, true],
    [`<presence type="subscribe" to="${own}"/>`, true, true],
    ['<iq type="get" id="1" to="other@svc.example"/>', false, false],
    ['<iq type="get" id="1" to="help@svc.example.org"/>', false, false],
    ['<iq type="get" id="1" to="proxy.example"/>', false, false],
    ['<presence/>', false, false],
  ];
  for (const [text, ofAlice, ofMerged] of cases) {
    assert.is(at.takes(alice, stanza(text)), ofAlice, text);
    assert.is(at.takes(merged, stanza(text)), ofMerged, text);
  }
});

test('whom a client stands for', () => {
  const { desk: at, told } = stage();
  at.stanza(client('alice@home.example/phone').session, stanza(`<iq type="get" id="1" to="${help}/x"/>`));
  at.stanza(
    client('alice+home@proxy.example/phone', 'single', 'alice@home.example').session,
    stanza(`<iq type="get" id="1" to="${help}"/>`),
  );
  at.stanza(client('alice@home.example/phone').session, stanza(`<presence type="subscribe" to="${own}"/>`));
  assert.equal(told, [
    `<iq to="${help}/x" from="alice@home.example/phone" type="get" id="1"/>`,
    `<iq to="${help}" from="alice@home.example/phone~alice+home" type="get" id="1"/>`,
    `<presence to="${own}" from="alice@home.example" type="subscribe"/>`,
  ]);
});

test('apps of an account that answers are told of, and when the last is gone', () => {
  const { desk: at, told, comes } = stage();
  const [a, b] = [client(`${desk}/a`), client(`${desk}/b`)];
  comes(a);
  comes(b, '<presence><show>dnd</show><priority>-3</priority></presence>');
  at.over(a.session, []);
  b.session.facts.presence = undefined;
  at.presence(b.session);
  at.over(b.session, []);
  const probe = `<presence to="${own}" from="${desk}" type="probe"/>`;
  assert.equal(told, [
    `directness ${desk} true`,
    `resource ${desk}/a {"priority":0}`,
    probe,
    `resource ${desk}/b {"priority":-3,"show":"dnd"}`,
    probe,
    `resource ${desk}/a gone`,
    `resource ${desk}/b gone`,
    `directness ${desk} false`,
  ]);
});

test('a message is for all apps of a person, but where one alone is meant', () => {
  const { desk: at, comes } = stage();
  const [phone, laptop, silent] = [
    client('al@home.example/p'),
    client('al@home.example/l'),
    client('al@home.example/s'),
  ];
  const [a, b] = [client(`${desk}/a`), client(`${desk}/b`)];
  for (const one of [phone, laptop, a, b]) comes(one);
  comes(silent, '<presence><priority>-1</priority></presence>');
  const counts = () => [phone, laptop, silent, a, b].map(({ got }) => got.splice(0).length);
  const send = (text: string) => at.send(stanza(text));
  send(`<message from="${help}" to="al@home.example/p"><body>1</body></message>`);
  assert.equal(counts(), [1, 1, 0, 0, 0]);
  send(`<message from="${help}" to="al@home.example/s"><body>1</body></message>`);
  assert.equal(counts(), [1, 1, 1, 0, 0]);
  send(`<message from="${help}" to="al@home.example/p" type="groupchat"/>`);
  send(`<message from="${help}/n" to="al@home.example/p"><x xmlns="http://jabber.org/protocol/muc#user"/></message>`);
  send(`<message from="${help}" to="al@home.example/p" type="error"/>`);
  send(`<iq from="${help}" to="al@home.example/p" type="result" id="1"/>`);
  send(`<presence from="${help}" to="al@home.example/p"/>`);
  assert.equal(counts(), [5, 0, 0, 0, 0]);
  send(`<presence from="${help}" to="al@home.example"/>`);
  assert.equal(counts(), [1, 1, 1, 0, 0]);
  send(`<message from="${help}/x" to="${desk}"><body>1</body></message>`);
  assert.equal(counts(), [0, 0, 0, 1, 1]);
  send(`<message from="${help}/x" to="${desk}/a"><body>1</body></message>`);
  assert.equal(counts(), [0, 0, 0, 1, 0], 'of a target, the one that is meant');
});

test('what is for nobody here is answered; an answer is not', async () => {
  const { desk: at, told } = stage();
  for (const text of ['iq type="get"', 'message', 'iq type="result"', 'message type="error"', 'presence'])
    assert.is(at.send(stanza(`<${text} id="1" from="${help}" to="al@home.example/gone"/>`)), true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(told.length, 2);
  for (const text of told) assert.match(text, /from="al@home\.example\/gone" type="error".*service-unavailable/);
});

test('directed presence ends with the app', () => {
  const { desk: at, told } = stage();
  const one = client('al@home.example/p').session;
  at.stanza(one, stanza(`<presence to="${help}/room"/>`));
  at.stanza(one, stanza(`<presence to="${help}/other"/>`));
  at.stanza(one, stanza(`<presence to="${help}/other" type="unavailable"/>`));
  told.length = 0;
  at.over(one, []);
  assert.equal(told, [`<presence to="${help}/room" from="al@home.example/p" type="unavailable"/>`]);
  for (let room = 0; room < 110; room++) at.stanza(one, stanza(`<presence to="${help}/${room}"/>`));
  told.length = 0;
  at.over(one, []);
  assert.is(told.length, 100, 'not without end');
});

test('a message that an app never acknowledged is kept by its server, or its sender is told', () => {
  const { desk: at, told, comes } = stage();
  const [one, other] = [client('al@home.example/p'), client('al@home.example/o')];
  for (const each of [one, other]) comes(each);
  told.length = 0;
  const left = [
    stanza(`<message from="${help}"><body>1</body></message>`),
    stanza(`<message from="${own}" id="2"><body>2</body></message>`),
    stanza(`<message from="far@away.example"><body>3</body></message>`),
    stanza(`<iq type="result" from="${help}" id="4"/>`),
  ];
  at.over(one.session, left);
  assert.equal(told, [], 'the other app has them');
  at.over(other.session, left);
  assert.is(told[0], `component: <message to="al@home.example" from="${help}"><body>1</body></message>`);
  assert.match(
    told[1]!,
    /<message to="own@proxy\.example" from="al@home\.example\/o" type="error" id="2">.*recipient-unavailable/,
  );
  assert.is(told.length, 2);
});

test('presence as it says who can be given work', () => {
  assert.equal(readPresence('<presence><priority>5</priority><show>xa</show></presence>'), { priority: 5, show: 'xa' });
  assert.equal(readPresence('<presence><priority>many</priority><show>busy</show></presence>'), {
    priority: 0,
    show: undefined,
  });
  assert.equal(readPresence(''), { priority: 0, show: undefined });
});

test.run();
