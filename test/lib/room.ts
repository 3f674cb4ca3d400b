/** A room as the scripted server plays it: what it sends to the account's core session. */
import { NS } from '../../src/wire/ns.ts';
import { core, type TestClient, type World } from './hub.ts';

export const room = 'coven@muc.example';

const status = (codes: readonly number[]): string => codes.map((code) => `<status code="${code}"/>`).join('');

interface Presence {
  codes?: readonly number[];
  type?: 'unavailable';
  inside?: string;
  role?: string;
  nick?: string;
  jid?: string;
}

export const occupant = (
  nick: string,
  { codes = [], type, inside = '', role = 'participant', ...item }: Presence = {},
) =>
  `<presence from="${room}/${nick}" to="${core}"${type ? ` type="${type}"` : ''}>${inside}` +
  `<x xmlns="${NS.mucUser}"><item affiliation="member" role="${type ? 'none' : role}"` +
  `${item.jid ? ` jid="${item.jid}"` : ''}${item.nick ? ` nick="${item.nick}"` : ''}/>${status(codes)}</x></presence>`;

/** Something said; `at`: told as history. */
export function said(nick: string, body: string, { id = body, sid = '', at = '', inside = '' } = {}): string {
  const stanzaId = sid && `<stanza-id xmlns="${NS.sid}" by="${room}" id="${sid}"/>`;
  const delay = at && `<delay xmlns="${NS.delay}" from="${room}" stamp="${at}"/>`;
  const text = body && `<body>${body}</body>`;
  return (
    `<message from="${room}/${nick}" to="${core}" type="groupchat"${id ? ` id="${id}"` : ''}>` +
    `${text}${inside}${stanzaId}${delay}</message>`
  );
}

export const subject = (text = '', at = ''): string =>
  `<message from="${room}" to="${core}" type="groupchat"><subject>${text}</subject>` +
  `${at && `<delay xmlns="${NS.delay}" from="${room}" stamp="${at}"/>`}</message>`;

export const joining = (nick: string, inside = '', id = 'j1'): string =>
  `<presence to="${room}/${nick}" id="${id}"><x xmlns="${NS.muc}">${inside}</x></presence>`;

export const leaving = (nick: string, id = 'l1'): string =>
  `<presence to="${room}/${nick}" type="unavailable" id="${id}"/>`;

/** The room lets the account in: others, self, history, subject. */
export function admits(
  world: World,
  nick: string,
  { others = ['bob', 'carol'], codes = [110], history = [] as string[], topic = 'Cauldron' } = {},
): void {
  for (const other of others) world.server(occupant(other));
  world.server(occupant(nick, { codes, jid: core }));
  for (const message of history) world.server(message);
  world.server(subject(topic));
}

/** An account that is in the room by that client's own join; what that brings is taken away. */
export function enter(
  world: World,
  client: TestClient,
  nick = 'alice',
  options: Parameters<typeof admits>[2] = {},
): void {
  client.send(joining(nick));
  admits(world, nick, options);
  client.take();
  world.up.splice(0);
}

/** In short, for comparing: `bob`, `-bob`, `alice 110 100`, `bob: hi`, `subject Cauldron`. */
export function inShort(texts: readonly string[]): string[] {
  return texts.map((text) => {
    const nick = /from="[^"/]*\/([^"]*)"/.exec(text)?.[1] ?? '';
    const codes = [...text.matchAll(/<status code="(\d+)"/g)].map(([, code]) => ` ${code}`).join('');
    if (text.startsWith('<iq')) return `iq ${/type="(\w+)"/.exec(text)?.[1]}`;
    if (/type="error"/.test(text))
      return `error ${/<([\w-]+) xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/.exec(text)?.[1]}`;
    if (text.startsWith('<presence')) return `${text.includes('type="unavailable"') ? '-' : ''}${nick}${codes}`;
    const topic = /<subject\/>|<subject>([^<]*)<\/subject>/.exec(text);
    return topic ? `subject ${topic[1] ?? ''}`.trim() : `${nick}: ${/<body>([^<]*)</.exec(text)?.[1]}`;
  });
}

export const refused = (condition: string, nick = 'alice'): string =>
  `<presence from="${room}/${nick}" to="${core}" type="error"><error type="cancel"><${condition} xmlns="${NS.stanzas}"/></error></presence>`;
const isJoin = (text: string): boolean => text.includes(`to="${room}`) && text.includes(`<x xmlns="${NS.muc}"`);
export const joins = (world: World): string[] => world.up.splice(0).filter(isJoin);
export const gone = (codes: number[]) => occupant('alice', { codes, type: 'unavailable' });

/** One client in the room. */
export function inRoom(world: World, options: Parameters<typeof enter>[3] = {}): TestClient {
  world.online();
  const phone = world.client('phone').available();
  enter(world, phone, 'alice', options);
  return phone;
}

/** Phone and desk in the room, pad outside; all available. */
export function cast(world: World) {
  world.online();
  const phone = world.client('phone').available();
  const desk = world.client('desk').available();
  const pad = world.client('pad').available();
  enter(world, phone);
  desk.send(joining('alice'));
  desk.take();
  return { phone, desk, pad };
}
