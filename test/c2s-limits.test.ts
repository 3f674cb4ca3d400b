/** Of the program as it is run: how much an app may leave unacknowledged is as it is set. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { type Element, firstElement } from '../src/wire/xml.ts';
import { RunningProxy } from './lib/proxy.ts';
import type { RawClient } from './lib/raw.ts';

/** Four times what may stay unacknowledged is so much that nobody waits for an answer. */
const flood = 4;

/** An app that takes everything and acknowledges nothing. */
async function deaf(proxy: RunningProxy): Promise<RawClient> {
  const client = await proxy.login(proxy.admin);
  await client.enableSm();
  client.acknowledges = false;
  return client;
}

/** Asks so many things, a turn's worth at once; how many of them had an answer when the stream was ended for it. */
async function ask(client: RawClient, { turns, atOnce, idLength }: Asking): Promise<number> {
  for (let turn = 0; turn < turns; turn++) {
    const ids = Array.from({ length: atOnce }, (_, at) => `${turn}-${at}`.padStart(idLength, 'x'));
    for (const id of ids) client.send(`<iq type="get" id="${id}" to="proxy.example"><ping xmlns="${NS.ping}"/></iq>`);
    const isEnd = ({ name, attrs }: Element) => name === 'error' || attrs.id === ids.at(-1);
    const answer = await client.received(isEnd, { what: 'an answer', within: 15_000 });
    const end = [answer, ...client.rest()].find(({ name }) => name === 'error');
    if (end === undefined) continue;
    assert.is(firstElement(end)?.name, 'resource-constraint');
    return turn * atOnce;
  }
  return turns * atOnce;
}

interface Asking {
  turns: number;
  atOnce: number;
  idLength: number;
}

for (const { key, value, most, ...asking } of [
  { key: 'C2S_UNACKED_STANZAS', value: '500', most: flood * 500, atOnce: 100, idLength: 8 },
  {
    key: 'C2S_UNACKED_KB',
    value: '512',
    most: Math.floor((flood * 512 * 1024) / 100_000),
    atOnce: 1,
    idLength: 100_000,
  },
])
  test(`${key} ends the stream of an app that acknowledges nothing, not before`, async () => {
    const { atOnce } = asking;
    const turns = Math.floor((most * 1.5) / atOnce);
    const strict = await RunningProxy.start({ env: { [key]: value } });
    const answered = await ask(await deaf(strict), { ...asking, turns });
    assert.ok(answered >= most - atOnce && answered <= most + atOnce, `${answered} of ${most}`);
    await strict.stop();
    const usual = await RunningProxy.start();
    const enough = await ask(await deaf(usual), { ...asking, turns });
    assert.is(enough, turns * atOnce, 'where nothing is set it may leave as much');
    await usual.stop();
  });

test.run();
