/** A stretch of network that can fail: passes connections on, until it is told not to. */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Hears what passes; `isLost`: it came after the connection was severed, so the other end never has it. */
export type Eavesdropper = (connection: number, from: 'near' | 'far', chunk: Buffer, isLost: boolean) => void;

/** For an end that was told that the connection is over to end it, too, in milliseconds. */
const farewell = 5000;

export class Pipe {
  port = 0;
  /** Connections made so far. */
  count = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #severed = new WeakSet<Socket>();
  readonly #hears: Eavesdropper;
  #open = true;
  #isStalled = false;

  private constructor(target: number, hears: Eavesdropper) {
    this.#hears = hears;
    this.#server = createServer((near) => {
      this.count += 1;
      if (!this.#open) near.destroy();
      else this.#join(this.count, near, connect(target, '127.0.0.1'));
    }).unref();
  }

  static async to(target: number, hears: Eavesdropper = () => {}): Promise<Pipe> {
    const pipe = new Pipe(target, hears);
    await new Promise<void>((resolve) => pipe.#server.listen(0, '127.0.0.1', resolve));
    pipe.port = (pipe.#server.address() as { port: number }).port;
    return pipe;
  }

  #join(connection: number, near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from.unref());
      from.on('error', () => {});
      from.on('data', (chunk) => {
        const isLost = this.#severed.has(from);
        if (!isLost) to.write(chunk);
        this.#hears(connection, from === near ? 'near' : 'far', chunk, isLost);
      });
      if (this.#isStalled) from.pause();
      from.on('close', () => {
        this.#sockets.delete(from);
        if (!this.#severed.has(from)) to.destroy();
      });
    }
  }

  /** Every connection breaks, without a word to either end. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Every connection is over: both ends are told, and whatever has not passed by now, or is sent before they know, is lost. */
  async sever(): Promise<void> {
    this.#isStalled = false;
    const gone = [...this.#sockets].map(async (socket) => {
      this.#severed.add(socket);
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      const late = setTimeout(() => socket.destroy(), farewell);
      socket.end();
      socket.resume();
      await closed;
      clearTimeout(late);
    });
    await Promise.all(gone);
  }

  /** Nothing passes any more, and nobody is told, until `flow`. */
  stall(): void {
    this.#isStalled = true;
    for (const socket of this.#sockets) socket.pause();
  }

  flow(): void {
    this.#isStalled = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** As `cut`, and new connections fail until `open`. */
  close(): void {
    this.#open = false;
    this.cut();
  }

  open(): void {
    this.#open = true;
  }
}
