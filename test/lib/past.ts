/** An account with a past at its server, and apps that ask for it here. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { parseElement } from '../../src/wire/parser.ts';
import { bob, bodiesIn, eve, field, form, page, query, set, type Told } from './archive.ts';
import { account, core, type TestClient, type World } from './hub.ts';

const minute = 60_000;
export const numbers = (first: number, beyond: number): string[] =>
  Array.from({ length: beyond - first }, (_, index) => `${first + index}`);

/** The server's archive: so many messages, one a minute until now; every fifth is from eve. */
export class Past {
  readonly messages: { id: string; at: number; text: string }[];
  /** Of its pages. */
  size = 50;
  /** It says nothing. */
  isSilent = false;
  /** How often it was asked. */
  asked = 0;
  readonly #world: World;

  constructor(world: World, much: number) {
    this.#world = world;
    this.messages = numbers(0, much).map((name, index) => ({
      id: `s-${name}`,
      at: world.now - (much - index) * minute,
      text: messageOf(name, index % 5 === 4 ? eve : bob),
    }));
  }

  /** Answers what it was asked. */
  answer = (): void => {
    const isQuestion = (text: string): boolean => text.includes(`<query xmlns="${NS.mam}"`);
    for (let asked: string | undefined; !this.isSilent; ) {
      asked = this.#world.up.findLast(isQuestion);
      if (asked === undefined) return;
      this.asked++;
      const { messages, isComplete } = this.#page(asked);
      this.#world.archived(messages === undefined ? 'item-not-found' : messages, isComplete);
    }
  };

  #page(asked: string): { messages: Past['messages'] | undefined; isComplete: boolean } {
    const wish = parseElement(asked).getChild('query', NS.mam)!;
    const given = wish.getChild('set', NS.rsm)!;
    const fields = wish.getChild('x', NS.data)?.getChildren('field') ?? [];
    const date = (name: string): number =>
      Date.parse(fields.find(({ attrs }) => attrs.var === name)?.getChildText('value') ?? '');
    const [start, end] = [date('start'), date('end')];
    const max = Math.min(Number(given.getChildText('max')), this.size);
    const [before, after] = [given.getChild('before')?.getText(), given.getChildText('after')];
    const all = this.messages.filter(({ at }) => !(at < start || at > end));
    const bound = before || after || undefined;
    const index = all.findIndex(({ id }) => id === bound);
    if (bound !== undefined && index < 0) return { messages: undefined, isComplete: false };
    const rest = before === undefined ? all.slice(index + 1) : all.slice(0, bound === undefined ? undefined : index);
    const messages = before === undefined ? rest.slice(0, max) : max === 0 ? [] : rest.slice(-max);
    return { messages, isComplete: messages.length === rest.length };
  }

  /** Of the message of that number, as apps write it. */
  dateOf(index: number): string {
    return new Date(this.messages[index]!.at).toISOString();
  }
}

export const messageOf = (name: string, from: string): string =>
  `<message xmlns="jabber:client" from="${from}/desk" to="${account}" type="chat" id="m${name}"><body>${name}</body></message>`;

/** An app of an account that has so much of a past, and comes here now. */
export async function newcomer(world: World, much: number): Promise<{ past: Past; phone: TestClient }> {
  const past = new Past(world, much);
  world.hub.online(core, false);
  past.answer(); // nothing was missed
  const phone = world.client('phone').available();
  await world.settled();
  past.asked = 0;
  return { past, phone };
}

/** A query while the server answers, and time goes on. */
export const ask = (world: World, phone: TestClient, past: Past, ...inside: string[]): Promise<Told> => {
  const each = (): void => {
    past.answer();
    world.pass(10);
  };
  return query(world, phone, { queryid: 'q1', each }, ...inside);
};

export const first = (told: Told): string => page(told).getChildText('first')!;
export const since = (past: Past, index: number): string => form(field('start', past.dateOf(index)));
export const isComplete = ({ fin }: Told): boolean => fin!.attrs.complete === 'true';
export const hasTimedOut = ({ answer, results }: Told): boolean =>
  results.length === 0 && answer.getChild('error')?.getChild('remote-server-timeout', NS.stanzas) !== undefined;

/** As Conversations and Dino go back. */
export async function back(world: World, phone: TestClient, past: Past, ...inside: string[]): Promise<string[]> {
  const found: string[] = [];
  for (let before = '<before/>', more = true; more; ) {
    const told = await ask(world, phone, past, ...inside, set(`<max>40</max>${before}`));
    found.unshift(...bodiesIn(told));
    before = `<before>${first(told)}</before>`;
    more = !isComplete(told);
    assert.is(told.fin!.attrs.stable, undefined);
  }
  return found;
}
