/**
 * Prosody's mod_client_proxy beside service addresses: each thing that its README and source say, and each that was seen of
 * it, is the same here, or better, and why. One file, for it is one table.
 *
 * A transcript has a line for each stanza: `>` comes in, `<` goes out, in that order and nothing beside; `wait` lets
 * milliseconds pass, `down` and `up` are the component's connection. `…` stands for anything. `real` names where each is played on real
 * servers.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BareJid } from '../src/wire/jid.ts';
import { parseElement } from '../src/wire/parser.ts';
import { type Element, elements, serialize } from '../src/wire/xml.ts';
import { TestWorld } from './lib/jat.ts';

const component = 'proxy.domain.example' as BareJid;
const target = 'some-user@some-domain.example' as BareJid;

interface Row {
  what: string;
  verdict: 'same' | 'better';
  why?: string;
  /** Scenarios of test/e2e/services*.test.ts that show the same on a real Prosody and a real ejabberd. */
  real: string[];
  /** Resources that are there. */
  there?: string[];
  transcript: string;
}

const user = 'user@some-domain.example/abc';
const seen = `${component}/${user}`;
const asks = `> <iq type='get' id='1234' to='${component}' from='${user}'><q xmlns='urn:x'/></iq>`;
const asked = (resource: string) =>
  `< <iq type='get' id='1234' to='${target}/${resource}' from='${seen}'><q xmlns='urn:x'/></iq>`;
const answers = (resource: string) => `> <iq type='result' id='1234' to='${seen}' from='${target}/${resource}'/>`;
const answered = `< <iq type='result' id='1234' to='${user}' from='${component}'/>`;
const refused = (condition: string) => `< <iq type='error' id='1234' to='${user}' from='${component}'>…<${condition} …`;
const leaves = (resource: string) => `> <presence type='unavailable' to='${component}' from='${target}/${resource}'/>`;
const comes = (resource: string) => `> <presence to='${component}' from='${target}/${resource}'/>`;

const rows: Row[] = [
  {
    what: 'the exchange of its README',
    verdict: 'same',
    real: ['the exchange that mod_client_proxy describes, with /a and /b'],
    there: ['a', 'b'],
    transcript: `
      > <iq type='get' id='1234' to='proxy.domain.example' from='user@some-domain.example/abc'><q xmlns='urn:x'/></iq>
      < <iq type='get' id='1234' to='some-user@some-domain.example/a' from='proxy.domain.example/user@some-domain.example/abc'><q xmlns='urn:x'/></iq>
      > <iq type='result' id='1234' to='proxy.domain.example/user@some-domain.example/abc' from='some-user@some-domain.example/a'/>
      < <iq type='result' id='1234' to='user@some-domain.example/abc' from='proxy.domain.example'/>`,
  },
  {
    what: 'a random resource gets each request',
    verdict: 'same',
    why: 'it is the default of four policies',
    real: ['a request goes to a random one of those whose presence is there'],
    there: ['a', 'b'],
    transcript: `
      chance 0.9
      ${asks}
      ${asked('b')}
      chance 0.1
      ${asks.replace('1234', '5')}
      ${asked('a').replace('1234', '5')}`,
  },
  {
    what: 'it asks for the subscription by itself',
    verdict: 'same',
    real: [
      'the domain of a target goes: errors empty the list, until it is back',
      'the server restarts: all is as before, nobody does anything',
    ],
    there: [],
    transcript: `
      down
      up
      < <presence type='subscribe' to='${target}' from='${component}'/>`,
  },
  {
    what: 'the subscription has to be accepted',
    verdict: 'better',
    why: 'whoever runs it is told when it is not; a refusal is no end; the probe helps servers that send nothing by themselves',
    real: [
      'who refuses is asked again, and root tells what has to be done',
      'the domain of a target goes: errors empty the list, until it is back',
    ],
    there: [],
    transcript: `
      > <presence type='unsubscribed' to='${component}' from='${target}'/>
      wait 30000
      < <presence type='subscribe' to='${target}' from='${component}'/>
      > <presence type='subscribed' to='${component}' from='${target}'/>
      < <presence type='probe' to='${target}' from='${component}'/>`,
  },
  {
    what: 'presence of the target is its list of resources',
    verdict: 'same',
    real: ['a request goes to a random one of those whose presence is there'],
    there: ['a', 'b'],
    transcript: `
      ${comes('a')}
      ${leaves('a')}
      ${asks}
      ${asked('b')}`,
  },
  {
    what: 'an error as presence of the target empties the list',
    verdict: 'better',
    why: 'it asks again by itself when the account, or its server, is back',
    real: ['the domain of a target goes: errors empty the list, until it is back'],
    there: ['a', 'b'],
    transcript: `
      > <presence type='error' to='${component}' from='${target}'><error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>
      ${asks}
      ${refused('service-unavailable')}
      wait 30000
      < <presence type='subscribe' to='${target}' from='${component}'/>`,
  },
  {
    what: 'no resource is there: service-unavailable',
    verdict: 'same',
    real: ['of three apps one after the other leaves: every request is answered'],
    there: [],
    transcript: `
      wait 5000
      ${asks}
      ${refused('service-unavailable')}`,
  },
  {
    what: 'the first request after a start fails, for no presence has come yet',
    verdict: 'better',
    why: 'it waits for the first presence, up to five seconds',
    real: [
      'a request waits for the first presence of its target',
      'the first request after a start of the proxy is answered',
    ],
    there: [],
    transcript: `
      ${asks}
      wait 300
      ${comes('a')}
      ${asked('a')}
      ${answers('a')}
      ${answered}`,
  },
  {
    what: 'after the restart of a server nothing works until somebody reloads it',
    verdict: 'better',
    why: 'it asks for the subscription, then for presence, with each connection; what was open is answered',
    real: ['the server restarts: all is as before, nobody does anything'],
    there: ['a'],
    transcript: `
      > <iq type='set' id='1' to='${component}' from='${user}'><q xmlns='urn:x'/></iq>
      < <iq type='set' id='1' to='${target}/a' from='${seen}'><q xmlns='urn:x'/></iq>
      down
      wait 60000
      up
      < <iq type='error' id='1' to='${user}' from='${component}'>…<recipient-unavailable …
      < <presence type='subscribe' to='${target}' from='${component}'/>
      > <presence type='subscribed' to='${component}' from='${target}'/>
      < <presence type='probe' to='${target}' from='${component}'/>
      ${comes('a')}
      ${asks}
      ${asked('a')}`,
  },
  {
    what: 'a resource of several leaves: then some requests have no answer at all',
    verdict: 'better',
    why: 'its list has no holes',
    real: ['of three apps one after the other leaves: every request is answered'],
    there: ['a', 'b', 'c'],
    transcript: `
      ${leaves('a')}
      ${['0', '0.3', '0.6', '0.99'].map((chance) => `chance ${chance}\n${asks}\n${asked(Number(chance) < 0.5 ? 'b' : 'c')}\n${answers(Number(chance) < 0.5 ? 'b' : 'c')}\n${answered}`).join('\n')}`,
  },
  {
    what: 'a request at a resource that breaks is never answered',
    verdict: 'better',
    why: 'a get is asked once more elsewhere, a set is answered at once; after 30 seconds every one has an answer',
    real: [
      'an app breaks with requests in hand: a get goes to another, a set is answered at once',
      'an app that answers too late is answered for',
    ],
    there: ['a', 'b'],
    transcript: `
      ${asks}
      ${asked('a')}
      > <iq type='set' id='2' to='${component}' from='${user}'><q xmlns='urn:x'/></iq>
      < <iq type='set' id='2' to='${target}/a' from='${seen}'><q xmlns='urn:x'/></iq>
      ${leaves('a')}
      ${asked('b')}
      < <iq type='error' id='2' to='${user}' from='${component}'>…<recipient-unavailable …
      ${answers('b')}
      ${answered}
      > <iq type='set' id='3' to='${component}' from='${user}'><q xmlns='urn:x'/></iq>
      < <iq type='set' id='3' to='${target}/b' from='${seen}'><q xmlns='urn:x'/></iq>
      wait 30000
      < <iq type='get' id='…' to='${target}/b' from='${component}'><ping xmlns='urn:xmpp:ping'/></iq>
      < <iq type='error' id='3' to='${user}' from='${component}'>…<remote-server-timeout …
      `,
  },
  {
    what: 'every node and resource of its host is the same',
    verdict: 'same',
    real: ['every node and resource of a host is asked alike, and answers as itself'],
    there: ['a'],
    transcript: ['x@proxy.domain.example', 'proxy.domain.example/y', 'x@proxy.domain.example/y']
      .map(
        (to, turn) =>
          `> <iq type='get' id='${turn}' to='${to}' from='${user}'><q xmlns='urn:x'/></iq>\n< <iq type='get' id='${turn}' to='${target}/a' from='${seen}'><q xmlns='urn:x'/></iq>`,
      )
      .join('\n'),
  },
  {
    what: 'the answer comes from the host, whatever was asked',
    verdict: 'better',
    why: 'a client takes an answer from nobody but whom it asked (RFC 6120 §8.2.3)',
    real: ['every node and resource of a host is asked alike, and answers as itself'],
    there: ['a'],
    transcript: `
      > <iq type='get' id='1' to='x@proxy.domain.example/y' from='${user}'><q xmlns='urn:x'/></iq>
      < <iq type='get' id='1' to='${target}/a' from='${seen}'><q xmlns='urn:x'/></iq>
      > <iq type='result' id='1' to='${seen}' from='${target}/a'/>
      < <iq type='result' id='1' to='${user}' from='x@proxy.domain.example/y'/>`,
  },
  {
    what: 'a result or error of the target goes to anybody, asked or not',
    verdict: 'better',
    why: 'only what answers an open request, from the resource that was asked, once',
    real: ['what answers nothing goes nowhere; errors of the target reach the user'],
    there: ['a', 'b'],
    transcript: `
      ${answers('a')}
      ${asks}
      ${asked('a')}
      ${answers('b')}
      ${answers('a')}
      ${answered}
      ${answers('a')}`,
  },
  {
    what: 'errors of the target reach the user',
    verdict: 'same',
    real: ['what answers nothing goes nowhere; errors of the target reach the user'],
    there: ['a'],
    transcript: `
      ${asks}
      ${asked('a')}
      > <iq type='error' id='1234' to='${seen}' from='${target}/a'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
      < <iq type='error' id='1234' to='${user}' from='${component}'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  },
  {
    what: 'an answer to nobody’s address is dropped',
    verdict: 'same',
    real: ['what answers nothing goes nowhere; errors of the target reach the user'],
    there: ['a'],
    transcript: `> <iq type='result' id='1' to='${component}/@@' from='${target}/a'/>`,
  },
  {
    what: 'results and errors of users are dropped',
    verdict: 'better',
    why: 'those that answer a request of the target reach it',
    real: [
      'what users answer or refuse unasked goes nowhere',
      'an implementing client asks people it knows, and nobody else',
    ],
    there: ['a'],
    transcript: `
      > <iq type='result' id='1' to='${component}' from='${user}'/>
      ${asks}
      ${asked('a')}
      > <iq type='get' id='7' to='${seen}' from='${target}/a'><q xmlns='urn:x'/></iq>
      < <iq type='get' id='7' to='${user}' from='${component}'><q xmlns='urn:x'/></iq>
      > <iq type='result' id='7' to='${component}' from='${user}'/>
      < <iq type='result' id='7' to='${target}/a' from='${seen}'/>`,
  },
  {
    what: 'requests of the target to users: feature-not-implemented',
    verdict: 'better',
    why: 'they are passed to users that it knows; strangers stay strangers',
    real: ['an implementing client asks people it knows, and nobody else'],
    there: ['a'],
    transcript: `
      > <iq type='get' id='7' to='${seen}' from='${target}/a'><q xmlns='urn:x'/></iq>
      < <iq type='error' id='7' to='${target}/a' from='${seen}'>…<forbidden …`,
  },
  {
    what: 'requests of the target to the host: bad-request',
    verdict: 'same',
    real: ['a target asks the address itself nothing but whether it stands'],
    there: ['a'],
    transcript: `
      > <iq type='get' id='7' to='${component}' from='${target}/a'><q xmlns='urn:x'/></iq>
      < <iq type='error' id='7' to='${target}/a' from='${component}'>…<bad-request …`,
  },
  {
    what: '… but a ping of it is answered',
    verdict: 'better',
    why: 'who is behind an address may see that it stands',
    real: ['a target asks the address itself nothing but whether it stands'],
    there: ['a'],
    transcript: `
      > <iq type='get' id='7' to='${component}' from='${target}/a'><ping xmlns='urn:xmpp:ping'/></iq>
      < <iq type='result' id='7' to='${target}/a' from='${component}'/>`,
  },
  {
    what: 'messages of users: feature-not-implemented',
    verdict: 'better',
    why: 'they reach the account, and its answer the user',
    real: ['people and implementing clients write to each other'],
    there: ['a'],
    transcript: `
      > <message type='chat' id='m' to='${component}' from='${user}'><body>hi</body></message>
      < <message type='chat' id='m' to='${target}' from='${seen}'><body>hi</body></message>
      > <message type='chat' id='n' to='${seen}' from='${target}/a'><body>ho</body></message>
      < <message type='chat' id='n' to='${user}' from='${component}'><body>ho</body></message>`,
  },
  {
    what: 'errors as messages are answered with errors',
    verdict: 'better',
    why: 'never (RFC 6120 §8.3.1): two of its kind would go on for ever',
    real: [
      'what users answer or refuse unasked goes nowhere',
      'what answers nothing goes nowhere; errors of the target reach the user',
    ],
    there: ['a'],
    transcript: `
      > <message type='error' id='m' to='${component}' from='${user}'><error type='cancel'/></message>
      > <message type='error' id='m' to='${seen}' from='${target}/a'><error type='cancel'/></message>`,
  },
  {
    what: 'presence of users: bad-request',
    verdict: 'better',
    why: 'who subscribes sees whether somebody is there; directed presence reaches a resource (Jitsi Meet does that)',
    real: [
      'an address is there while somebody answers',
      "what Jitsi Meet's users say to its focus, through the component that took client_proxy's place",
    ],
    there: ['a'],
    transcript: `
      > <presence type='subscribe' to='${component}' from='user@some-domain.example'/>
      settle
      < <presence type='subscribed' to='user@some-domain.example' from='${component}'/>
      < <presence to='user@some-domain.example' from='${component}'/>
      > <presence to='${component}' from='${user}'><x xmlns='urn:x'/></presence>
      < <presence to='${target}/a' from='${seen}'><x xmlns='urn:x'/></presence>`,
  },
  {
    what: 'errors as presence of users are ignored',
    verdict: 'same',
    real: ['what users answer or refuse unasked goes nowhere'],
    there: ['a'],
    transcript: `> <presence type='error' to='${component}' from='${user}'><error type='cancel'/></presence>`,
  },
  {
    what: 'presence of the target to users is dropped',
    verdict: 'better',
    why: 'a user who directed presence to it gets its answer',
    real: ['presence of a target is for users who directed theirs to it'],
    there: ['a'],
    transcript: `
      > <presence to='${seen}' from='${target}/a'/>
      > <presence to='${component}' from='${user}'/>
      < <presence to='${target}/a' from='${seen}'/>
      > <presence to='${seen}' from='${target}/a'><status>in</status></presence>
      < <presence to='${user}' from='${component}'><status>in</status></presence>`,
  },
];

for (const { what, verdict, why = '', there = [], transcript } of rows)
  test(`${verdict}: ${what}${why && `; ${why}`}`, async () => {
    const world = new TestWorld();
    world.services.opened(world.component);
    await world.add({ address: component, targets: [{ account: target, weight: 1 }] });
    if (there.length > 0) world.accepts(target, component);
    for (const resource of there) world.there(`${target}/${resource}`, '', component);
    world.forget();
    await play(world, transcript);
  });

test('what is better says why', () => {
  assert.equal(
    rows.filter(({ verdict, why }) => verdict === 'better' && why === undefined).map(({ what }) => what),
    [],
  );
});

/** Titles of what is played on each of the servers. */
function scenarios(): string[] {
  const folder = 'test/e2e';
  const files = readdirSync(folder).filter((name) => /^services.*\.test\.ts$/.test(name));
  const begins = /^scenarios\.(?:add|alone)\(\s*(?:'([^'\n]+)'|"([^"\n]+)"),/gm;
  return files.flatMap((name) =>
    [...readFileSync(`${folder}/${name}`, 'utf8').matchAll(begins)].map(([, plain, other]) => plain ?? other!),
  );
}

test('each is shown on real servers, too', () => {
  const titles = scenarios();
  for (const { real, what } of rows) {
    assert.ok(real.length > 0, what);
    for (const title of real) assert.is(titles.filter((each) => each === title).length, 1, `${what}: ${title}`);
  }
});

async function play(world: TestWorld, transcript: string): Promise<void> {
  const out: string[] = [];
  const look = () =>
    void out.push(...world.component.sent.splice(0).map((stanza) => normal(parseElement(stanza.toString()))));
  for (const line of transcript.split('\n').map((each) => each.trim())) {
    const [word, value = ''] = /^(\S+) ?(.*)$/.exec(line)?.slice(1) ?? [''];
    if (word === '<') takeOne(out, value);
    else if (word !== '') {
      assert.equal(out, [], `before ${line}`);
      await act(world, word!, value);
      look();
    }
  }
  assert.equal(out, [], 'at the end');
}

async function act(world: TestWorld, word: string, value: string): Promise<void> {
  if (word === '>') world.says(value);
  else if (word === 'wait') world.clock.pass(Number(value));
  else if (word === 'chance') world.chances = [Number(value)];
  else if (word === 'down') world.services.closed(world.component);
  else if (word === 'up') world.services.opened(world.component);
  else if (word === 'settle') await new Promise((resolve) => setImmediate(resolve));
  else assert.unreachable(word);
}

/** Among what goes out at one time order does not matter. */
function takeOne(out: string[], expected: string): void {
  const parts = expected.split('…');
  const text = parts.length === 1 ? normal(parseElement(expected)) : undefined;
  const fits = (each: string) => (text === undefined ? new RegExp(`^${loose(parts)}`).test(each) : each === text);
  const at = out.findIndex(fits);
  assert.ok(at >= 0, `${expected}\nis not among\n${out.join('\n')}`);
  out.splice(at, 1);
}

const loose = (parts: readonly string[]): string => {
  const [head, ...others] = parts;
  const tag = /^<(\w+)([^>]*)/.exec(head!)!;
  const attributes = [...tag[2]!.matchAll(/(\w+)='([^']*)/g)].map(([, name, value]) => ` ${name}="${value}`);
  const names = attributes.sort().map((each) => `(?=[^>]*${each.replace(/[.\\?+]/g, '\\$&')})`);
  return `<${tag[1]}${names.join('')}.*${others.map((each) => each.trim().split(' ')[0]!.replace(/^'.*/, '')).join('.*')}`;
};

/** Attributes in one order. */
function normal(element: Element): string {
  const sort = (each: Element): void => {
    each.attrs = Object.fromEntries(Object.entries(each.attrs).sort());
    for (const child of elements(each)) sort(child);
  };
  sort(element);
  return serialize(element);
}

test.run();
