/** A stretch of network that can fail: passes connections on, until it is told not to. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Pipe {
  port = 0;
  /** Connections made so far. */
  count = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #open = true;
  #isStalled = false;

  private constructor(target: number) {
    this.#server = createServer((near) => {
      this.count += 1;
      if (!this.#open) near.destroy();
      else this.#join(near, connect(target, '127.0.0.1'));
    }).unref();
  }

  static async to(target: number): Promise<Pipe> {
    const pipe = new Pipe(target);
    await new Promise<void>((resolve) => pipe.#server.listen(0, '127.0.0.1', resolve));
    pipe.port = (pipe.#server.address() as { port: number }).port;
    return pipe;
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from.unref());
      from.on('data', (chunk) => to.write(chunk)).on('error', () => {});
      if (this.#isStalled) from.pause();
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  /** Every connection breaks, without a word to either end. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
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
