/** Whatever a server sends into a session, and wherever it falls silent: that connection at most, and the next login works. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bindFeature, bindResult, greeting, recovers } from './lib/hostile.ts';
import { type Far, header, mechanisms, type Play } from './lib/scripted.ts';

// A session is up, and then this comes.
const faults: [name: string, data: string | Uint8Array, told: string][] = [
  ['mismatched tags', '<a><b></a>', 'not-well-formed'],
  ['an undefined entity', '<message><body>&xxe;</body></message>', 'restricted-xml'],
  ['a character that XML has not', '<message><body>&#0;</body></message>', 'not-well-formed'],
  ['an undefined entity in an attribute', '<message id="&xxe;"/>', 'restricted-xml'],
  ['a prefix that is bound to nothing', '<x:message/>', 'bad-namespace-prefix'],
  ['a document type', '<!DOCTYPE a [<!ENTITY b "c">]>', 'not-well-formed|restricted-xml'],
  ['a comment', `<!-- ${greeting} -->`, 'restricted-xml'],
  ['a processing instruction', '<?xml-stylesheet href="x"?>', 'not-well-formed|restricted-xml'],
  ['twenty thousand nested tags', `<message>${'<a>'.repeat(20_000)}`, 'policy-violation'],
  ['a thousand attributes', `<message ${attributes(1000)}/>`, 'policy-violation'],
  ['text between stanzas', 'hello<message/>', 'bad-format'],
  ['bytes that are not UTF-8', Buffer.from([0x3c, 0xff, 0xfe]), 'unsupported-encoding'],
  ['half a character, then markup', Buffer.from([0x3c, 0x61, 0x3e, 0xc3, 0x3c]), 'unsupported-encoding'],
  ['the same attribute twice', '<message id="a" id="b"/>', 'not-well-formed'],
  ['a tag that is no name', '<1a/>', 'not-well-formed'],
  ['an acknowledgement of what was never sent', '<a xmlns="urn:xmpp:sm:3" h="7"/>', 'undefined-condition'],
  ['an acknowledgement that is no number', '<a xmlns="urn:xmpp:sm:3" h="many"/>', 'bad-format'],
  ['an acknowledgement without a number', '<a xmlns="urn:xmpp:sm:3"/>', 'bad-format'],
];

function attributes(count: number): string {
  return Array.from({ length: count }, (_, index) => `a${index}="1"`).join(' ');
}

for (const [name, data, told] of faults) {
  const condition = new RegExp(told);
  recovers(
    `in a session: ${name}`,
    async (far) => {
      await far.session();
      far.send(data);
      const [, said] = await far.until(/<stream:error><([a-z-]+) .*<\/stream:stream>/);
      assert.match(said!, condition);
    },
    { kind: 'stream', text: condition },
  );
}

recovers(
  'in a session: eleven megabytes in one stanza',
  async (far) => {
    await far.session();
    far.send('<message><body>');
    for (let sent = 0; sent < 11; sent++) await far.sent('x'.repeat(1 << 20));
  },
  { kind: 'stream', text: /policy-violation: stanza larger than/ },
);

recovers(
  'in a session: an endless attribute',
  async (far) => {
    await far.session();
    far.send('<message id="');
    for (let sent = 0; sent < 11; sent++) await far.sent('x'.repeat(1 << 20));
  },
  { kind: 'stream', text: /policy-violation/ },
);

recovers(
  'in a session: an empty stream error, and more behind it',
  async (far) => {
    await far.session();
    far.send(`<stream:error/>${greeting}<a></b>`);
    await far.until(/<\/stream:stream>/);
  },
  { kind: 'stream', text: /^undefined-condition$/ },
);

recovers(
  'in a session: the stream is closed, the connection left open, stanzas sent on',
  async (far) => {
    await far.session();
    far.send('</stream:stream>');
    await far.until(/<\/stream:stream>/);
    far.send(greeting.replace('hi', 'too late'));
  },
  { kind: 'lost', text: /closed the stream/ },
);

recovers(
  'in a session: the connection is reset',
  async (far) => {
    await far.session();
    far.destroy();
  },
  { kind: 'lost', text: /./ },
);

recovers(
  'in a session: silence',
  async (far) => {
    await far.session();
    await far.until(/<r xmlns="urn:xmpp:sm:3"\/>/);
  },
  { kind: 'timeout', text: /silent/ },
  { idle: 40, reply: 40 },
);

// Stuck states: each step of the login, never answered.
const never: [step: string, play: Play][] = [
  ['the stream header', () => {}],
  ['the features', headerOnly],
  ['the features, but white space for ever', dripping],
  ['SASL', async (far) => far.stream(mechanisms('PLAIN'))],
  ['the stream after SASL', async (far) => far.login()],
  ['resource binding', noBinding],
  ['stream management', async (far) => far.bound()],
];

async function headerOnly(far: Far): Promise<void> {
  await far.until(/<stream:stream/);
  far.send(header);
}

async function noBinding(far: Far): Promise<void> {
  await far.login();
  await far.stream(bindFeature);
}

async function dripping(far: Far): Promise<void> {
  await far.until(/<stream:stream/);
  far.send(header);
  const drip = setInterval(() => far.send(' '), 20);
  await far.closed();
  clearInterval(drip);
}

for (const [step, play] of never)
  recovers(`never answered: ${step}`, play, { kind: 'timeout', text: /no answer/ }, { answer: 150 });

recovers(
  'a pinged server without XEP-0198 that is silent',
  async (far) => {
    await far.login();
    await far.stream(bindFeature);
    await bindResult(far, 'me@far.example/xmpproxy-t');
    await far.until(/<iq [^>]*to="far.example".*<ping xmlns="urn:xmpp:ping"\/><\/iq>/);
  },
  { kind: 'timeout', text: /silent/ },
  { idle: 40, reply: 40 },
);

test.run();
