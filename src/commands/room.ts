/** `room`: the group chats (XEP-0045) that accounts stay in while no app is connected. */
import type { RoomState } from '../link/link.ts';
import type { AccountRecord } from '../registry/types.ts';
import { type BareJid, localOf } from '../wire/jid.ts';
import type { Context } from './context.ts';
import { command } from './define.ts';
import { UsageError } from './error.ts';
import { count, page, typed, wrap } from './text.ts';
import type { Group } from './tree.ts';
import { mendAddress } from './words.ts';

type Account = Readonly<AccountRecord>;
type Action = 'leave' | 'detach' | 'attach';

/** Those that this session may know of; of one account where it is named. */
async function roomsOf({ grant, pool }: Context, account: Account | undefined): Promise<RoomState[]> {
  const only = account?.jid ?? grant.only;
  const rooms = await pool.rooms(grant.user.name);
  return rooms.filter((room) => only === undefined || room.account === only);
}

const labelOf = ({ grant }: Context, account: BareJid): string =>
  grant.user.accounts.find(({ jid }) => jid === account)?.label ?? account;

const list = command({
  summary: 'all of them',
  access: 'all',
  args: {
    // not of the kind `account`: who has one account would always name it
    account: { kind: 'text', label: 'account', optional: true },
    page: { kind: 'number', label: 'page', optional: true },
  },
  words: ['page'],
  example: 'room list',
  next: '● you are in, ◐ I try to enter again, ○ detached: you are in, your apps are not.',
  async run({ account: text, page: number = 1 }, context) {
    const account = accountIn(text, context);
    const rooms = await roomsOf(context, account);
    if (rooms.length === 0) return 'You are in no room. Join one in your app; I stay in it for you.';
    const items = rooms.map((room) => describe(room, context));
    return page(items, number, (next) => typed('room list', [String(next)], { account: account?.label }), 8);
  },
});

function describe({ room, account, nick, isIn, detached, occupants, clients }: RoomState, context: Context): string {
  const sign = !isIn ? '◐' : detached ? '○' : '●';
  const owner = context.grant.user.accounts.length > 1 ? ` (${labelOf(context, account)})` : '';
  const facts = isIn ? `${count(occupants, 'occupant')}, ${count(clients, 'app')} of yours` : 'not let in yet';
  return [`${sign} ${room}`, ...wrap(`as ${nick}${owner}, ${facts}${detached ? ', detached' : ''}`)].join('\n');
}

/** One command for each thing that can be done to a room. */
const acting = (action: Action, summary: string, next: string, done: (room: string) => string) =>
  command({
    summary,
    access: 'all',
    args: {
      room: { kind: 'text', label: 'room' },
      account: { kind: 'text', label: 'account', optional: true },
    },
    words: ['room'],
    example: `room ${action} coven@muc.example.org`,
    next,
    target: ({ room, account }) => (account === undefined ? room : `${room} of ${account}`),
    async run({ room: text, account: named }, context) {
      const { room, account } = find(text, await roomsOf(context, accountIn(named, context)), context);
      const isThere = await context.pool.room(context.grant.user.name, account, room, action);
      if (!isThere) throw new UsageError('You are not in that room any more. `room list` shows all.');
      return done(room);
    },
  });

function accountIn(text: string | undefined, { grant }: Context): Account | undefined {
  if (text === undefined) return undefined;
  const word = mendAddress(text).toLowerCase();
  const accounts = grant.user.accounts.filter(({ jid }) => grant.only === undefined || jid === grant.only);
  const found = accounts.find(({ jid, label }) => jid === word || label.toLowerCase() === word);
  if (found === undefined) throw new UsageError('No such account.');
  return found;
}

/** By address, name, or the unique start of it. */
function find(text: string, rooms: readonly RoomState[], context: Context): RoomState {
  const word = mendAddress(text).toLowerCase();
  const tests: ((room: RoomState) => boolean)[] = [
    ({ room }) => room === word,
    ({ room }) => localOf(room) === word,
    ({ room }) => word !== '' && room.startsWith(word),
  ];
  for (const test of tests) {
    const found = rooms.filter(test);
    if (found.length === 1) return found[0]!;
    if (found.length > 1) throw new UsageError(`Which room?\n${choices(found, context)}`);
  }
  throw new UsageError('You are in no such room. `room list` shows all.');
}

/** Each as it can be typed. */
function choices(found: readonly RoomState[], context: Context): string {
  const isOne = new Set(found.map(({ account }) => account)).size === 1;
  return found
    .map(({ room, account }) => `${room}${isOne ? '' : ` account=${labelOf(context, account)}`}`)
    .slice(0, 8)
    .join('\n');
}

export const room: Group = {
  summary: 'group chats you stay in',
  commands: {
    list,
    leave: acting(
      'leave',
      'leave it for good',
      'The room sees you leave, and your apps are told.',
      (address) => `You leave ${address}.`,
    ),
    detach: acting(
      'detach',
      'stay in it, silently',
      'Your apps are out of it and hear nothing. I tell you when somebody names or addresses you. Joining it in an app attaches it again.',
      (address) => `${address} is detached: I tell you when somebody speaks to you there.`,
    ),
    attach: acting(
      'attach',
      'end a detachment',
      'I relay nothing from it any more. Join it in your app as usual.',
      (address) => `${address} is attached. Join it in your app as usual.`,
    ),
  },
};
