/** What is kept of rooms: that we are in, and as what; what no client has taken. What was said is in the archive. */
import type { BareJid } from '../wire/jid.ts';
import { Room, type RoomHost, type RoomRecord } from './room.ts';
import { pastOf } from './roompast.ts';

/** Messages looked at for a room's history. */
const lately = 80;

interface Entry {
  key: string;
  value: string;
}

/** All that were joined when the store was last written. */
export async function keptRooms(host: RoomHost): Promise<Room[]> {
  const { kept, archive } = host.context;
  const [records, privates] = await Promise.all([kept.read('room'), kept.read('room-private')]);
  const rooms: Room[] = [];
  for (const { key, value } of records) {
    const room = new Room(host, key as BareJid, JSON.parse(value) as RoomRecord);
    const waiting = privates.filter((entry: Entry) => entry.key.startsWith(`${key} `));
    room.privates.restore(waiting.map((entry) => ({ number: Number(entry.key.slice(key.length)), text: entry.value })));
    room.scene.history.restore(await pastOf(archive, room.address, lately));
    rooms.push(room);
  }
  return rooms;
}

/** It has changed. */
export function keep(room: Room): void {
  const { kept } = room.context;
  if (room.phase === 'leaving') kept.remove('room', room.address);
  else kept.put('room', room.address, JSON.stringify(room.record));
}

/** It is over. */
export function forget(room: Room): void {
  room.context.kept.remove('room', room.address);
  room.scene.history.clear();
  room.privates.take();
}
