import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Config, ConfigError, readConfig, type Sources } from '../src/config.ts';
import { readEnvFile } from '../src/envfile.ts';
import { component, type Setting, settings } from '../src/settings.ts';

const all: Setting<unknown>[] = [...Object.values(settings), component];

async function inFolder<T>(envFile: string | undefined, run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-config-'));
  try {
    if (envFile !== undefined) await writeFile(join(folder, '.env'), envFile);
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
const start = (given: Partial<Sources>, envFile?: string) =>
  inFolder(envFile, (folder) => readConfig({ argv: [], env: {}, folder, ...given }));
async function config(given: Partial<Sources>, envFile?: string): Promise<Config> {
  const started = await start(given, envFile);
  if (started.kind !== 'run') throw new Error('not run');
  return started.config;
}
const refusal = (reading: Promise<unknown>): Promise<string> =>
  reading.then(
    () => 'was not refused',
    (error: unknown) => (error instanceof ConfigError ? error.message : `not a ConfigError: ${error}`),
  );

test('defaults', async () => {
  await inFolder(undefined, async (folder) => {
    const started = await readConfig({ argv: [], env: {}, folder });
    assert.equal(started, {
      kind: 'run',
      newAdmin: false,
      config: {
        domain: 'localhost',
        dataDir: join(folder, 'data'),
        c2sPort: 5222,
        c2sTlsPort: 5223,
        c2sPlaintext: false,
        c2sUnackedStanzas: 1000,
        c2sUnackedKb: 1024,
        saslPlus: true,
        enroll: 'closed',
        upstreamPrivate: false,
        upstreamPlaintext: false,
        componentPlaintext: false,
        components: [],
        backfillDays: 7,
        archiveDays: 0,
        archiveMb: 0,
        workers: 0,
        logLevel: 'info',
        tlsCerts: join(folder, 'data', 'certs'),
      },
    });
  });
});

test('flags win over the environment, the environment over .env; empty counts as none', async () => {
  const file = 'PROXY_DOMAIN=file.example\nC2S_PORT=1111\nC2S_TLS_PORT=2222\nLOG_LEVEL=debug\nDATA_DIR=\n';
  const env = { PROXY_DOMAIN: 'env.example', C2S_PORT: '3333', LOG_LEVEL: '' };
  const argv = ['--proxy-domain', 'Flag.Example', '--workers=64'];
  const read = await config({ argv, env }, file);
  assert.equal(
    [read.domain, read.c2sPort, read.c2sTlsPort, read.logLevel, read.workers],
    ['flag.example', 3333, 2222, 'debug', 64],
  );
});

test('values become what they mean', async () => {
  const read = await config({
    env: {
      C2S_HOST: '::1',
      C2S_PLAINTEXT: 'loopback',
      SASL_PLUS: 'Off',
      ENROLL: 'example.org, Example.NET',
      UPSTREAM_ROUTES: 'example.org=10.0.0.5:5222,example.net=xmpps://[::1]:5223',
      UPSTREAM_PRIVATE: 'allow',
      UPSTREAM_PLAINTEXT: 'loopback',
      LOG_FORMAT: 'json',
      PROXY_KEY: 'sixteen letters!',
      C2S_PORT: '0',
      C2S_UNACKED_STANZAS: '500',
      C2S_UNACKED_KB: '1048576',
      ARCHIVE_MB: '1000000',
      TLS_CERTS: '/etc/certs',
    },
  });
  assert.equal(
    [read.c2sHost, read.c2sPlaintext, read.saslPlus, read.upstreamPrivate, read.upstreamPlaintext, read.logFormat],
    ['::1', true, false, true, true, 'json'],
  );
  assert.equal(read.enroll, ['example.org', 'example.net']);
  assert.equal(read.upstreamRoutes, { 'example.org': '10.0.0.5:5222', 'example.net': 'xmpps://[::1]:5223' });
  assert.equal([read.proxyKey, read.c2sPort, read.tlsCerts], ['sixteen letters!', 0, '/etc/certs']);
  assert.equal([read.c2sUnackedStanzas, read.c2sUnackedKb, read.archiveMb], [500, 1_048_576, 1_000_000]);
  assert.is((await config({ env: { ENROLL: 'OPEN' } })).enroll, 'open');
});

test('a wrong value stops the start: its key, the value, what is allowed', async () => {
  const wrong: Record<string, string[]> = {
    PROXY_DOMAIN: ['a b', 'user@example.org', 'example.org/x', 'a..b', '[::1]'],
    C2S_HOST: ['a b', 'http://x', '-'],
    C2S_PORT: ['65536', '-1', 'https', '5222.5', '1e3'],
    C2S_TLS_PORT: ['x'],
    C2S_PLAINTEXT: ['on', 'true'],
    C2S_UNACKED_STANZAS: ['499', '100001', '-1', '0', 'all', '1e3', '600.5'],
    C2S_UNACKED_KB: ['511', '1048577', '1MiB'],
    SASL_PLUS: ['yes'],
    ENROLL: ['opn', 'example.org,b@example.org', ','],
    UPSTREAM_ROUTES: ['example.org', 'example.org=host', 'example.org=h:0', 'a.b=h:1,A.b=h:2', 'a.b=http://h:1'],
    UPSTREAM_CA: ['nowhere.pem', '/dev/null', '.'],
    UPSTREAM_PRIVATE: ['yes'],
    UPSTREAM_PLAINTEXT: ['on'],
    ARCHIVE_MB: ['1000001', '10000000'],
    BACKFILL_DAYS: ['-1', '3651', '1.5', 'week'],
    WORKERS: ['65', '-1', '1.5', 'all'],
    LOG_LEVEL: ['verbose', 'constructor'],
    LOG_FORMAT: ['xml'],
  };
  for (const [key, values] of Object.entries(wrong))
    for (const value of values) {
      const said = await refusal(start({ env: { [key]: value } }));
      const { allowed } = all.find((setting) => setting.key === key)!;
      assert.ok(
        said.startsWith(`${key}=${value} is not allowed`) && said.includes(allowed),
        `${key}=${value}: ${said}`,
      );
    }
});

test('a secret is not shown even where it is wrong, and all that is wrong is said at once', async () => {
  const said = await refusal(start({ env: { PROXY_KEY: 'tooshort', WORKERS: '99', LOG_LEVEL: 'loud' } }));
  assert.not.match(said, /tooshort/);
  assert.is(said.split('\n').length, 3);
  assert.match(said, /^WORKERS=99.*\nPROXY_KEY is not allowed.*\nLOG_LEVEL=loud/);
});

test('values that do not go together', async () => {
  assert.match(await refusal(start({ env: { C2S_PORT: '0', C2S_TLS_PORT: '0' } })), /no app could connect/);
  assert.match(await refusal(start({ env: { C2S_PORT: '5223' } })), /both 5223/);
  assert.match(await refusal(start({ env: { PROXY_DOMAIN: 'a.example', ENROLL: 'a.example' } })), /other servers/);
});

test('flags that are none', async () => {
  const cases: [string[], RegExp][] = [
    [['--proxy-domian', 'x'], /no flag --proxy-domian\. Did you mean --proxy-domain\?/],
    [['--quux'], /no flag --quux\. See --help/],
    [['-x'], /no flag --x/],
    [['--c2s-port'], /--c2s-port needs a value: a port/],
    [['--c2s-port', '1', '--c2s-port', '2'], /stands there twice/],
    [['start'], /What is "start"\?/],
    [['--new-admin', 'bob'], /What is "bob"\?/],
  ];
  for (const [argv, words] of cases) assert.match(await refusal(start({ argv })), words);
});

test('--new-admin, --version, --help', async () => {
  const started = await start({ argv: ['--new-admin', '--log-level', 'debug'] });
  assert.is(started.kind === 'run' && started.newAdmin, true);
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  assert.equal(await start({ argv: ['--version'] }), { kind: 'print', text: `xmpproxy ${version}\n` });
  for (const flag of ['--help', '-h']) {
    const help = await start({ argv: [flag], env: { WORKERS: 'broken' } });
    assert.is(help.kind, 'print');
    for (const { key, summary, fallback, absent } of all) {
      assert.ok(help.kind === 'print' && help.text.includes(`--${key.toLowerCase().replaceAll('_', '-')}\n`), key);
      assert.ok(help.kind === 'print' && help.text.includes(summary), key);
      assert.ok(help.kind === 'print' && help.text.includes(`(default: ${fallback ?? absent})`), key);
    }
  }
});

test('.env: what it can hold, and what stops the start', async () => {
  const text = `\ufeff# comment\n\nexport A=1\r\n B = two words  # three\nC="x # y" # z\nD='"'\nE=\nF=a#b\nG=#x\nH==\n`;
  assert.equal(
    [...readEnvFile(text)],
    [
      ['A', '1'],
      ['B', 'two words'],
      ['C', 'x # y'],
      ['D', '"'],
      ['E', ''],
      ['F', 'a#b'],
      ['G', ''],
      ['H', '='],
    ],
  );
  const cases: [string, RegExp][] = [
    ['\nPROXY_DOMAIN example.org\n', /\.env: line 2 is not KEY=value/],
    ['WORKERS=1\nWORKERS=0\n', /line 2: WORKERS stands there twice/],
    ['PROXY_KEY="abc\n', /line 1: the quotes of PROXY_KEY/],
    ['PROXY_DOMIAN=x\n', /no key PROXY_DOMIAN\. Did you mean PROXY_DOMAIN\?/],
    ['PORXY_DOMAIN=x\n', /no key PORXY_DOMAIN\. Did you mean PROXY_DOMAIN\?/],
    ['C2S_IDLE=x\n', /no key C2S_IDLE/],
    ['workers=1\n', /no key workers\. Did you mean WORKERS\?/],
  ];
  for (const [file, words] of cases) assert.match(await refusal(start({}, file)), words);
  assert.is((await config({}, 'NODE_ENV=production\nTZ=UTC\n')).workers, 0);
});

test('the first start on a terminal asks for the domain and writes the answer into .env', async () => {
  const example = await readFile('.env.example', 'utf8');
  await inFolder(example, async (folder) => {
    const input = new PassThrough();
    const output = new PassThrough();
    input.end('not a domain\nXMPP.example.org\n');
    const started = await readConfig({ argv: [], env: {}, folder, terminal: { input, output } });
    assert.is(started.kind === 'run' && started.config.domain, 'xmpp.example.org');
    assert.match(String(output.read()), /^Domain of the proxy's own logins \[\S+\]: That is not a domain/);
    const file = join(folder, '.env');
    assert.is(
      await readFile(file, 'utf8'),
      example.replace('# PROXY_DOMAIN=localhost', 'PROXY_DOMAIN=xmpp.example.org'),
    );
    assert.is((await stat(file)).mode & 0o077, 0);
    const again = await readConfig({ argv: [], env: {}, folder, terminal: { input: new PassThrough(), output } });
    assert.is(again.kind === 'run' && again.config.domain, 'xmpp.example.org');
    assert.is(output.read(), null);
  });
});

test('an empty answer takes what is proposed; no answer stops the start', async () => {
  const terminal = (text: string) => {
    const input = new PassThrough();
    input.end(text);
    return { input, output: new PassThrough() };
  };
  const asked = terminal('\n');
  const { domain } = await config({ terminal: asked });
  assert.ok(String(asked.output.read()).includes(`[${domain}]`));
  assert.match(await refusal(start({ terminal: terminal('') })), /PROXY_DOMAIN is not set, and there was no answer/);
});

test('components are numbered, in any place, in order', async () => {
  const { components } = await config(
    {
      argv: ['--component-10', 'xmpps://Ten.example:a:b@c%25%40@[::1]:5'],
      env: { COMPONENT_2: 'xmpp://two.example:2%@localhost' },
    },
    'COMPONENT_1=xmpp://one.example:secret@127.0.0.1:5347/\nCOMPONENT_2=xmpp://other.example:x@y\nCOMPONENT_3=\n',
  );
  assert.equal(components, [
    { host: 'one.example', server: '127.0.0.1', port: 5347, tls: false, secret: 'secret' },
    { host: 'two.example', server: 'localhost', port: 5347, tls: false, secret: '2%' },
    { host: 'ten.example', server: '::1', port: 5, tls: true, secret: 'a:b@c%@' },
  ] as unknown[]);
  const cases: [string, RegExp][] = [
    ['COMPONENT_1=xmpp://one.example@localhost', /^COMPONENT_1 is not allowed\. It can be: xmpp:/],
    ['COMPONENT_1=xmpp://o:geheim@localhost:70000', /^COMPONENT_1 is not allowed\. (?!.*geheim)/],
    ['COMPONENT_1=xmpp://a@b:c@d', /not allowed/],
    ['COMPONENT_0=xmpp://one.example:x@y', /no key COMPONENT_0/],
    ['COMPONENT_4=xmpp://localhost:x@y', /COMPONENT_4: localhost is PROXY_DOMAIN/],
    [
      'COMPONENT_1=xmpp://a.example:x@y\nCOMPONENT_2=xmpp://A.example:z@y',
      /COMPONENT_2: a\.example stands there twice/,
    ],
  ];
  for (const [file, words] of cases) assert.match(await refusal(start({}, `${file}\n`)), words, file);
});

test('.env.example has each key with its default, in a comment with what it can be, and no other', async () => {
  const lines = (await readFile('.env.example', 'utf8')).split('\n');
  const shown = new Map<string, { value: string; above: string }>();
  for (const [at, line] of lines.entries()) {
    const [, key, value] = /^# ([A-Z0-9_]+)=(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const from = lines.lastIndexOf('', at) + 1;
    shown.set(key, { value, above: lines.slice(from, at).join(' ').replaceAll('# ', '') });
  }
  assert.equal([...shown.keys()].sort(), all.map(({ key }) => key).sort());
  for (const { key, fallback, absent } of all) {
    assert.is(shown.get(key)!.value, fallback ?? '', key);
    assert.ok(shown.get(key)!.above.length > 10, `${key} is not explained`);
    if (absent?.includes('DATA_DIR')) assert.ok(shown.get(key)!.above.includes(absent), `${key}: ${absent}`);
  }
  assert.is(readEnvFile(lines.join('\n')).size, 0);
});

test.run();
