/**
 * What comes in clear is read into one buffer. Otherwise Node takes 64 KiB anew for each read, and as memory of its own
 * (scripts/node) that costs as much as all the rest of reading: a tenth of what a busy proxy does. TLS has a buffer for each
 * connection anyway.
 *
 * COMPAT: Node 20 to 24 has the option `onread` for sockets that connect, and none for those that are accepted, so what the
 * option does is done here. Where Node has it in another way, a socket reads as ever.
 */
import type { Socket } from 'node:net';
import { readingInto } from '../wire/inbox.ts';

/** `take` gets every chunk as it comes, and may use it until it returns. For a socket whose reading has not been begun by others. */
export function readInClear(socket: Socket, take: (chunk: Buffer) => void): void {
  const { _handle: handle } = socket as { _handle?: { readonly useUserBuffer?: (buffer: Buffer) => void } };
  const symbols = new Map(Object.getOwnPropertySymbols(socket).map((symbol) => [symbol.description, symbol]));
  const kBuffer = symbols.get('kBuffer');
  const kBufferCb = symbols.get('kBufferCb');
  const isOther = handle?.useUserBuffer === undefined || kBuffer === undefined || kBufferCb === undefined;
  if (isOther || socket.readableLength > 0) {
    socket.on('data', take);
    return;
  }
  const { buffer, callback } = readingInto(take);
  Object.assign(socket, { [kBuffer]: buffer, [kBufferCb]: callback });
  handle.useUserBuffer(buffer);
}
