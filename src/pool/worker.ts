/** A worker thread's start: units behind the port to the main thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { serveUnits } from '../link/unit-port.ts';
import { createMortalHost } from './host.ts';

/** What a worker is told at its start. */
export interface WorkerData {
  version: string;
  logLevel: string;
  /** How many workers there are. */
  workers: number;
}

const { version, logLevel, workers } = workerData as WorkerData;
if (parentPort === null) throw new Error('not a worker');
const port = parentPort;

/** Lines are the main thread's to write; a worker posts them, below the stanzas and never in a batch. */
const levels = ['error', 'warn', 'info', 'debug'];
const wanted = levels.slice(0, levels.indexOf(logLevel) + 1);
const say =
  (level: string) =>
  (message: string, fields?: object): void => {
    if (wanted.includes(level)) port.postMessage({ level, message, fields });
  };
const log = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') };

serveUnits(
  port,
  (edge) => createMortalHost(edge, version, log, workers),
  (reason) => log.error('uncaught', { error: (reason as Error)?.stack ?? String(reason) }),
);
