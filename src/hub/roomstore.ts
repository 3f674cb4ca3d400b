/** What is kept of rooms: that we are in, and as what; their last messages; what no client has taken. */
import type { BareJid } from '../wire/jid.ts';
import { Room, type RoomHost, type RoomRecord } from './room.ts';

interface Entry {
  key: string;
  value: string;
}

/** All that were joined when the store was last written. */
export async function keptRooms(host: RoomHost): Promise<Room[]> {
  const { kept } = host.context;
  const [records, messages, privates] = await Promise.all([
    kept.read('room'),
    kept.read('room-message'),
    kept.read('room-private'),
  ]);
  return records.map(({ key, value }) => {
    const room = new Room(host, key as BareJid, JSON.parse(value) as RoomRecord);
    const own = (entry: Entry) => entry.key.startsWith(`${key} `);
    room.scene.history.restore(messages.filter(own).map((entry) => entry.value));
    const waiting = privates.filter(own);
    room.privates.restore(waiting.map((entry) => ({ number: Number(entry.key.slice(key.length)), text: entry.value })));
    return room;
  });
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
