/** The player of transcripts: what fits, what does not, and that it says where. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseElement } from '../src/wire/parser.ts';
import { type Element, serialize } from '../src/wire/xml.ts';
import { mismatch } from './lib/match.ts';
import { type Player, play } from './lib/transcript.ts';

const fit: readonly [string, string][] = [
  ['<presence/>', '<presence/>'],
  ['<presence/>', '<presence from="a@b" id="1"/>'],
  ['<message id="1" to="a@b"/>', '<message to="a@b" id="1"/>'],
  ['<message from="{any}"/>', '<message from="a@b/c"/>'],
  ['<message from="a@b/{any}"/>', '<message from="a@b/c"/>'],
  ['<message>\n  <body>hello</body>\n</message>', '<message><body>hello</body></message>'],
  ['<message><body>{any}</body></message>', '<message><body>two\nlines</body></message>'],
  ['<message><body>a{any}z</body></message>', '<message><body>a\n\nz</body></message>'],
  ['<message><body>a</body>{any}</message>', '<message><body>a</body><x xmlns="u:x"/><y xmlns="u:y"/></message>'],
  ['<message>{any}</message>', '<message/>'],
];
const unfit: readonly [string, string, RegExp][] = [
  ['<presence/>', '<message/>', /it is <message/],
  ['<message id="1"/>', '<message id="2"/>', /id is 2/],
  ['<message id="1"/>', '<message/>', /id is absent/],
  ['<message id="{any}"/>', '<message/>', /id is absent/],
  ['<message from="a@b/{any}"/>', '<message from="a@bc/d"/>', /from is/],
  ['<message><body>a</body></message>', '<message><body>b</body></message>', /body: there is "b"/],
  ['<message><body>a</body></message>', '<message/>', /is missing/],
  ['<message/>', '<message><body>a</body></message>', /should not be there/],
  ['<message><x xmlns="u:x"/></message>', '<message><x xmlns="u:y"/></message>', /namespace is u:y/],
  ['<message><a/><b/></message>', '<message><b/><a/></message>', /it is <b/],
  ['<message><body>a</body>{any}</message>', '<message><x xmlns="u:x"/><body>a</body></message>', /it is <x/],
];

for (const [expected, actual] of fit)
  test(`${expected} fits ${actual}`, () => {
    assert.is(mismatch(parseElement(expected), parseElement(actual)), undefined);
  });
for (const [expected, actual, why] of unfit)
  test(`${expected} does not fit ${actual}`, () => {
    assert.match(mismatch(parseElement(expected), parseElement(actual)) ?? 'it fits', why);
  });

/** A party that says back what it is told, and closes once. */
function echo(): { player: Player; log: string[] } {
  const log: string[] = [];
  const inbox: Element[] = [];
  const player: Player = {
    send(xml) {
      log.push(xml.trim());
      inbox.push(
        ...parseElement(`<all>${xml}</all>`).children.filter((child): child is Element => typeof child !== 'string'),
      );
    },
    next: () => (inbox.length > 0 ? Promise.resolve(inbox.shift()!) : Promise.reject(new Error('nothing came'))),
    close: async () => void log.push('closed'),
  };
  return { player, log };
}

const script = (...steps: string[]): string =>
  ['# An echo.', '[Client] Romeo', '\tjid: romeo@montague.lit/orchard', '\tignores: presence', '-----', ...steps].join(
    '\n',
  );
const run = async (text: string): Promise<string[]> => {
  const { player, log } = echo();
  await play(text, async () => player);
  return log;
};

test('steps are taken in order, and what is ignored is passed over', async () => {
  const log = await run(
    script(
      'Romeo connects',
      'Romeo sends:',
      '\t<presence/>',
      '\t<message id="1"/>',
      'Romeo receives:',
      '\t<message id="1"/>',
      'Romeo disconnects',
    ),
  );
  assert.equal(log, ['<presence/>\n<message id="1"/>', 'closed']);
});

const failing: readonly [string, string[], RegExp][] = [
  ['what does not come', ['Romeo connects', 'Romeo receives:', '\t<message/>'], /line 7, Romeo receives: nothing came/],
  [
    'another stanza',
    ['Romeo connects', 'Romeo sends:', '\t<iq id="1"/>', 'Romeo receives:', '\t<message/>'],
    /line 9, .*it is <iq/,
  ],
  ['nobody of that name', ['Tybalt connects'], /line 6: nobody/],
  ['a word that is no step', ['Romeo dances'], /line 6: not a step/],
  ['who is not connected', ['Romeo sends:', '\t<presence/>'], /line 6, .*not connected/],
  ['no steps at all', [], /nothing happens/],
];
for (const [what, steps, why] of failing)
  test(`it fails at ${what}`, async () => {
    const error = await run(script(...steps)).catch((reason: Error) => reason);
    assert.match(String(error), why);
  });

test('parties are closed when a step fails', async () => {
  const { player, log } = echo();
  await play(script('Romeo connects', 'Romeo receives:', '\t<message/>'), async () => player).catch(() => {});
  assert.equal(log, ['closed']);
});

test('addresses are rewritten before anything is sent or compared', async () => {
  const { player, log } = echo();
  const text = script(
    'Romeo connects',
    'Romeo sends:',
    '\t<message to="x"/>',
    'Romeo receives:',
    '\t<message to="x"/>',
  );
  await play(
    text,
    async () => player,
    (line) => line.replaceAll('"x"', '"y"'),
  );
  assert.is(log[0], serialize(parseElement('<message to="y"/>')));
});

test.run();
