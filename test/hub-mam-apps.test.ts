/** Archives as apps ask for them: their queries to the letter, and how each goes on from page to page. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Store } from '../src/archive/types.ts';
import { stanzaIdOf } from '../src/hub/place.ts';
import { NS } from '../src/wire/ns.ts';
import { parseElement } from '../src/wire/parser.ts';
import type { Element } from '../src/wire/xml.ts';
import { bob, fill, placed, withoutPast } from './lib/archive.ts';
import { account, inWorld, type TestClient, type World } from './lib/hub.ts';

const much = 120;
const said = Array.from({ length: much }, (_, index) => `${index}`);
const talk = (store: Store): Promise<void> =>
  fill(
    store,
    said.map((body) => ({ body })),
  );
const idOf = (index: number): string => stanzaIdOf(placed(index));
const dateOf = (index: number): string => new Date(placed(index) / 1000).toISOString().replace('.250Z', 'Z');

interface Answer {
  /** Archive id and body. */
  messages: [string, string][];
  complete: boolean;
  first: string | null;
  last: string | null;
  count: string | null;
  error: string | undefined;
}

let count = 0;

/** Sends it; `ID` stands for the id. Every result must have come from the archive, for that query, before the answer. */
async function ask(client: TestClient, text: string): Promise<Answer> {
  const id = `app${++count}`;
  client.send(text.replaceAll('ID', id));
  const isAnswer = (got: string): boolean => got.startsWith('<iq') && got.includes(` id="${id}"`);
  for (let turn = 0; !client.received.some(isAnswer); turn++) {
    assert.ok(turn < 1000, `no answer to ${text}`);
    await new Promise(setImmediate);
  }
  const got = client.take().map((received) => parseElement(received));
  const answer = got.pop()!;
  assert.is(answer.attrs.id, id);
  const messages = got.map((message): [string, string] => {
    const result = message.getChild('result', NS.mam)!;
    assert.is(message.attrs.from, account);
    assert.is(result.attrs.queryid, id);
    const forwarded = result.getChild('forwarded', NS.forward)!;
    assert.match(forwarded.getChild('delay', NS.delay)!.attrs.stamp, /^[\d-]+T[\d:.]+Z$/);
    return [result.attrs.id, forwarded.getChild('message', NS.client)!.getChildText('body')!];
  });
  const fin = answer.getChild('fin', NS.mam);
  const set: Element | undefined = fin?.getChild('set', NS.rsm);
  return {
    messages,
    complete: fin?.attrs.complete === 'true',
    first: set?.getChildText('first') ?? null,
    last: set?.getChildText('last') ?? null,
    count: set?.getChildText('count') ?? null,
    error: answer.getChild('error')?.children.find((child) => typeof child !== 'string')?.name,
  };
}

const app = (name: string, run: (client: TestClient, world: World) => Promise<void>): void =>
  test(
    name,
    inWorld(async (world) => {
      world.online();
      await talk(world.store);
      withoutPast(world);
      await run(world.client('app').available(), world);
    }),
  );

const bodies = (answers: readonly Answer[]): string[] =>
  answers.flatMap(({ messages }) => messages.map(([, body]) => body));

/** As Conversations 2.19 writes it: form fields without types; no set where it begins at a date. */
const conversations = (fields: Record<string, string>, set = ''): string => {
  const inside = Object.entries(fields).map(([name, value]) => `<field var="${name}"><value>${value}</value></field>`);
  return `<iq type="set" id="ID" to="${account}"><query xmlns="${NS.mam}" queryid="ID"><x xmlns="${NS.data}" type="submit"><field type="hidden" var="FORM_TYPE"><value>${NS.mam}</value></field>${inside.join('')}</x>${set}</query></iq>`;
};
const rsm = (inside: string): string => `<set xmlns="${NS.rsm}">${inside}</set>`;

app('Conversations catches up from a date, then by pages', async (client) => {
  const answers = [await ask(client, conversations({ start: dateOf(10), end: '2026-01-02T00:00:00.000Z' }))];
  while (!answers.at(-1)!.complete && answers.at(-1)!.last !== null) {
    const next = rsm(`<max>50</max><after>${answers.at(-1)!.last}</after>`);
    answers.push(await ask(client, conversations({ end: '2026-01-02T00:00:00.000Z' }, next)));
  }
  assert.equal(bodies(answers), said.slice(10));
});

app('Conversations catches up from an id that the server gave, and goes back in a chat', async (client) => {
  const [caught] = [await ask(client, conversations({}, rsm('<max>50</max><after>server-100</after>')))];
  assert.equal(bodies([caught]), said.slice(101));
  const back = [await ask(client, conversations({ with: bob, end: dateOf(100) }, rsm('<max>50</max><before/>')))];
  assert.equal(bodies(back), said.slice(50, 100));
  const before = rsm(`<max>50</max><before>${back[0]!.first}</before>`);
  back.push(await ask(client, conversations({ with: bob, end: dateOf(100) }, before)));
  assert.equal(bodies(back.slice(1)), said.slice(0, 50));
  assert.is(back[1]!.complete, true);
});

/** As nbxmpp writes it for Gajim: field types, a set without a size. */
const gajim = (field: string, after: string): string =>
  `<iq xmlns="jabber:client" to="${account}" type="set" id="ID"><query xmlns="${NS.mam}" queryid="ID"><x xmlns="${NS.data}" type="submit"><field type="hidden" var="FORM_TYPE"><value>${NS.mam}</value></field>${field}</x><set xmlns="${NS.rsm}"><max>70</max>${after}</set></query></iq>`;

app('Gajim: the last week first, then from the last id; an id that is gone, and it begins anew', async (client) => {
  const start = `<field type="text-single" var="start"><value>${dateOf(0)}</value></field>`;
  const answers = [await ask(client, gajim(start, ''))];
  while (!answers.at(-1)!.complete) {
    const { first, last } = answers.at(-1)!;
    assert.ok(first !== null && last !== null, 'it takes anything else for malformed');
    answers.push(await ask(client, gajim(start, `<after>${last}</after>`)));
  }
  assert.equal(bodies(answers), said);
  assert.is((await ask(client, gajim('', '<after>gone</after>'))).error, 'item-not-found');
  const empty = await ask(client, gajim('', `<after>${idOf(much - 1)}</after>`));
  assert.equal([empty.messages, empty.complete, empty.last], [[], true, null]);
});

/** As Dino writes it: always before something, or the end. */
const dino = (start: string, before: string): string =>
  `<iq type="set" to="${account}" id="ID"><query xmlns="${NS.mam}" queryid="ID"><x xmlns="${NS.data}" type="submit"><field type="hidden" var="FORM_TYPE"><value>${NS.mam}</value></field><field var="start"><value>${start}</value></field></x><set xmlns="${NS.rsm}"><max>20</max>${before}</set></query></iq>`;

app('Dino: the latest page, and back until it meets what it has', async (client) => {
  const known = idOf(59);
  const answers: Answer[] = [];
  for (let before = '<before/>', isMet = false; !isMet; ) {
    const answer = await ask(client, dino(dateOf(40), before));
    answers.unshift(answer);
    isMet = answer.messages.some(([id]) => id === known) || answer.complete;
    before = `<before>${answer.first}</before>`;
  }
  assert.equal(bodies(answers), said.slice(40).slice(bodies(answers).length % 20), 'to where it meets the known one');
  assert.ok(bodies(answers).includes('59'));
});

/** As Monal writes it: one id for the request and the query. */
const monal = (fields: string, set: string): string =>
  `<iq type="set" id="ID"><query xmlns="${NS.mam}" queryid="ID"><x xmlns="${NS.data}" type="submit"><field var="FORM_TYPE" type="hidden"><value>${NS.mam}</value></field>${fields}</x><set xmlns="${NS.rsm}">${set}</set></query></iq>`;

app('Monal: the latest id, catching up from it, by date where the id is gone, and back in a chat', async (client) => {
  const end = '<field var="end"><value>2027-01-01T00:00:00.000Z</value></field>';
  const latest = await ask(client, monal(end, '<max>1</max><before/>'));
  assert.is(latest.last, idOf(much - 1));
  const answers = [await ask(client, monal('', `<max>50</max><after>${idOf(9)}</after>`))];
  while (!answers.at(-1)!.complete && answers.at(-1)!.last !== null)
    answers.push(await ask(client, monal('', `<max>50</max><after>${answers.at(-1)!.last}</after>`)));
  assert.equal(bodies(answers), said.slice(10));
  assert.is((await ask(client, monal('', '<max>50</max><after>gone</after>'))).error, 'item-not-found');
  const start = `<field var="start"><value>${dateOf(115).replace('Z', '.250Z')}</value></field>`;
  assert.equal(bodies([await ask(client, monal(start, '<max>50</max>'))]), said.slice(115));
  const back = `<field var="with"><value>${bob}</value></field>`;
  const history = await ask(client, monal(back, `<max>50</max><before>${idOf(30)}</before>`));
  assert.equal(bodies([history]), said.slice(0, 30));
});

app('an app that knows an older archive alone is told that there is none', async (client, world) => {
  for (const older of [NS.mam0, NS.mam1]) {
    const answer = await ask(client, `<iq type="set" id="ID"><query xmlns="${older}" queryid="ID"/></iq>`);
    assert.is(answer.error, 'service-unavailable');
  }
  assert.equal(world.up, []);
});

test.run();
