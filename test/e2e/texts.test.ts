/** What is said arrives as it was said; what nobody may say ends one stream and nothing else (RFC 6120 §§4.9, 11). */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { escapeText } from '../../src/wire/xml.ts';
import { isMessage, isPresence } from '../lib/party.ts';
import { login, type RawClient } from '../lib/raw.ts';
import { Scenarios, type World } from '../lib/world.ts';

const scenarios = new Scenarios();

async function pair({
  server,
  proxy,
}: World): Promise<{ phone: RawClient; bob: RawClient; again(resource?: string): Promise<RawClient> }> {
  const alice = await proxy.account(server, 'alice');
  const bobs = await server.account('bob', server.domains[1]);
  const bob = await login({ ...bobs, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
  bob.send('<presence/>');
  await bob.roundtrip();
  const again = async (resource = 'phone') => {
    const client = await proxy.login(alice, { resource });
    client.send('<presence/>');
    await client.received(isPresence({ from: client.jid }));
    return client;
  };
  return { phone: await again(), bob, again };
}

const texts: readonly string[] = [
  'plain',
  '<b>&amp; "quotes" \'apostrophes\' ]]> &lt;',
  'two\nlines\tand a tab',
  '😀 👩‍👩‍👧 עברית العربية 漢字 ﷽ é e\u0301',
  ' leading and trailing ',
  'x'.repeat(100_000),
  '😀'.repeat(20_000),
];

scenarios.add('texts survive both ways, whatever is in them', async (world) => {
  const { phone, bob } = await pair(world);
  for (const text of texts) {
    const out = phone.message(bob.jid, text);
    assert.is((await bob.received(isMessage({ id: out }))).getChildText('body'), text);
    const back = bob.message(phone.bare, text);
    assert.is((await phone.received(isMessage({ id: back }))).getChildText('body'), text);
  }
});

scenarios.add('unknown elements, prefixes and attributes of other namespaces go through whole', async (world) => {
  const { phone, bob } = await pair(world);
  phone.send(
    `<message id="x1" type="chat" to="${bob.jid}"><body>b</body><e:outer xmlns:e="urn:example:e" e:key="v" plain="p"><inner xmlns="urn:example:i"><e:deep/></inner>${escapeText('<t>')}</e:outer></message>`,
  );
  const outer = (await bob.received(isMessage({ id: 'x1' }))).getChild('outer', 'urn:example:e');
  assert.ok(outer, 'the element is there, in its namespace');
  assert.is(outer.attrs.plain, 'p');
  const foreign = Object.keys(outer.attrs).find((key) => /^(?!xmlns).*:key$/.test(key)); // under whatever prefix
  assert.is(foreign && outer.attrs[foreign], 'v');
  assert.ok(outer.getChild('inner', 'urn:example:i')?.getChild('deep', 'urn:example:e'));
  assert.is(outer.getText(), '<t>');
});

const wrong: readonly [string, string, string][] = [
  ['not well-formed', '<message><body></message>', 'not-well-formed'],
  ['a comment', '<!-- hello -->', 'restricted-xml'],
  ['an entity', '<message><body>&nbsp;</body></message>', 'restricted-xml'],
  ['a processing instruction', '<?php ?>', 'restricted-xml'],
  ['an unbound prefix', '<message><x:y/></message>', 'bad-namespace-prefix'],
  ['no stanza', '<telegram xmlns="jabber:client"/>', 'unsupported-stanza-type'],
  ['somebody else’s address', '<message from="bob@home.example" to="bob@home.example"/>', 'invalid-from'],
  ['too large', `<message><body>${'x'.repeat(300_000)}</body></message>`, 'policy-violation'],
];

scenarios.add('what must not be sent ends that stream with its condition, and no other', async (world) => {
  const { phone, bob, again } = await pair(world);
  for (const [what, xml, condition] of wrong) {
    const victim = await again('victim');
    victim.send(xml);
    const error = await victim.received(({ name }) => name === 'error', { what: `a stream error for ${what}` });
    assert.ok(error.getChild(condition, NS.streams), `${what}: ${error}`);
    await victim.closed;
  }
  const id = phone.message(bob.jid, 'all is well');
  await bob.received(isMessage({ id }));
});

scenarios.add('the same app again and again: one session, the last', async (world) => {
  const { bob, again } = await pair(world);
  const clients = [];
  for (let count = 0; count < 5; count++) clients.push(await again());
  for (const old of clients.slice(0, -1)) await old.closed;
  const last = clients.at(-1)!;
  bob.message(last.bare, 'only once');
  await last.received(isMessage({ body: 'only once' }));
  await last.roundtrip(bob.jid);
  assert.equal(last.bodies(), ['only once']);
});

scenarios.run();
