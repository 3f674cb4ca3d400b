// Runs what is compiled in .build: types, lint and every test file, each in a process of its own with a time limit.
// A file that crashes, runs no test, skips one or takes too long has failed. `run-tests.mjs NAME …`: only files whose
// path has one of these in it. The last line is `N passed, N failed`.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';

const wanted = process.argv.slice(2);
const minutes = { unit: 2, e2e: 10 };

/** Runs one command; `late` is set when it had to be ended. */
function run(command, args, limit, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0', ...env },
    });
    let output = '';
    let late = false;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    const kill = (signal) => child.kill(signal);
    const timers = [
      setTimeout(() => {
        late = true;
        kill('SIGTERM'); // the test stops its servers
        timers.push(setTimeout(kill, 10_000, 'SIGKILL'));
      }, limit),
    ];
    running.add(child);
    child.once('error', (error) => (output += error.message));
    child.once('close', (code) => {
      running.delete(child);
      for (const timer of timers) clearTimeout(timer);
      resolve({ code, output, late });
    });
  });
}

const running = new Set();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    interrupted = true;
    process.exitCode = 130;
    for (const child of running) child.kill('SIGTERM');
  });

const report = { passed: 0, failed: 0 };

/** What uvu printed, as numbers; every doubt is a failure. */
function judge({ code, output, late }) {
  const number = (name) => Number(new RegExp(`^\\s*${name}:\\s+(\\d+)`, 'm').exec(output)?.[1] ?? 0);
  const [total, passed] = [number('Total'), number('Passed')];
  if (late) return { passed, failed: Math.max(1, total - passed), why: 'took too long' };
  if (total === 0) return { passed: 0, failed: 1, why: `ran no test (exit code ${code})` };
  if (passed < total) return { passed, failed: total - passed, why: 'failed or skipped' };
  if (code !== 0) return { passed, failed: 1, why: `exit code ${code}` };
  return { passed, failed: 0 };
}

function tell(name, { passed, failed, why }, output, begin) {
  report.passed += passed;
  report.failed += failed;
  const seconds = ((Date.now() - begin) / 1000).toFixed(1);
  console.log(
    `${failed === 0 ? 'ok  ' : 'FAIL'} ${name}: ${passed} passed${failed ? `, ${failed} failed (${why})` : ''}, ${seconds} s`,
  );
  if (failed > 0) console.log(output.trimEnd().replaceAll(/^/gm, '     | '));
}

/** Types and lint count as a test each. */
async function check(name, command, args) {
  const begin = Date.now();
  const { code, output, late } = await run(command, args, 120_000);
  const good = code === 0 && !late;
  tell(
    name,
    { passed: good ? 1 : 0, failed: good ? 0 : 1, why: late ? 'took too long' : `exit code ${code}` },
    output,
    begin,
  );
}

async function testFile(file, limit, lane) {
  const begin = Date.now();
  const ports = Math.floor(20_000 / width);
  const env = { TEST_PORTS: `${12_000 + lane * ports} ${ports}` };
  const result = await run(process.execPath, ['--enable-source-maps', file], limit * 60_000, env);
  tell(file.slice('.build/'.length).replace(/\.js$/, ''), judge(result), result.output, begin);
}

/** Every test that has a source; without words all of them. */
function files(folder) {
  const sources = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.test.ts')) : [];
  const compiled = sources.map((name) => join('.build', folder, `${basename(name, '.ts')}.js`));
  return compiled.filter(
    (path) => wanted.length === 0 || wanted.some((word) => path.slice('.build/'.length).includes(word)),
  );
}

/** All of them, `width` at a time; each is told its lane: those that run at the same time have no port in common. */
async function drain(jobs, width) {
  const worker = async (_, lane) => {
    while (jobs.length > 0 && !interrupted) await jobs.shift()(lane);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

const width = Math.min(2, availableParallelism());
if (wanted.length === 0) {
  await check('types', 'node_modules/.bin/tsc', ['-p', '.', '--noEmit']);
  await check('lint', 'node_modules/.bin/biome', ['check', '--error-on-warnings', '.']);
}
await drain(
  files('test').map((file) => (lane) => testFile(file, minutes.unit, lane)),
  width,
);
await drain(
  files('test/e2e').map((file) => (lane) => testFile(file, minutes.e2e, lane)),
  width,
);

if (report.passed + report.failed === 0) console.log(`no test is called ${wanted.join(' or ')}`);
console.log(`${report.passed} passed, ${report.failed} failed`);
process.exitCode ||= report.failed === 0 && report.passed > 0 ? 0 : 1;
