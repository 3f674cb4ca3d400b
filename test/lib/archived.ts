/** What stands in an account's archive, and clients that it is given to. */
import type { ArchivedMessage } from '../../src/archive/types.ts';
import { NS } from '../../src/wire/ns.ts';
import { account, core, type TestClient, type World } from './hub.ts';

/** From a contact; its id is its body. */
export const chat = (
  body: string,
  { from = 'bob@home.example/x', to = core as string, id = body, inside = '' } = {},
): string =>
  `<message from="${from}" to="${to}" type="chat"${id && ` id="${id}"`}><body>${body}</body>${inside}</message>`;

/** What the server copies to us of another resource's. */
export const carbon = (direction: 'sent' | 'received', inner: string): string =>
  `<message from="${account}" to="${core}"><${direction} xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}">` +
  `${inner.replace('<message', `<message xmlns="${NS.client}"`)}</forwarded></${direction}></message>`;

export const alias = (id: string, by = account as string): string =>
  `<stanza-id xmlns="${NS.sid}" by="${by}" id="${id}"/>`;

/** The id of ours in a text. */
export const idIn = (text: string | undefined): string | undefined =>
  new RegExp(`by="${account}" id="(x[^"]+)"`).exec(text ?? '')?.[1];

export const bodiesOf = (texts: readonly string[]): (string | undefined)[] =>
  texts.map((text) => /<body>([^<]*)</.exec(text)?.[1]);
export const isLive = (text: string): boolean => !text.includes(`<delay xmlns="${NS.delay}"`);

export async function archived(world: World): Promise<ArchivedMessage[]> {
  await world.settled();
  return (await world.store.messages.page(account, {}, 500)).messages;
}
export const bodiesIn = async (world: World): Promise<(string | undefined)[]> =>
  (await archived(world)).map(({ body }) => body);

/** A client that is known not to ask the archive, and has all until now. */
export async function known(world: World, resource = 'phone', attached = {}): Promise<TestClient> {
  const client = world.client(resource, attached).available();
  world.pass(10_000);
  await world.settled();
  world.server(chat(`hello ${resource}`));
  client.acknowledge().take();
  return client;
}
