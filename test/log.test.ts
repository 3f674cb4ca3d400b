import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLog, type Log, type LogOptions } from '../src/log.ts';

/** What a log writes, and whether for a terminal. */
function world(options: Partial<LogOptions> = {}, isTTY = false): { log: Log; written: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY });
  return {
    log: createLog({ level: 'info', format: undefined, stream, ...options }),
    written: () => String(stream.read() ?? ''),
  };
}
/** winston hands lines on in later turns; the last line written by it is the barrier. */
async function lines(run: (log: Log) => void, options: Partial<LogOptions> = {}, isTTY = false): Promise<string[]> {
  const { log, written } = world(options, isTTY);
  run(log);
  log.error('the end');
  let text = '';
  for (let turns = 0; !text.includes('the end'); turns++) {
    if (turns > 1000) throw new Error('nothing was written');
    await new Promise(setImmediate);
    text += written();
  }
  return text.split('\n').slice(0, -2);
}

test('JSON where no terminal is, text where one is; LOG_FORMAT overrides', async () => {
  const say = (log: Log) =>
    log.info('upstream lost', { account: 'alice@work.example', contacts: 41, text: 'two words' });
  const json = {
    level: 'info',
    message: 'upstream lost',
    account: 'alice@work.example',
    contacts: 41,
    text: 'two words',
  };
  for (const [isTTY, format] of [
    [false, undefined],
    [true, 'json'],
  ] as const) {
    const { time, ...rest } = JSON.parse((await lines(say, { format }, isTTY))[0]!) as Record<string, string>;
    assert.equal(rest, json);
    assert.match(time!, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  }
  for (const [isTTY, format] of [
    [true, undefined],
    [false, 'text'],
  ] as const)
    assert.match(
      (await lines(say, { format }, isTTY))[0]!,
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info {2}upstream lost account=alice@work\.example contacts=41 text="two words"$/,
    );
});

test('the level holds', async () => {
  const say = (log: Log) => {
    log.debug('four');
    log.info('three');
    log.warn('two');
    log.error('one');
  };
  const seen = async (level: LogOptions['level']) =>
    (await lines(say, { level })).map((line) => (JSON.parse(line) as { message: string }).message);
  assert.equal(await seen('error'), ['one']);
  assert.equal(await seen('warn'), ['two', 'one']);
  assert.equal(await seen('info'), ['three', 'two', 'one']);
  assert.equal(await seen('debug'), ['four', 'three', 'two', 'one']);
});

test('what others send can neither begin a line nor drive a terminal', async () => {
  const nasty = 'x\r\n2025-01-01 error forged \u001b[2J\u009b31m\u202egnp.exe\u2028\u0000"end';
  const say = (log: Log) => log.info('said', { text: nasty, nested: { text: nasty }, list: [nasty], [nasty]: 1 });
  for (const format of ['text', 'json'] as const) {
    const [line, ...more] = await lines(say, { format });
    assert.equal(more, []);
    assert.not.match(line!, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
    assert.match(line!, /\\u001b\[2J\\u009b31m\\u202egnp/);
  }
  const [line] = await lines(say, { format: 'json' });
  assert.is((JSON.parse(line!) as { text: string }).text, nasty);
});

test('what is named like a secret is masked, however deep', async () => {
  const secrets = {
    password: 'hush1',
    newPassword: 'hush2',
    secret: 'hush3',
    clientSecret: 'hush4',
    key: 'hush5',
    PROXY_KEY: 'hush6',
    storedKey: 'hush7',
    token: 'hush8',
    accessTokens: ['hush9'],
    proof: { value: 'hush10' },
    verifiers: { salt: 'hush11' },
    pass: 'hush12',
  };
  const error = Object.assign(new Error('failed'), { password: 'hush13' });
  const say = (log: Log) =>
    log.info('settings', { ...secrets, account: { jid: 'a@b', ...secrets }, list: [secrets], error });
  for (const format of ['text', 'json'] as const) {
    const [line] = await lines(say, { format });
    assert.not.match(line!, /hush/);
    assert.match(line!, /a@b/);
    assert.match(line!, /\*\*\*/);
  }
});

test('errors are told with their cause, and nothing is endless', async () => {
  const loop: Record<string, unknown> = { name: 'loop' };
  loop.self = loop;
  const error = new TypeError('outer', { cause: Object.assign(new Error('inner'), { code: 'ENOSPC' }) });
  const say = (log: Log) =>
    log.error('failed', {
      error,
      loop,
      long: 'x'.repeat(100_000),
      many: Array.from({ length: 10_000 }, () => 1),
      bytes: Buffer.from('abc'),
      big: 10n,
      none: undefined,
      message: 'mine',
    });
  const [line] = await lines(say, { format: 'json' });
  assert.ok(line!.length < 10_000);
  const read = JSON.parse(line!) as Record<string, never> & {
    error: { error: string; cause: unknown; stack: string[] };
  };
  assert.is(read.error.error, 'TypeError: outer');
  assert.match(JSON.stringify(read.error.cause), /"Error: inner","code":"ENOSPC"/);
  assert.match(read.error.stack[0]!, /log\.test/);
  assert.equal([read.bytes, read.big, read.message, read.message_], ['3 bytes', '10', 'failed', 'mine']);
  assert.not.ok('none' in read);
});

test('a reader that goes away does not end the program', async () => {
  const stream = new PassThrough();
  const log = createLog({ level: 'info', format: 'json', stream });
  const gone = new Promise((resolve) => stream.once('close', resolve));
  stream.destroy(new Error('EPIPE'));
  await gone;
  assert.not.throws(() => log.info('nobody hears'));
  await new Promise(setImmediate);
});

test.run();
