/** Messages for an archive, and a client that asks for them. */
import type { ArchivedMessage, Store } from '../../src/archive/types.ts';
import { noPast } from '../../src/hub/mam-page.ts';
import { stanzaIdOf } from '../../src/hub/place.ts';
import { NS } from '../../src/wire/ns.ts';
import { parseElement } from '../../src/wire/parser.ts';
import { Stanza } from '../../src/wire/stanza.ts';
import { type Element, xml } from '../../src/wire/xml.ts';
import { account, inWorld, type TestClient, type World } from './hub.ts';

const start = Date.UTC(2026, 0, 1, 0, 0, 0, 250);
const second = 1000;

/** The place of the message with that number: one a second. */
export const placed = (index: number): number => (start + index * second) * 1000;

/** From bob, where nothing else is said; a message of number n has the alias `server-n`. */
export function archived(index: number, given: Partial<ArchivedMessage>): ArchivedMessage {
  const { peer = 'bob@home.example', isSent = false, type = 'chat', body = '', resource = 'desk' } = given;
  const [from, to] = isSent ? [`${account}/phone`, peer] : [`${peer}/${resource}`, account];
  const id = `m${index}`;
  return {
    place: placed(index),
    at: start + index * second,
    peer,
    resource: isSent ? undefined : resource,
    isSent,
    type,
    id,
    originId: undefined,
    alias: `server-${index}`,
    client: isSent ? from : undefined,
    text: Stanza.of(xml('message', { from, to, type, id }, xml('body', {}, body))).toString(),
    body,
    ...given,
  };
}

export async function fill(store: Store, messages: readonly Partial<ArchivedMessage>[]): Promise<void> {
  await Promise.all(messages.map((message, index) => store.messages.add(account, archived(index, message))));
}

export const bob = 'bob@home.example';
export const eve = 'eve@home.example';
export const room = 'tea@rooms.example';

/** A talk with bob; one message from eve in between, one in a room. */
export const talk: Partial<ArchivedMessage>[] = [
  { body: 'one' },
  { body: 'two' },
  { body: 'three', isSent: true },
  { body: 'from eve', peer: eve },
  { body: 'four' },
  { body: 'said in a room', peer: room, resource: 'carol', type: 'groupchat' },
  { body: 'five' },
  { body: 'six', isSent: true },
  { body: 'seven' },
];
export const all = ['one', 'two', 'three', 'from eve', 'four', 'five', 'six', 'seven'];

/** What came of a query. */
export interface Told {
  results: Element[];
  answer: Element;
  fin: Element | undefined;
}

interface Words {
  queryid?: string | undefined;
  /** In place of a query. */
  text?: string;
  type?: 'get' | 'set';
  /** What happens again and again until it is answered; the server knows no id where that is left out. */
  each?: () => void;
}

let count = 0;

/** Asks the account's archive; resolves with the results and the answer, which has to come last. */
export async function query(world: World, client: TestClient, ...words: (string | Words)[]): Promise<Told> {
  const id = `mam${++count}`;
  const {
    queryid,
    text,
    type = 'set',
    each = () => {
      world.archived('item-not-found');
      world.pass(0);
    },
  }: Words = { queryid: 'q1', ...(words.find((word) => typeof word === 'object') as Words) };
  const mark = queryid === undefined ? '' : ` queryid="${queryid}"`;
  const inside = words.filter((word) => typeof word === 'string').join('');
  client.send(`<iq type="${type}" id="${id}">${text ?? `<query xmlns="${NS.mam}"${mark}>${inside}</query>`}</iq>`);
  const isAnswer = (got: string): boolean => got.startsWith('<iq') && got.includes(` id="${id}"`);
  const deadline = Date.now() + 5000;
  while (!client.received.some(isAnswer)) {
    if (Date.now() > deadline) throw new Error(`no answer: ${client.received.join('\n')}`);
    await new Promise(setImmediate);
    each();
  }
  const got = client.take().map((received) => parseElement(received));
  const answer = got.pop()!;
  if (answer.attrs.id !== id) throw new Error(`the answer is not the last: ${answer}`);
  return { results: got, answer, fin: answer.getChild('fin', NS.mam) };
}

/** The account was never elsewhere: its server is not asked. */
export function withoutPast(world: World): void {
  world.hub.archive!.unknownId = async () => false;
  world.hub.archive!.past = noPast;
}

export const bodiesIn = ({ results }: Told): string[] =>
  results.map((result) => {
    const forwarded = result.getChild('result', NS.mam)?.getChild('forwarded', NS.forward);
    return forwarded?.getChild('message', NS.client)?.getChildText('body') ?? '';
  });

/** A world with that talk in the archive, and a client in it. */
export const withTalk = (run: (ask: (...inside: string[]) => Promise<Told>, world: World) => Promise<void>) =>
  inWorld(async (world) => {
    world.online();
    await fill(world.store, talk);
    withoutPast(world);
    const phone = world.client('phone').available();
    await run((...inside) => query(world, phone, ...inside), world);
  });

export const field = (name: string, ...values: string[]): string =>
  `<field var="${name}">${values.map((value) => `<value>${value}</value>`).join('')}</field>`;
/** A query's form, filled in. */
export const form = (...fields: string[]): string =>
  `<x xmlns="jabber:x:data" type="submit">${field('FORM_TYPE', NS.mam)}${fields.join('')}</x>`;
/** XEP-0059. */
export const set = (inside: string): string => `<set xmlns="${NS.rsm}">${inside}</set>`;
/** The id of the message with that number. */
export const idOf = (index: number): string => stanzaIdOf(placed(index));
/** Which page it was. */
export const page = ({ fin }: Told): Element => fin!.getChild('set', NS.rsm)!;
