/** root on components and service addresses: words, refusals, what is changed. One file, for the words belong together. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ComponentPlace } from '../src/component/types.ts';
import { type AddressStatus, defaultSettings } from '../src/jat/types.ts';
import type { ServiceRecord } from '../src/registry/types.ts';
import type { HostState } from '../src/services/types.ts';
import { type BareJid, parseBare } from '../src/wire/jid.ts';
import { account, user } from './lib/registry.ts';
import { codeIn, minute, type Stage, speaker, stage } from './lib/root.ts';

const svc = parseBare('svc.example.org');
const place: ComponentPlace = { host: svc, server: '127.0.0.1', port: 5347, tls: false, secret: 's' };
const online: HostState = {
  host: svc,
  status: 'online',
  since: 1_700_000_000_000,
  failure: undefined,
  place,
  configured: false,
};
const admin = speaker('alice');
const people = () => [user('alice', { admin: true, accounts: [account('alice@work.example', 'work')] }), user('bob')];
const begun = (hosts: HostState[] = [online]): Stage => {
  const on = stage(people());
  on.services.hosts = hosts;
  return on;
};
const added = async (...lines: string[]): Promise<Stage> => {
  const on = begun();
  for (const line of ['target add helpdesk@svc.example.org desk@example.org', ...lines]) await on.tell(admin, line);
  return on;
};

test('a component is tried, then kept; its secret is nowhere said', async () => {
  const on = begun([]);
  assert.match(await on.tell(admin, 'component list'), 'There is no component');
  assert.match(await on.tell(admin, 'component add svc.example.org'), "Send the component's secret");
  const text = await on.tell(admin, 'p4ss');
  assert.match(text, /^Connected\.\nSecret stored \(4 characters\)\./);
  assert.equal(on.services.tried[0], { ...place, secret: 'p4ss', pin: undefined });
  assert.equal([...on.registry.components], [{ host: svc, route: '127.0.0.1:5347' }]);
  assert.is(on.registry.componentSecret(svc), 'p4ss');
  assert.equal(on.services.called, ['refresh']);
  assert.not.match(JSON.stringify([on.said, on.logged]), 'p4ss');
  assert.match(
    await on.tell(admin, 'component add svc.example.org x'),
    'There is already a component svc.example.org.',
  );
});

test('a secret on the line is for no other app', async () => {
  const on = begun([]);
  assert.is(await on.mirrored(admin, 'component add svc.example.org p4ss host=127.0.0.1 port=5275'), false);
  assert.is(on.services.tried[0]!.port, 5275);
  assert.is(await on.mirrored(admin, 'component list'), true);
});

test('what a component fails by is told with the next step, and nothing is kept', async () => {
  const cases: [NonNullable<HostState['failure']>['kind'], RegExp][] = [
    ['refused', /refused the secret of svc\.example\.org[\s\S]*must have the same secret/],
    ['host-unknown', /knows no component svc\.example\.org[\s\S]*as an external component/],
    ['conflict', /Another program is connected/],
    ['clear', /on another machine[\s\S]*xmpps:\/\//],
    ['unreachable', /Nothing answers at 127\.0\.0\.1:5347/],
  ];
  for (const [kind, words] of cases) {
    const on = begun([]);
    on.services.outcomes = [{ kind, text: 'as the server says' }];
    const text = await on.tell(admin, 'component add svc.example.org p4ss');
    assert.match(text, words, kind);
    assert.match(text, /Nothing was kept\.[\s\S]*`component add svc\.example\.org host=127\.0\.0\.1:5347`/);
    assert.equal([...on.registry.components], []);
  }
});

test('a certificate that is trusted by its start is kept whole', async () => {
  const on = begun([]);
  const fingerprint = 'ab12'.repeat(16);
  on.services.outcomes = [{ kind: 'certificate', text: 'self-signed', fingerprint }];
  await on.tell(admin, `component add svc.example.org p4ss host=xmpps://far.example trust=${fingerprint.slice(0, 16)}`);
  assert.equal([...on.registry.components], [{ host: svc, route: 'xmpps://far.example:5347', pin: fingerprint }]);
  assert.equal(
    on.services.tried.map(({ pin, tls }) => [pin, tls]),
    [
      [undefined, true],
      [fingerprint, true],
    ],
  );
});

test('one of the configuration, or one that serves, is not removed', async () => {
  const on = await added();
  assert.match(await on.tell(admin, 'component del svc'), /no such component|still serves/i);
  assert.match(
    await on.tell(admin, 'component del svc.example.org'),
    'still serves: `target del helpdesk@svc.example.org`',
  );
  on.services.hosts = [{ ...online, configured: true }];
  assert.match(
    await on.tell(admin, `component add ${online.host}`),
    'is in the configuration',
    'no secret is asked for',
  );
  assert.match(await on.tell(admin, 'component del svc.example.org'), 'take its COMPONENT_n away there');
  assert.match(
    await on.tell(admin, 'component show svc.example.org'),
    /● svc\.example\.org\nonline since .*\n[\s\S]*helpdesk@svc/,
  );
});

test('an address: added, shared, changed, shut, opened, taken away', async () => {
  const on = begun();
  const text = await on.tell(admin, 'target add helpdesk@svc.example.org desk@example.org');
  assert.match(
    text,
    /^People reach it at\nhelpdesk@svc\.example\.org\ndesk@example\.org must accept the subscription request of/,
  );
  assert.match(
    await on.tell(admin, 'target add helpdesk@svc.example.org alice@work.example weight=2'),
    /^The work is shared at\nhelpdesk@svc\.example\.org\nHow/,
  );
  await on.tell(admin, 'target set helpdesk policy=st private=yes allow="example.org, bob@x.example" timeout=5');
  assert.equal(
    [...on.registry.services],
    [
      {
        address: parseBare('helpdesk@svc.example.org'),
        targets: [
          { account: parseBare('desk@example.org'), weight: 1 },
          { account: parseBare('alice@work.example'), weight: 2 },
        ],
        enabled: true,
        policy: 'sticky',
        private: true,
        allow: ['example.org', 'bob@x.example'] as BareJid[],
        timeout: 5000,
      },
    ],
  );
  const again = await on.tell(admin, 'target show helpdesk');
  assert.match(
    again,
    'target set helpdesk@svc.example.org policy=sticky private=yes allow=example.org,bob@x.example timeout=5',
  );
  assert.match(await on.tell(admin, 'target set helpdesk policy=none allow=none'), /policy: as usual\nallow: as usual/);
  assert.is(on.registry.services[0]!.policy, undefined);
  assert.match(await on.tell(admin, 'target off helpdesk'), 'helpdesk@svc.example.org is off.');
  assert.is(on.registry.services[0]!.enabled, false);
  assert.match(await on.tell(admin, 'target on helpdesk'), 'is on.');
  const one = await on.tell(admin, 'target del helpdesk desk@example.org');
  assert.match(await on.tell(admin, `yes ${codeIn(one)}`), 'desk@example.org does not answer there any more.');
  const whole = await on.tell(admin, 'target del helpdesk');
  assert.match(whole, 'Milder: `target off helpdesk@svc.example.org`');
  assert.match(await on.tell(admin, `yes ${codeIn(whole)}`), 'helpdesk@svc.example.org is gone.');
  assert.equal([...on.registry.services], []);
  assert.match(await on.tell(admin, 'target list'), 'There is no service address.');
});

const pictures: [mime: string, start: Buffer][] = [
  ['image/png', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')],
  ['image/jpeg', Buffer.from('\xff\xd8\xff\xe0', 'latin1')],
  ['image/gif', Buffer.from('GIF89a')],
  ['image/webp', Buffer.from('RIFF\x04\0\0\0WEBP', 'latin1')],
];
for (const [mime, start] of pictures)
  test(`how an address looks: ${mime}, name, category, type; all of it can be taken away`, async () => {
    const on = await added();
    const data = Buffer.concat([start, Buffer.alloc(2900 - start.length, 7)]).toString('base64');
    const text = await on.tell(
      admin,
      `target set helpdesk name="Help desk" category=automation type=help avatar=data:${mime};base64,${data}`,
    );
    assert.match(text, /^name: Help desk\ncategory: automation\ntype: help\navatar: a picture\n/);
    const look = ({ name, category, type, avatar }: ServiceRecord) => ({ name, category, type, avatar });
    const set = { name: 'Help desk', category: 'automation', type: 'help', avatar: { mime, data } };
    assert.equal(look(on.registry.services[0]!), set);
    assert.match(await on.tell(admin, `target set helpdesk avatar=${data}A=`), /small PNG/, 'more than 2900 bytes');
    assert.equal(look(on.registry.services[0]!), set);
    await on.tell(admin, `target set helpdesk avatar=${data}`);
    assert.equal(look(on.registry.services[0]!), set, 'the kind is seen by its first bytes');
    await on.tell(admin, 'target set helpdesk name=none category=none type=none avatar=none');
    const none = { name: undefined, category: undefined, type: undefined, avatar: undefined };
    assert.equal(look(on.registry.services[0]!), none);
  });

const refusals: [string, RegExp | string][] = [
  [
    'target add helpdesk@other.example desk@example.org',
    'I have no component for other.example. First: `component add other.example`',
  ],
  ['target add bob@proxy.example alice@work.example', 'There is a user bob.'],
  ['target add root@proxy.example alice@work.example', 'root is reserved.'],
  ['target add help@proxy.example desk@example.org', 'only accounts of this proxy can answer'],
  ['target add other@svc.example.org helpdesk@svc.example.org', 'is a service address itself'],
  ['target add other@svc.example.org other@svc.example.org', 'is a service address itself'],
  ['target add helpdesk@svc.example.org/x desk@example.org', 'has nothing behind a `/`'],
  ['target add other@svc.example.org example.org', 'Who answers is an account'],
  ['target add other@svc.example.org desk@example.org weight=0', 'A weight is from 1 to 1000.'],
  ['target set helpdesk policy=fast', 'Choose one of: random, round-robin'],
  ['target set helpdesk timeout=soon', 'a number from 1 to 3600'],
  ['target set helpdesk avatar=me.png', /small PNG/],
  ['target set helpdesk allow=a@b/c', 'is no address and no domain'],
  ['target set helpdesk total=0', 'a number from 1 to 1000000'],
  ['target set helpdesk allow=,', '`allow=none` lets everybody in'],
  ['target set nobody policy=sticky', 'There is no such service address.'],
  ['target drain helpdesk nobody', 'Nobody of that name answers at helpdesk@svc.example.org.'],
  ['user add helpdesk2', 'Send the'],
];
for (const [line, words] of refusals)
  test(line, async () => {
    const on = await added();
    const before = [...on.registry.services];
    assert.match(await on.tell(admin, line), words);
    assert.equal([...on.registry.services], before);
  });

test('what cannot be beside the others is taken back', async () => {
  const on = await added();
  const before = [...on.registry.services];
  on.services.refusal = new Error('no');
  await on.tell(admin, 'target set helpdesk encoding=localpart');
  assert.equal([...on.registry.services], before);
});

test('one address in full', async () => {
  const on = await added();
  const address = parseBare('helpdesk@svc.example.org');
  const desk = parseBare('desk@example.org');
  const status: AddressStatus = {
    address,
    settings: { ...defaultSettings, address, targets: [{ account: desk, weight: 1 }] },
    available: true,
    accounts: [
      {
        account: desk,
        weight: 1,
        drained: false,
        subscription: 'subscribed',
        condition: undefined,
        retryAt: undefined,
        resources: [
          {
            resource: `${desk}/a` as never,
            presence: { priority: 0, show: undefined },
            health: 'well',
            draining: 'no',
            open: 2,
            timeouts: 0,
            answered: 7,
          },
          {
            resource: `${desk}/b` as never,
            presence: { priority: 0, show: 'dnd' },
            health: 'silent',
            draining: 'presence',
            open: 0,
            timeouts: 3,
            answered: 1,
          },
        ],
      },
    ],
    open: 2,
    waiting: 1,
    subscribers: 4,
    requestRate: 1.25,
    messageRate: 0,
    latency: { p50: 1.5, p99: 20 },
    counters: {
      requests: 10,
      answered: 8,
      retried: 1,
      timeouts: 1,
      messages: 0,
      presences: 0,
      refused: { 'remote-server-timeout': 1 },
      dropped: { 'late answer': 1 },
    },
    errors: [{ at: on.clock.now() - 3 * minute, condition: 'remote-server-timeout', resource: `${desk}/b` as never }],
  };
  on.services.statuses.set(address, status);
  assert.is(
    await on.tell(admin, 'target show helpdesk'),
    [
      'helpdesk@svc.example.org',
      '● available',
      'desk@example.org',
      '● a: well, 2 open',
      '✖ b: does not answer, 0 open, 3',
      'unanswered',
      'open: 2, 1 wait for somebody',
      'a second: 1.3 requests, 0.0 messages',
      'answers: p50 1.5 ms, p99 20.0 ms',
      'in all: 10 requests, 8 answered, 1',
      'retried, 1 timed out, 0 messages',
      '4 have it in their list',
      'refused: 1 remote-server-timeout',
      'dropped: 1 late answer',
      '3 min ago: remote-server-timeout (b)',
      'To add it again:',
      'target add helpdesk@svc.example.org desk@example.org',
    ].join('\n'),
  );
  assert.match(await on.tell(admin, 'target list'), '● helpdesk@svc.example.org\n1 account, 2 apps, 2 open');
  assert.match(await on.tell(admin, 'target drain helpdesk b'), 'desk@example.org/b gets no new work.');
  assert.match(await on.tell(admin, 'target drain helpdesk desk@example.org end'), 'gets new work again');
  assert.equal(on.services.called.slice(-2), [
    'drain helpdesk@svc.example.org desk@example.org/b true',
    'drain helpdesk@svc.example.org desk@example.org false',
  ]);
});

test('admins hear of a trouble when it has lasted, once, and when it is over; root looks like it meanwhile', async () => {
  const on = begun();
  const failure = { kind: 'unreachable', text: 'ECONNREFUSED' } as const;
  const waiting = { ...online, status: 'waiting', failure } as const;
  const presence = () => on.sent.at(-1)?.stanza.tree.getChildText('status') ?? 'none';
  on.bot.component(waiting);
  on.bot.component({ ...waiting, status: 'connecting' });
  on.bot.component(waiting);
  assert.is(on.said.length, 0);
  on.bot.component(online);
  on.bot.component(waiting);
  on.clock.pass(minute);
  assert.is(on.said.filter(({ text }) => text.includes('is not connected')).length, 2, 'to both logins');
  assert.is(presence(), 'svc.example.org: unreachable');
  on.bot.component({ ...waiting, failure: { kind: 'refused', text: '' } });
  assert.match(on.said.at(-1)!.text, 'refused the secret');
  on.bot.component(online);
  assert.match(on.said.at(-1)!.text, 'svc.example.org is connected again.');
  assert.is(presence(), 'none');
  const notice = { address: parseBare('helpdesk@svc.example.org'), account: parseBare('desk@example.org') };
  on.bot.service({ ...notice, kind: 'refused' });
  assert.match(on.said.at(-1)!.text, /has refused[\s\S]*must accept the subscription request of\nhelpdesk@svc/);
  on.bot.service({ ...notice, kind: 'accepted' });
  assert.is(presence(), 'none');
  on.bot.close();
});

test('who is no admin has none of it', async () => {
  const on = begun();
  const bob = speaker('bob');
  assert.not.match(await on.tell(bob, 'help'), /component|target/);
  for (const line of ['component list', 'target list'])
    assert.match(await on.tell(bob, line), 'I do not know that command');
});

test.run();
