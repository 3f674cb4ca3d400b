/** A hub with clients of the account's own view and of a translated one. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openMemoryStore } from '../src/archive/store.ts';
import { Hub } from '../src/hub/hub.ts';
import type { SessionFacts } from '../src/link/link.ts';
import { ViewOutlet } from '../src/view/outlet.ts';
import { TranslatedView } from '../src/view/translated.ts';
import { openView, type View } from '../src/view/view.ts';
import type { BareJid, FullJid } from '../src/wire/jid.ts';
import { NS } from '../src/wire/ns.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { account, core, like, settings } from './lib/hub.ts';

const own = 'alice+work@proxy.example' as BareJid;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

interface Delivered {
  sids: readonly number[];
  stanza: Stanza;
}

class Place {
  readonly delivered: Delivered[] = [];
  readonly up: string[] = [];
  readonly passwords: string[] = [];
  refusal: string | null = null;
  hub!: Hub;
  outlet!: ViewOutlet;
  readonly #views = new Map<number, View>();

  static async run(act: (place: Place) => void | Promise<void>): Promise<void> {
    const place = new Place();
    const store = await openMemoryStore();
    place.outlet = new ViewOutlet({
      deliver: (sids, stanza) => void place.delivered.push({ sids: [...sids], stanza }),
      facts() {},
    });
    const { outlet } = place;
    const send = (text: string) => place.up.push(text) > 0;
    place.hub = await Hub.open({ account, settings, store, outlet, log: silent, send, passwordChanged() {} });
    place.hub.online(core, false);
    try {
      await act(place);
    } finally {
      place.hub.close();
      await store.close();
    }
  }

  client(sid: number, view: 'identity' | 'single', resource: string): void {
    const bare = view === 'single' ? own : account;
    const address = `${bare}/${resource}` as FullJid;
    const nothing = { carbons: false, interested: false, blocklist: false, inactive: false, directed: [], rooms: [] };
    const facts: SessionFacts = { view, bare, address, presence: undefined, ...nothing };
    const parts = {
      hub: this.hub,
      outlet: this.outlet,
      account,
      tell: (stanza: Stanza) => void this.delivered.push({ sids: [sid], stanza }),
      setPassword: async (password: string) => {
        this.passwords.push(password);
        return { refusal: this.refusal };
      },
    };
    this.#views.set(sid, view === 'single' ? new TranslatedView(parts, sid, facts) : openView(this.hub, sid, facts));
    this.says(sid, '<presence/>');
  }

  says(sid: number, xml: string): void {
    this.#views.get(sid)!.stanza(Stanza.of(parseElement(xml)));
  }
  leaves(sid: number, unacknowledged: readonly string[] = []): void {
    this.#views.get(sid)!.detach(unacknowledged.map((xml) => Stanza.of(parseElement(xml))));
  }
  server(xml: string): void {
    const element = parseElement(xml);
    element.attrs.from ??= account;
    this.hub.stanza(Stanza.of(element));
  }
  /** The id that the request upstream has which was sent last. */
  lastId(): string {
    return parseElement(this.up.at(-1)!).attrs.id;
  }
  forget(): this {
    this.delivered.splice(0);
    this.up.splice(0);
    return this;
  }
  to(sid: number): string[] {
    return this.delivered.filter(({ sids }) => sids.includes(sid)).map(({ stanza }) => stanza.toString());
  }
}

const message =
  '<message from="bob@home.example/desk" to="alice@work.example" type="chat" id="1"><body>hi</body></message>';

test('without a translated client the edge gets the hub’s own stanza', () =>
  Place.run((place) => {
    place.client(1, 'identity', 'a');
    place.client(2, 'identity', 'b');
    place.forget();
    const stanza = Stanza.of(parseElement(message));
    place.hub.stanza(stanza);
    assert.is(place.delivered.length, 1);
    assert.is(place.delivered[0]!.stanza, stanza);
    assert.equal(place.delivered[0]!.sids, [1, 2]);
    place.client(3, 'single', 'c');
    place.leaves(3);
    place.forget();
    place.hub.stanza(stanza);
    assert.is(place.delivered[0]!.stanza, stanza, 'nor when there was one');
  }));

test('one stanza for all clients of a view, whatever their number', () =>
  Place.run((place) => {
    place.client(1, 'identity', 'a');
    for (const sid of [2, 3, 4]) place.client(sid, 'single', `app${sid}`);
    place.forget();
    place.server(message);
    assert.equal(
      place.delivered.map(({ sids }) => sids),
      [[1], [2, 3, 4]],
    );
    assert.is(place.delivered[0]!.stanza.rest, place.delivered[1]!.stanza.rest);
    assert.is(place.delivered[1]!.stanza.to, own);
  }));

test('equal resources in two views are two clients', () =>
  Place.run((place) => {
    place.client(1, 'identity', 'phone');
    place.client(2, 'single', 'phone');
    like(place.to(1).at(-1), '<presence', `from="${account}/phone~alice+work"`);
    like(place.to(2).join(), `from="${own}/phone"`, `from="${own}/phone~alice+work"`);
    place.forget();
    place.says(2, `<message to="${own}/phone~alice+work" type="chat"><body>psst</body></message>`);
    assert.equal(
      place.delivered.map(({ sids }) => sids),
      [[1]],
    );
    like(place.to(1)[0], `from="${account}/phone~alice+work"`);
  }));

test('an answer comes from the name that was asked', () =>
  Place.run((place) => {
    place.client(2, 'single', 'phone');
    for (const to of ['proxy.example', 'work.example', own, account, 'rooms.work.example']) {
      place.forget();
      place.says(2, `<iq type="get" id="same" to="${to}"><query xmlns="urn:example"/></iq>`);
      const up = parseElement(place.up[0]!);
      assert.not.ok(place.up[0]!.includes('proxy.example'));
      place.server(`<iq type="result" id="${up.attrs.id}" from="${up.attrs.to}"/>`);
      like(place.to(2)[0], `from="${to}"`, 'id="same"');
    }
    place.forget();
    place.says(2, '<iq type="get" id="ping" to="work.example"><ping xmlns="urn:xmpp:ping"/></iq>');
    like(place.to(2)[0], 'from="work.example"', 'type="result"');
  }));

test('encryptions with addresses inside are withheld: events, items, lists, interest', () =>
  Place.run((place) => {
    const node = 'urn:xmpp:omemo:2:devices';
    place.client(1, 'identity', 'a');
    place.client(2, 'single', 'b');
    const query = (features: string[]) =>
      `<query xmlns="${NS.discoInfo}">${features.map((feature) => `<feature var="${feature}"/>`).join('')}</query>`;
    const nodes = [node, `${NS.openpgp}:public-keys`, 'eu.siacs.conversations.axolotl.devicelist'];
    for (const sid of [1, 2]) {
      place.forget();
      place.says(sid, `<presence><c xmlns="${NS.caps}" hash="sha-1" node="x" ver="${sid}"/></presence>`);
      const asked = place.delivered.find(({ sids, stanza }) => stanza.name === 'iq' && sids.includes(sid))!.stanza;
      const to = sid === 1 ? account : own;
      place.says(
        sid,
        `<iq type="result" id="${asked.id}" to="${to}">${query(nodes.map((name) => `${name}+notify`))}</iq>`,
      );
    }
    const event = (name: string) =>
      place.server(
        `<message from="bob@home.example"><event xmlns="${NS.pubsubEvent}"><items node="${name}"><item id="current"><list/></item></items></event></message>`,
      );
    place.forget();
    for (const name of nodes) event(name);
    assert.equal([place.to(1).length, place.to(2).length], [3, 1]);
    like(place.to(2)[0], 'eu.siacs.conversations.axolotl.devicelist');
    place.leaves(1);
    like(place.up.at(-1), '<presence');
    place.forget();
    place.server(`<iq type="get" id="1" from="bob@home.example/x"><query xmlns="${NS.discoInfo}"/></iq>`);
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      like(place.up[0], 'eu.siacs.conversations.axolotl.devicelist+notify');
      assert.not.ok(place.up[0]!.includes('urn:xmpp:o'), place.up[0]);
      place.forget();
      const refused = (inside: string, condition: string, type = 'set') => {
        place.forget().says(2, `<iq type="${type}" id="1">${inside}</iq>`);
        assert.is(place.up.length, 0);
        like(place.to(2)[0], 'type="error"', condition);
      };
      for (const name of nodes.slice(0, 2)) {
        refused(`<pubsub xmlns="${NS.pubsub}"><publish node="${name}"/></pubsub>`, '<not-acceptable');
        refused(`<pubsub xmlns="${NS.pubsubOwner}"><delete node="${name}"/></pubsub>`, '<not-acceptable');
        refused(`<pubsub xmlns="${NS.pubsub}"><items node="${name}"/></pubsub>`, '<item-not-found', 'get');
        refused(`<query xmlns="${NS.discoInfo}" node="${name}"/>`, '<item-not-found', 'get');
      }
      place.forget().says(2, `<iq type="get" id="1" to="bob@home.example"><query xmlns="${NS.discoItems}"/></iq>`);
      const items = nodes.map((name) => `<item jid="bob@home.example" node="${name}"/>`).join('');
      place.server(
        `<iq type="result" id="${place.lastId()}" from="bob@home.example"><query xmlns="${NS.discoItems}">${items}</query></iq>`,
      );
      assert.is(place.to(2)[0]!.match(/<item /g)?.length, 1);
    });
  }));

test('jabber:iq:register is about the proxy password', () =>
  Place.run(async (place) => {
    place.client(2, 'single', 'b');
    const register = async (inside: string, type = 'set', to = '') => {
      place.forget().says(2, `<iq type="${type}" id="1"${to}><query xmlns="${NS.register}">${inside}</query></iq>`);
      await new Promise((resolve) => setImmediate(resolve));
      assert.is(place.up.length, 0);
      assert.is(place.to(2).length, 1);
      return place.to(2)[0]!;
    };
    like(await register('', 'get'), '<registered/>', '<username>alice+work</username>');
    like(await register('<remove/>'), '<not-allowed');
    like(await register('<username>bob</username><password>x</password>'), '<bad-request');
    like(await register('<username>alice+work</username>'), '<bad-request');
    assert.equal(place.passwords, []);
    like(
      await register('<username>alice+work</username><password>new</password>', 'set', ' to="proxy.example"'),
      'type="result"',
    );
    assert.equal(place.passwords, ['new']);
    place.refusal = 'A password cannot be empty.';
    like(await register('<password> </password>'), '<not-acceptable', place.refusal);
    place
      .forget()
      .says(
        2,
        `<iq type="set" id="1" to="rooms.work.example"><query xmlns="${NS.register}"><nick>b</nick></query></iq>`,
      );
    assert.is(place.up.length, 1, 'registration elsewhere is the other’s business');
  }));

test('what a client never acknowledged is kept under the account’s addresses', () =>
  Place.run((place) => {
    place.client(2, 'single', 'b');
    place.leaves(2, [
      `<message from="bob@home.example/desk" to="${own}" type="chat" id="7"><body>late</body><stanza-id xmlns="urn:xmpp:sid:0" by="${own}" id="1"/></message>`,
    ]);
    place.forget().client(1, 'identity', 'a');
    const late = place.to(1).find((text) => text.includes('late'));
    like(late, `by="${account}"`);
    assert.not.ok(late!.includes('proxy.example'));
  }));

test('SOCKS5 candidates that cannot work are dropped, in either direction and every view', () =>
  Place.run((place) => {
    place.client(1, 'identity', 'a');
    place.client(2, 'single', 'b');
    const offer = (address: string, dstaddr: string) =>
      `<query xmlns="${NS.bytestreams}" sid="s"${dstaddr}><streamhost jid="${address}" host="h" port="1"/><streamhost jid="proxy.home.example" host="h" port="2"/></query>`;
    const out = (sid: number, address: string, dstaddr: string) => {
      place.forget().says(sid, `<iq type="set" id="1" to="bob@home.example/x">${offer(address, dstaddr)}</iq>`);
      return place.up[0]!.match(/<streamhost /g)?.length ?? 0;
    };
    const hash = ' dstaddr="972b7bf47291ca609517f67f86b5081086052dad"';
    for (const [sid, address] of [
      [1, `${account}/a`],
      [2, `${own}/b`],
    ] as const) {
      assert.is(out(sid, address, ''), 0);
      assert.is(out(sid, address, hash), 1, 'its own, with its hash');
    }
    place.leaves(1);
    for (const [dstaddr, kept] of [
      ['', 0],
      [hash, 2],
    ] as const) {
      place.forget();
      place.server(`<iq type="set" id="1" from="bob@home.example/x">${offer('bob@home.example/x', dstaddr)}</iq>`);
      assert.is(place.to(2)[0]!.match(/<streamhost /g)?.length ?? 0, kept);
    }
    const jingle = `<jingle xmlns="${NS.jingle}" action="session-initiate" initiator="${own}/b" sid="j"><content name="f"><transport xmlns="urn:xmpp:jingle:transports:s5b:1" sid="t"><candidate cid="1" jid="${own}/b" type="direct"/></transport></content></jingle>`;
    place.forget().says(2, `<iq type="set" id="1" to="bob@home.example/x">${jingle}</iq>`);
    like(place.up[0], `initiator="${core}"`, '<transport');
    assert.not.ok(place.up[0]!.includes('candidate'));
    place
      .forget()
      .says(2, `<iq type="set" id="1" to="bob@home.example/x">${jingle.replace(' sid="t"', ` sid="t"${hash}`)}</iq>`);
    like(place.up[0], '<candidate');
  }));

test.run();
