/** Starts the program, says when it is ready, and ends it when it is told to. */
import { type Config, ConfigError, readConfig } from './config.ts';
import { createLog } from './log.ts';
import { type Program, startProgram } from './program.ts';
import { RegistryError } from './registry/types.ts';
import { ListenError } from './stream/listener.ts';
import { startThrift } from './thrift.ts';

/** All of it takes no longer than this once a signal has come: milliseconds. */
const longest = 1900;

const known = [ConfigError, RegistryError, ListenError];

try {
  const { stdin, stdout } = process;
  const terminal = stdin.isTTY && stdout.isTTY ? { input: stdin, output: stdout } : undefined;
  const sources = { argv: process.argv.slice(2), env: process.env, folder: process.cwd(), terminal };
  const start = await readConfig(sources);
  if (start.kind === 'print') stdout.write(start.text);
  else await run(start.config, start.newAdmin);
} catch (error) {
  if (!known.some((kind) => error instanceof kind)) process.stderr.write(`${(error as Error).stack}\n`);
  else process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}

async function run(config: Config, newAdmin: boolean): Promise<void> {
  const log = createLog({ level: config.logLevel, format: config.logFormat });
  // one bad stanza must not end everybody's sessions; what is ours to mend stands in the log
  process.on('uncaughtException', (error) => log.error('uncaught', { error: String(error), stack: error.stack }));
  startThrift();
  const starting = startProgram(config, newAdmin, log);
  let ending = false;
  // npm passes on the signal that the terminal has sent to all: what comes while we end changes nothing
  const end = () => {
    if (!ending) stop(starting);
    ending = true;
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end);
  // from a terminal that is closed, the signal means the end; from anybody else, that something has changed
  if (process.stdin.isTTY) process.on('SIGHUP', end);
  else process.on('SIGHUP', () => void starting.then((program) => program.reload()).catch(() => {}));
  const { welcome, addresses } = await starting;
  if (welcome !== undefined) process.stdout.write(welcome);
  process.stdout.write(`ready ${addresses.join(' ')}\n`);
}

function stop(starting: Promise<Program>): void {
  setTimeout(() => process.exit(0), longest);
  starting
    .then((program) => program.stop())
    .catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
    .finally(() => process.exit(0));
}
