/** One buffer for what comes on all sockets that can be read into it: it is text before anything else comes, on whatever socket. */

const inbox = Buffer.allocUnsafeSlow(64 << 10);

/** In the form of Node's option `onread` (net.connect): `take` gets every chunk as it comes, and may use it until it returns. */
export const readingInto = (take: (chunk: Buffer) => void) => ({
  buffer: inbox,
  callback: (length: number): true => {
    take(inbox.subarray(0, length));
    return true; // and goes on reading
  },
});
