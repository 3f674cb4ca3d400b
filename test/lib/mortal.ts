/** The proxy as `src/index.ts` starts it, but that `kill N` on standard input ends a worker: of those that live, the Nth. */
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import type { StartThread } from '../../src/pool/workers.ts';
import { startProgram } from '../../src/program.ts';

const start = await readConfig({ argv: process.argv.slice(2), env: process.env, folder: process.cwd() });
if (start.kind !== 'run') throw new Error(start.text);
const { config } = start;

const living: Worker[] = [];
const startThread: StartThread = (workerData) => {
  const worker = new Worker(new URL('../../src/pool/worker.js', import.meta.url), { workerData });
  living.push(worker);
  worker.once('exit', () => living.splice(living.indexOf(worker), 1));
  return worker;
};
let kills = 0;
createInterface(process.stdin).on('line', async (line) => {
  const number = Number(/^kill (\d+)$/.exec(line)![1]);
  await living[number % living.length]!.terminate();
  process.stdout.write(`${++kills} killed\n`);
});

const log = createLog({ level: config.logLevel, format: config.logFormat });
// so many deaths as a test wants are nobody's fault
const suspicion = { deaths: Number.POSITIVE_INFINITY, within: 0 };
const program = await startProgram(config, false, log, { startThread, suspicion });
process.once('SIGTERM', () => program.stop().then(() => process.exit(0)));
process.stdout.write(`${program.welcome ?? ''}ready ${program.addresses.join(' ')}\n`);
