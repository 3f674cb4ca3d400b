/** Clients of two views at one hub: who gets what, under which name. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { account, like } from './lib/hub.ts';
import { own, Place } from './lib/view.ts';

const said = (inside = '') =>
  `<message from="bob@home.example/desk" to="alice@work.example" type="chat" id="1"><body>hi</body>${inside}</message>`;
/** Nothing is added to what is not archived. */
const message = said(`<no-store xmlns="${NS.hints}"/>`);

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
    place.forget();
    place.server(said());
    like(place.to(1)[0], `<stanza-id xmlns="${NS.sid}" by="${account}"`);
    like(place.to(2)[0], `<stanza-id xmlns="${NS.sid}" by="${own}"`);
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

test('a session that is attached again, by what the edge kept of it, is as it was', () =>
  Place.run(async (place) => {
    place.client(2, 'single', 'b');
    place.says(2, `<iq type="set" id="1"><enable xmlns="${NS.carbons}"/></iq>`);
    place.says(2, '<presence to="proxy.example/echo"/>');
    assert.equal(place.facts.directed, ['work.example/echo'], 'in the hub’s addresses');
    const { facts } = place;
    await Place.run((next) => {
      next.client(2, 'single', 'b', facts);
      next.forget().client(1, 'identity', 'a');
      const seen = next.to(1).find((text) => text.includes(`from="${account}/b~alice+work"`));
      like(seen, '<presence');
      next.says(1, '<message to="bob@home.example" type="chat"><body>hi</body></message>');
      like(next.to(2).at(-1), '<sent', `from="${own}/a~alice+work"`);
    });
  }));

test.run();
