/** An account behind a service address, on real servers: what people and implementing clients see. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, serialize, xml } from '../../src/wire/xml.ts';
import { isMessage, isPresence } from '../lib/party.ts';
import { outer, reply, ServiceScenarios, work, working } from '../lib/services.ts';

const scenarios = new ServiceScenarios();

const isRequest =
  (id: string) =>
  ({ name, attrs }: Element) =>
    name === 'iq' && attrs.id === id && (attrs.type === 'get' || attrs.type === 'set');
const conditionOf = (stanza: Element): string =>
  stanza.getChild('error')?.children.flatMap((child) => (typeof child === 'string' ? [] : [child.name]))[0] ?? 'none';

scenarios.add(
  'a request goes to the implementing client, and its answer comes back from the address',
  async (world) => {
    const { desk, address } = await world.serve();
    const a = await world.implementing(desk, 'a');
    const user = await world.user();
    await world.answering(address);
    for (const asked of [address, `${address}/some resource`]) {
      const answered = user.iq('get', asked, work('1'), `w ${asked}`);
      const request = await a.received(isRequest(`w ${asked}`));
      assert.equal(outer(request), ['get', `${address}/${user.jid}`, a.jid]);
      reply(a, request, work('2'));
      const answer = await answered;
      assert.equal(outer(answer), ['result', asked, user.jid]);
      assert.is(answer.getChildText('work'), '2');
    }
  },
);

scenarios.add('the exchange that mod_client_proxy describes, with /a and /b', async (world) => {
  const some = { jid: 'some-user@some-domain.example', password: 'some' };
  const person = { jid: 'user@some-domain.example', password: 'person' };
  for (const account of [some, person]) await world.server.register(account);
  await world.serve('proxy.domain.example', some);
  const seen = new Set<string>();
  for (const resource of ['a', 'b']) {
    const implementing = await world.implementing(some, resource);
    const before = implementing.witness;
    implementing.witness = (stanza) => {
      before?.(stanza);
      if (stanza.name !== 'iq' || stanza.attrs.type !== 'get') return;
      assert.equal(stanza.attrs, {
        ...stanza.attrs,
        id: '1234',
        from: 'proxy.domain.example/user@some-domain.example/abc',
      });
      seen.add(String(stanza.attrs.to));
      reply(implementing, stanza);
    };
  }
  await world.answering('proxy.domain.example', 2);
  const user = await world.client(person, 'abc');
  for (let round = 0; round < 60 && seen.size < 2; round++) {
    const answer = await user.iq('get', 'proxy.domain.example', work(), '1234');
    assert.equal(outer(answer), ['result', 'proxy.domain.example', 'user@some-domain.example/abc']);
  }
  assert.equal([...seen].sort(), ['some-user@some-domain.example/a', 'some-user@some-domain.example/b']);
});

scenarios.add('of three apps one after the other leaves: every request is answered', async (world) => {
  const { desk, address } = await world.serve();
  const apps = [];
  for (const resource of ['a', 'b', 'c']) apps.push(await world.implementing(desk, resource));
  for (const app of apps) working(app);
  const user = await world.user();
  await world.answering(address, 3);
  for (const leaving of apps) {
    const answers = await Promise.all(Array.from({ length: 60 }, () => user.iq('get', address, work())));
    assert.equal(new Set(answers.map(({ attrs }) => attrs.type)), new Set(['result']));
    await leaving.close();
  }
  const refused = await user.iq('get', address, work());
  assert.equal([...outer(refused), conditionOf(refused)], ['error', address, user.jid, 'service-unavailable']);
});

scenarios.add(
  'an app breaks with requests in hand: a get goes to another, a set is answered at once',
  async (world) => {
    const { desk, address } = await world.serve();
    const breaking = await world.implementing(desk, 'breaking');
    const user = await world.user();
    await world.answering(address);
    const asked = [user.iq('get', address, work('get'), 'g'), user.iq('set', address, work('set'), 's')];
    await breaking.received(isRequest('g'));
    await breaking.received(isRequest('s'));
    const other = await world.implementing(desk, 'other');
    working(other);
    await world.answering(address, 2);
    breaking.cut();
    const [get, set] = await Promise.all(asked);
    assert.equal([...outer(get!), get!.getChildText('work')], ['result', address, user.jid, other.jid]);
    assert.equal([...outer(set!), conditionOf(set!)], ['error', address, user.jid, 'recipient-unavailable']);
  },
);

scenarios.add('an app that answers too late is answered for', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const user = await world.user();
  await world.answering(address);
  await world.root(`target set ${address} timeout=1`, /timeout: 1 s/);
  const asked = user.iq('set', address, work(), 'late');
  const request = await a.received(isRequest('late'));
  const answer = await asked;
  assert.equal(
    [answer.attrs.type, answer.attrs.from, conditionOf(answer)],
    ['error', address, 'remote-server-timeout'],
  );
  reply(a, request, work('too late'));
  await a.roundtrip();
  await user.roundtrip();
  assert.equal(
    user.rest().filter(({ attrs }) => attrs.id === 'late'),
    [],
  );
  assert.match(await world.root(`target show ${address}`), /dropped: 1 late answer/);
});

scenarios.add('people and implementing clients write to each other', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const user = await world.user();
  await world.answering(address);
  const id = user.message(address, 'Hello?', xml('request', NS.receipts));
  const heard = await a.received(isMessage({ body: 'Hello?' }));
  assert.equal([...outer(heard), heard.attrs.id], ['chat', `${address}/${user.jid}`, desk.jid, id]);
  a.send(
    serialize(xml('message', { to: heard.attrs.from, type: 'chat' }, xml('received', { xmlns: NS.receipts, id }))),
  );
  a.message(heard.attrs.from, 'How can I help?');
  const receipt = await user.received((stanza) => stanza.getChild('received', NS.receipts) !== undefined);
  const answer = await user.received(isMessage({ body: 'How can I help?' }));
  for (const stanza of [receipt, answer]) assert.equal([stanza.attrs.from, stanza.attrs.to], [address, user.jid]);
});

scenarios.add('one chat for each sender, where the address has it so', async (world) => {
  const { desk, address } = await world.serve();
  await world.root(`target set ${address} encoding=localpart`, /localpart/);
  const a = await world.implementing(desk, 'a');
  const user = await world.user();
  await world.answering(address);
  user.message(address, 'one');
  const heard = await a.received(isMessage({ body: 'one' }));
  const [local, host] = heard.attrs.from.split('/')[0].split('@');
  assert.equal([host, local.startsWith(user.bare.replace('@', '\\40'))], ['svc.work.example', true]);
  a.message(heard.attrs.from, 'two');
  assert.is((await user.received(isMessage({ body: 'two' }))).attrs.from, address);
});

scenarios.add('an address is there while somebody answers', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const user = await world.user();
  await world.answering(address);
  user.send(serialize(xml('presence', { to: address, type: 'subscribe' })));
  await user.received(isPresence({ from: address, type: 'subscribed' }));
  await user.received(isPresence({ from: address, type: null }));
  await a.close();
  await user.received(isPresence({ from: address, type: 'unavailable' }));
  await world.implementing(desk, 'b');
  await user.received(isPresence({ from: address, type: null }));
});

scenarios.add('an implementing client asks people it knows, and nobody else', async (world) => {
  const { desk, address } = await world.serve();
  const a = await world.implementing(desk, 'a');
  const [user, stranger] = [await world.user(), await world.user('stranger')];
  await world.answering(address);
  user.message(address, 'Hello');
  await a.received(isMessage({ body: 'Hello' }));
  const asked = a.iq('get', `${address}/${user.jid}`, work('?'), 'q');
  const request = await user.received(isRequest('q'));
  assert.equal(outer(request), ['get', address, user.jid]);
  reply(user, request, work('!'));
  const answer = await asked;
  assert.equal(
    [answer.attrs.type, answer.attrs.from, answer.getChildText('work')],
    ['result', `${address}/${user.jid}`, '!'],
  );
  const strange = `${address}/${stranger.jid}`;
  const refused = await a.iq('get', strange, work('?'));
  assert.equal([...outer(refused), conditionOf(refused)], ['error', strange, a.jid, 'forbidden']);
  a.message(strange, 'Buy!');
  await a.received(({ attrs }) => attrs.type === 'error' && attrs.from === strange);
  await stranger.roundtrip();
  assert.equal(
    stranger.rest().filter(({ attrs }) => attrs.from?.startsWith(address)),
    [],
  );
});

scenarios.add('two accounts share an address; one that is drained gets nothing new', async (world) => {
  const { desk, address } = await world.serve();
  const second = await world.server.account('desk');
  await world.root(`target add ${address} ${second.jid} weight=3`, /shared/);
  await world.root(`target set ${address} policy=round-robin`, /round-robin/);
  for (const account of [desk, second]) working(await world.implementing(account, 'app'));
  const user = await world.user();
  await world.answering(address, 2);
  const by = async (times: number) => {
    const answers = await Promise.all(Array.from({ length: times }, () => user.iq('get', address, work())));
    return answers.map((answer) => answer.getChildText('work')!.split('/')[0]!);
  };
  assert.equal(new Set(await by(16)), new Set([desk.jid, second.jid]));
  await world.root(`target drain ${address} ${second.jid}`, /no new work/);
  assert.equal(new Set(await by(16)), new Set([desk.jid]));
  await world.root(`target drain ${address} ${second.jid} end`, /new work again/);
  assert.equal(new Set(await by(16)), new Set([desk.jid, second.jid]));
});

scenarios.add(
  "what Jitsi Meet's users say to its focus, through the component that took client_proxy's place",
  async (world) => {
    const focus = 'focus.work.example';
    const { desk } = await world.serve(focus);
    const jicofo = await world.implementing(desk, 'focus');
    const conference = (attrs: Record<string, string>) =>
      xml('conference', { xmlns: 'http://jitsi.org/protocol/focus', ...attrs });
    jicofo.interests = ['http://jitsi.org/protocol/focus']; // disco#info, as the focus itself answers it
    const before = jicofo.witness; // it has a subscription to accept, maybe only now
    jicofo.witness = (stanza) => {
      before?.(stanza);
      const asked = stanza.name === 'iq' ? stanza.getChild('conference') : undefined;
      if (asked != null)
        reply(jicofo, stanza, conference({ room: asked.attrs.room, ready: 'true', focusjid: desk.jid }));
    };
    await world.answering(focus);
    const user = await world.user('guest');
    const invited = await user.iq(
      'set',
      focus,
      conference({ room: 'room@conference.work.example', 'machine-uid': 'u1' }),
    );
    assert.equal(outer(invited), ['result', focus, user.jid]);
    assert.equal(invited.getChild('conference')!.attrs, {
      ...invited.getChild('conference')!.attrs,
      room: 'room@conference.work.example',
      ready: 'true',
      focusjid: desk.jid,
    });
    assert.equal(outer(await user.iq('get', focus, xml('ping', NS.ping))), ['result', focus, user.jid]);
    const info = await user.iq('get', focus, xml('query', NS.discoInfo));
    assert.is(info.attrs.from, focus);
    const features = info
      .getChild('query')!
      .getChildren('feature')
      .map(({ attrs }) => attrs.var);
    assert.ok(features.includes('http://jitsi.org/protocol/focus'), features.join());
    // presence with what Jitsi adds to it
    const added = xml('jitsi_participant_codecType', {}, 'vp9');
    user.send(serialize(xml('presence', { to: focus }, xml('x', NS.muc), added)));
    const seen = await jicofo.received(isPresence({ from: `${focus}/${user.jid}`, type: null }));
    assert.is(seen.getChildText('jitsi_participant_codecType'), 'vp9');
  },
);

scenarios.run();
