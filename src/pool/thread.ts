/** A worker thread, and the units that live in it. */
import type { Worker } from 'node:worker_threads';
import type { Log } from '../hub/context.ts';
import type { Port } from '../link/batch.ts';
import { RemoteHost } from '../link/edge-port.ts';
import type { EdgeLink } from '../link/link.ts';
import type { LastingUnit } from './lasting.ts';

export class Thread {
  readonly host: RemoteHost;
  readonly units = new Set<LastingUnit>();
  readonly #worker: Worker;
  #error: Error | undefined;

  /** `died` is called once, when all that the worker had posted has been read; not after end(). */
  constructor(worker: Worker, edge: EdgeLink, log: Log, died: (reason: Error) => void) {
    this.#worker = worker;
    const port: Port = {
      postMessage: (message) => worker.postMessage(message),
      on: (_event, listener) =>
        worker.on('message', (message: unknown) => {
          if (Array.isArray(message)) listener(message);
          else if (isLine(message)) log[message.level](message.message, message.fields);
        }),
    };
    this.host = new RemoteHost(port, edge);
    worker.on('error', (error) => {
      this.#error = error;
    });
    worker.once('exit', (code) => died(this.#error ?? new Error(`exit code ${code}`)));
  }

  get load(): number {
    let sum = 0;
    for (const unit of this.units) sum += unit.load;
    return sum;
  }

  /** At once, and nobody hears of it. */
  async end(): Promise<void> {
    this.#worker.removeAllListeners('exit');
    await this.#worker.terminate();
    this.host.ended(new Error('the worker has ended'));
  }
}

interface Line {
  level: 'error' | 'warn' | 'info' | 'debug';
  message: string;
  fields?: object;
}
const isLine = (message: unknown): message is Line =>
  typeof message === 'object' && message !== null && 'level' in message && 'message' in message;
