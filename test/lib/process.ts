/** Child processes and folders of tests: output is kept, everything goes when the test process goes, whatever ends it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const living = new Set<Child>();
const folders = new Set<string>();
const past: Child[] = [];

process.once('exit', (code) => {
  for (const child of living) child.process.kill('SIGKILL');
  for (const folder of folders) remove(folder);
  if (code !== 0) for (const child of past.slice(-6)) child.tell();
});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(143));

/** A promise that fails with those words when its time is up; the timer goes with either end. */
export function within<T>(milliseconds: number, what: () => string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what()} (waited ${milliseconds} ms)`)), milliseconds);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A program that has just been killed may still be writing there. */
function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  } catch (error) {
    process.stderr.write(`${folder} is left behind: ${(error as Error).message}\n`);
  }
}

/** A folder that is deleted at the end. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `xmpproxy-${name}-`));
  folders.add(folder);
  return folder;
}

const given = new Set<number>();
/** `TEST_PORTS`: the first, and how many. Who runs beside us has others: a port is ours also while what listens there is stopped. */
const [firstPort, ports] = (process.env.TEST_PORTS ?? '12000 20000').split(' ').map(Number) as [number, number];

/**
 * A TCP port of 127.0.0.1 that nothing listens on now, another one each time. It is none of those that systems give to whoever asks for
 * any: a connection could have it before it is used.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = firstPort + randomInt(ports);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

export interface ChildOptions {
  name: string;
  env?: Record<string, string>;
  cwd?: string;
}

/** A program under test or one that serves a test. */
export class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly name: string;
  running = true;
  output = '';
  readonly #watchers = new Set<() => void>();

  constructor(command: string, args: readonly string[], { name, env, cwd }: ChildOptions) {
    this.name = name;
    this.process = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    living.add(this);
    past.push(this);
    this.process.unref(); // a test that failed shall not be kept from ending by what it left running
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.#changed();
      });
      (stream as Socket).unref();
    }
    this.process.stdin!.on('error', () => {}); // it ended while we wrote: `exited` tells
    (this.process.stdin as Socket).unref();
    this.exited = new Promise((resolve) => {
      const ended = (code: number | null) => {
        this.running = false;
        living.delete(this);
        this.#changed();
        resolve(code);
      };
      this.process.once('close', ended).once('error', (error) => {
        this.output += `${error.message}\n`;
        ended(null);
      });
    });
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Resolves with the first match in the output; fails when the program ends before. */
  async prints(pattern: RegExp, milliseconds = 30_000): Promise<RegExpExecArray> {
    let watcher = () => {};
    const found = new Promise<RegExpExecArray>((resolve, reject) => {
      watcher = () => {
        const match = pattern.exec(this.output);
        if (match) resolve(match);
        else if (!this.running) reject(new Error(`${this.name} ended before it printed ${pattern}:\n${this.output}`));
      };
      this.#watchers.add(watcher);
      watcher();
    });
    const late = () => `${this.name} did not print ${pattern}:\n${this.output}`;
    return within(milliseconds, late, found).finally(() => this.#watchers.delete(watcher));
  }

  /** Asks it to end, and makes it end when it does not. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', milliseconds = 30_000): Promise<void> {
    if (!this.running) return;
    this.process.ref(); // the wait for its end keeps us
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), milliseconds);
    await this.exited;
    clearTimeout(timer);
  }

  /** The end of its output, for whoever reads why a test failed. */
  tell(): void {
    process.stderr.write(`\n--- ${this.name}\n${this.output.slice(-4000)}\n`);
  }
}

/** Resolves when something accepts connections there; fails when the program that should do so ends, or after its time. */
export async function listening(port: number, child: Child, milliseconds = 60_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!(await accepts(port))) {
    if (!child.running) throw new Error(`${child.name} ended before it listened:\n${child.output}`);
    if (Date.now() > deadline) throw new Error(`${child.name} does not listen on ${port}:\n${child.output}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
}

/** Runs a program to its end and gives what it printed. */
export const run = async (command: string, args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(command, args)).stdout;
