/** How an address looks, as root was told, and who is seen by a token: on real servers, as people and apps see it. */
import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, serialize, xml } from '../../src/wire/xml.ts';
import { isMessage, isPresence } from '../lib/party.ts';
import { outer, reply, ServiceScenarios, work } from '../lib/services.ts';

const scenarios = new ServiceScenarios();
const picture = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const hash = createHash('sha1').update(Buffer.from(picture, 'base64')).digest('hex');

const photoOf = (presence: Element) => presence.getChild('x', NS.vcardUpdate)?.getChildText('photo');
const identitiesOf = (info: Element) =>
  info
    .getChild('query', NS.discoInfo)!
    .getChildren('identity')
    .map(({ attrs: { category, type, name } }) => [category, type, name]);

scenarios.add('name, category, type and picture that root was told are what people see', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  a.interests = ['urn:example:help'];
  const user = await world.user();
  await world.answering(address);
  user.send(serialize(xml('presence', { to: address, type: 'subscribe' })));
  const plain = await user.received(isPresence({ from: address, type: null }));
  assert.equal([photoOf(plain), plain.getChildText('nick')], [undefined, null]);
  const info = () => user.iq('get', address, xml('query', NS.discoInfo));
  assert.equal(identitiesOf(await info()), [['client', 'pc', 'test']]);

  const said = await world.root(
    `target set ${address} name="Help & more" category=automation type=help avatar=data:image/png;base64,${picture}`,
  );
  assert.match(said, /name: Help & more\ncategory: automation\ntype: help\navatar: a picture/);
  const dressed = await user.received(isPresence({ from: address, type: null }));
  assert.equal([photoOf(dressed), dressed.getChildText('nick', NS.nick)], [hash, 'Help & more']);
  const now = await info();
  assert.equal(identitiesOf(now), [['automation', 'help', 'Help & more']]);
  const features = now.getChild('query', NS.discoInfo)!.getChildren('feature');
  assert.equal(
    features.map(({ attrs }) => attrs.var),
    ['urn:example:help', NS.vcard],
  );
  const card = await user.iq('get', address, xml('vCard', NS.vcard));
  assert.equal(outer(card), ['result', address, user.jid]);
  const photo = card.getChild('vCard', NS.vcard)!.getChild('PHOTO')!;
  assert.equal([photo.getChildText('TYPE'), photo.getChildText('BINVAL')], ['image/png', picture]);

  await world.root(`target set ${address} name=none category=none type=none avatar=none`, /avatar: as usual/);
  assert.is(photoOf(await user.received(isPresence({ from: address, type: null }))), undefined);
  assert.equal(identitiesOf(await info()), [['client', 'pc', 'test']]);
});

scenarios.alone(
  'an address too long to be seen whole: a token, in both directions, also after a restart',
  async (world) => {
    const { desk, address } = await world.serve();
    const a = await world.implementing(desk, 'a');
    const account = await world.server.account('romeo');
    const user = await world.client(account, 'r'.repeat(1010));
    user.send('<presence/>');
    await user.roundtrip();
    assert.ok(Buffer.byteLength(user.jid) > 1023);
    await world.answering(address);

    for (const asked of [address, `${address}/x`]) {
      const answered = user.iq('set', asked, work('1'), `w ${asked}`);
      const request = await a.received(({ attrs }) => attrs.id === `w ${asked}`);
      assert.match(request.attrs.from, new RegExp(`^${address}/:[a-z2-7]{24}$`));
      reply(a, request, work('2'));
      const answer = await answered;
      assert.equal([...outer(answer), answer.getChildText('work')], ['result', asked, user.jid, '2']);
    }
    user.message(address, 'Hello');
    const heard = await a.received(isMessage({ body: 'Hello' }));
    assert.match(heard.attrs.from, new RegExp(`^${address}/:[a-z2-7]{24}$`));

    const speak = async (body: string) => {
      a.message(heard.attrs.from, body);
      const said = await user.received(isMessage({ body }));
      assert.equal([said.attrs.from, said.attrs.to], [address, user.jid]);
    };
    await speak('How can I help?');
    await world.proxy.stop();
    await world.proxy.start();
    await world.answering(address);
    await speak('Are you still there?');
    const asked = a.iq('get', heard.attrs.from, work('?'), 'back');
    const request = await user.received(({ attrs }) => attrs.id === 'back');
    assert.equal(outer(request), ['get', address, user.jid]);
    reply(user, request, work('!'));
    const answer = await asked;
    assert.equal([...outer(answer), answer.getChildText('work')], ['result', heard.attrs.from, a.jid, '!']);
  },
);

scenarios.run();
