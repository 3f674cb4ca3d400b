/** What a translated view does not pass on as it is: encryptions, the password, SOCKS5 candidates. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { account, core, like } from './lib/hub.ts';
import { own, Place } from './lib/view.ts';

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
