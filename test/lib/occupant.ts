/** What clients do and expect in rooms of real servers (XEP-0045). */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, xml } from '../../src/wire/xml.ts';
import { isMessage, isPresence, type Party, type Predicate } from './party.ts';
import { login, type RawClient } from './raw.ts';
import type { Account, RealServer } from './servers.ts';
import { until } from './world.ts';

let count = 0;
export const newRoom = (server: RealServer): string => `room${++count}@rooms.${server.domain}`;

export const codes = (presence: Element): string[] =>
  (presence.getChild('x', NS.mucUser)?.getChildren('status') ?? []).map(({ attrs }) => String(attrs.code));
export const nickOf = ({ attrs }: Element): string => String(attrs.from).split('/')[1] ?? '';
/** Presence about oneself, of that type. */
export const isOwn =
  (room: string, type: string | null): Predicate =>
  (stanza) =>
    isPresence({ from: room, type })(stanza) && codes(stanza).includes('110');
const isSubject =
  (room: string): Predicate =>
  (stanza) =>
    isMessage({ from: room })(stanza) && stanza.getChild('subject') !== undefined && !stanza.getChild('body');

export const leave = (room: string, nick: string): string => `<presence to="${room}/${nick}" type="unavailable"/>`;

/** What it was told on entering, up to the subject. */
export interface Entry {
  occupants: string[];
  codes: string[];
  history: string[];
}

export async function enter(client: Party, room: string, nick: string, inside = ''): Promise<Entry> {
  const from = client.all.length;
  client.send(`<presence to="${room}/${nick}"><x xmlns="${NS.muc}">${inside}</x></presence>`);
  await client.received(isSubject(room), { what: `the subject of ${room}` });
  const told = client.all.slice(from).filter(({ attrs }) => String(attrs.from).startsWith(room));
  const own = told.findIndex(isOwn(room, null));
  const last = told.findIndex(isSubject(room));
  assert.ok(own >= 0 && own < last, 'self-presence comes before the subject');
  assert.ok(told.slice(0, own).every(isPresence({ from: room })), 'occupants come first');
  const messages = told.slice(own, last).filter(isMessage({ from: room }));
  const names = told.slice(0, own).map(nickOf);
  return {
    occupants: names.filter((name) => name !== ''), // ejabberd sends presence of the room itself too, for its avatar
    codes: codes(told[own]!),
    history: messages.map((message) => {
      assert.ok(message.getChild('delay', NS.delay), 'history is dated');
      return `${nickOf(message)}: ${message.getChildText('body')}`;
    }),
  };
}

export const say = (client: Party, room: string, body: string): void =>
  client.send(`<message to="${room}" type="groupchat" id="${body}"><body>${body}</body></message>`);
export const hears = (client: Party, room: string, body: string, within?: number): Promise<Element> =>
  client.received(isMessage({ from: room, body }), { what: body, ...(within && { within }) });
export const countOf = (client: Party, room: string, body: string): number =>
  client.all.filter(isMessage({ from: room, body })).length;

/** A client at the server itself, in the room; if it made the room, that is open to all from then on. */
export async function atServer(server: RealServer, room: string, nick: string): Promise<RawClient> {
  const account: Account = await server.account(nick);
  const client = await login({ ...account, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
  client.send('<presence/>');
  const { codes } = await enter(client, room, nick, '<history maxstanzas="0"/>');
  if (codes.includes('201'))
    await client.iq('set', room, xml('query', NS.mucOwner, xml('x', { xmlns: NS.data, type: 'submit' })));
  return client;
}

/** Asks that occupant, by way of the room, until there is one, or none; `client` must be in the room itself. */
export async function isThere(client: Party, room: string, nick: string, wanted = true): Promise<void> {
  let found = !wanted;
  await until(
    `${nick} in ${room}: ${wanted}`,
    () => found === wanted,
    async () => {
      found = (await client.iq('get', `${room}/${nick}`, xml('ping', NS.ping))).attrs.type === 'result';
      if (found !== wanted) await new Promise((resolve) => setTimeout(resolve, 100));
    },
  );
}
