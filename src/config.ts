/** The configuration: flags, then the environment, then `.env`, then defaults. Nobody else reads the environment. */
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import parseFlags from 'yargs-parser';
import { nearest } from './commands/nearest.ts';
import type { ComponentPlace } from './component/types.ts';
import { putIntoEnvFile, readEnvFile } from './envfile.ts';
import { askDomain, fullName, type Terminal } from './question.ts';
import { component, isComponentKey, type Setting, settings } from './settings.ts';
import { readComponent } from './values.ts';
import type { BareJid } from './wire/jid.ts';

type Settings = typeof settings;
type Value<S> = S extends Setting<infer T> ? (S extends { fallback: string } ? T : T | undefined) : never;
/** Paths are absolute. */
export type Config = { [K in Exclude<keyof Settings, 'tlsCerts'>]: Value<Settings[K]> } & {
  tlsCerts: string;
  /** `COMPONENT_1` and so on. */
  components: ComponentPlace[];
};

/** What the command line asks for. */
export type Start = { kind: 'run'; config: Config; newAdmin: boolean } | { kind: 'print'; text: string };

/** The message is for the administrator: one line for each thing that is wrong. */
export class ConfigError extends Error {}

export interface Sources {
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  /** Where `.env` is, and what relative paths are relative to. */
  folder: string;
  /** Where a person can be asked. */
  terminal?: Terminal | undefined;
}

const all: readonly Setting<unknown>[] = [...Object.values(settings), component];
const flagOf = (key: string): string => key.toLowerCase().replaceAll('_', '-');
const settingOf = (key: string): Setting<unknown> =>
  isComponentKey(key) ? component : all.find((setting) => setting.key === key)!;

export async function readConfig({ argv, env, folder, terminal }: Sources): Promise<Start> {
  const { help, version, newAdmin, values } = readFlags(argv);
  if (help) return { kind: 'print', text: helpText() };
  if (version) return { kind: 'print', text: `xmpproxy ${readVersion()}\n` };
  const file = join(folder, '.env');
  const written = readOwnFile(file);
  // Empty is as good as not given, on every level: that is how variables are passed on by those who do not set them.
  const find = (key: string) => values.get(key) || env[key] || written.get(key) || undefined;
  const domain = find('PROXY_DOMAIN') ?? (terminal && (await firstDomain(terminal, file)));
  const config = read((key) => (key === 'PROXY_DOMAIN' ? domain : find(key)), folder);
  const given = new Set([...values.keys(), ...Object.keys(env), ...written.keys()].filter(isComponentKey));
  config.components = readComponents([...given].sort(byNumber), find, config.domain);
  return { kind: 'run', config, newAdmin };
}

/** Our version, as package.json has it: the first one above the compiled program, wherever it was started from. */
export function readVersion(): string {
  let file = new URL('package.json', import.meta.url);
  while (!existsSync(file)) file = new URL('../package.json', file);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function readFlags(argv: readonly string[]) {
  const components = argv.flatMap((word) => /^--component-([1-9]\d?)(?==|$)/.exec(word)?.[1] ?? []);
  const keys = [...all.map(({ key }) => key), ...components.map((number) => `COMPONENT_${number}`)];
  const names = new Map(keys.map((key) => [flagOf(key), key]));
  const switches = ['help', 'version', 'new-admin'];
  const { _: rest, ...flags } = parseFlags([...argv], {
    string: [...names.keys()],
    boolean: switches,
    alias: { help: ['h'] },
    configuration: {
      'camel-case-expansion': false,
      'dot-notation': false,
      'boolean-negation': false,
      'parse-positional-numbers': false,
      'strip-aliased': true,
    },
  });
  const values = new Map<string, string>();
  for (const [flag, value] of Object.entries(flags)) {
    const key = names.get(flag);
    if (switches.includes(flag)) continue;
    if (key === undefined)
      throw new ConfigError(`There is no flag --${flag}.${meant(flag, [...names.keys(), ...switches])}`);
    if (Array.isArray(value)) throw new ConfigError(`--${flag} stands there twice.`);
    if (value === '') throw new ConfigError(`--${flag} needs a value: ${allowedOf(key)}.`);
    values.set(key, String(value));
  }
  if (rest.length > 0) throw new ConfigError(`What is "${rest[0]}"? All that can be said are flags: see --help.`);
  return {
    help: flags.help === true,
    version: flags.version === true,
    newAdmin: flags['new-admin'] === true,
    values,
  };
}

const allowedOf = (key: string): string => settingOf(key).allowed;

function meant(word: string, known: readonly string[], prefix = '--'): string {
  const close = nearest(word, known);
  return close === undefined ? ' See --help.' : ` Did you mean ${prefix}${close}?`;
}

/** Keys of others may stand in `.env`; what looks like one of ours and is none is refused. */
function readOwnFile(file: string): Map<string, string> {
  if (!existsSync(file)) return new Map();
  try {
    const values = readEnvFile(readFileSync(file, 'utf8'));
    const keys = all.map(({ key }) => key);
    const prefixes = new Set(keys.map((key) => key.replace(/_.*/, '_')));
    for (const key of values.keys()) {
      const close = nearest(
        key.toLowerCase(),
        keys.map((own) => own.toLowerCase()),
      )?.toUpperCase();
      if (keys.includes(key) || isComponentKey(key) || (close === undefined && !prefixes.has(key.replace(/_.*/, '_'))))
        continue;
      throw new Error(`there is no key ${key}.${close === undefined ? '' : ` Did you mean ${close}?`}`);
    }
    return values;
  } catch (error) {
    throw new ConfigError(`${file}: ${(error as Error).message}`);
  }
}

/** Asked once: the answer stands in `.env` from then on. */
async function firstDomain(terminal: Terminal, file: string): Promise<string> {
  const domain = await askDomain(terminal, await fullName());
  if (domain === undefined) throw new ConfigError('PROXY_DOMAIN is not set, and there was no answer.');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  try {
    writeFileSync(`${file}.new`, putIntoEnvFile(text, 'PROXY_DOMAIN', domain), { mode: 0o600 });
    chmodSync(`${file}.new`, 0o600); // PROXY_KEY may stand in it
    renameSync(`${file}.new`, file);
  } catch (error) {
    throw new ConfigError(`Cannot write ${file} (${(error as Error).message}). Set PROXY_DOMAIN=${domain} elsewhere.`);
  }
  return domain;
}

function read(find: (key: string) => string | undefined, folder: string): Config {
  const wrong: string[] = [];
  const result: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const text = find(setting.key) ?? setting.fallback;
    if (text === undefined) continue;
    try {
      result[name] = setting.read(text.trim(), folder);
      if (result[name] === undefined) wrong.push(refusal(setting, text));
    } catch (error) {
      wrong.push(refusal(setting, text, (error as Error).message));
    }
  }
  if (wrong.length === 0) wrong.push(...conflicts(result as Config));
  if (wrong.length > 0) throw new ConfigError(wrong.join('\n'));
  result.tlsCerts ??= join((result as Config).dataDir, 'certs');
  return result as Config;
}

const byNumber = (one: string, other: string): number => Number(one.split('_')[1]) - Number(other.split('_')[1]);

function readComponents(
  keys: readonly string[],
  find: (key: string) => string | undefined,
  domain: BareJid,
): ComponentPlace[] {
  const wrong: string[] = [];
  const places: ComponentPlace[] = [];
  for (const key of keys) {
    const text = find(key);
    const place = text === undefined ? undefined : readComponent(text.trim());
    if (text !== undefined && place === undefined) wrong.push(refusal({ ...component, key }, text));
    if (place === undefined) continue;
    if (place.host === domain)
      wrong.push(`${key}: ${domain} is PROXY_DOMAIN; a component is a domain of another server.`);
    if (places.some(({ host }) => host === place.host)) wrong.push(`${key}: ${place.host} stands there twice.`);
    places.push(place);
  }
  if (wrong.length > 0) throw new ConfigError(wrong.join('\n'));
  return places;
}

function refusal({ key, allowed, secret }: Setting<unknown>, text: string, why = ''): string {
  const shown = secret ? key : `${key}=${text}`;
  return `${shown} is not allowed${why === '' ? '' : ` (${why})`}. It can be: ${allowed}.`;
}

/** Each allowed by itself, but not together. */
function conflicts({ c2sPort, c2sTlsPort, enroll, domain }: Config): string[] {
  const found: string[] = [];
  if (c2sPort === 0 && c2sTlsPort === 0) found.push('C2S_PORT=0 and C2S_TLS_PORT=0: no app could connect.');
  else if (c2sPort === c2sTlsPort) found.push(`C2S_PORT and C2S_TLS_PORT are both ${c2sPort}: two ports are needed.`);
  if (Array.isArray(enroll) && enroll.includes(domain))
    found.push(`ENROLL has PROXY_DOMAIN (${domain}): it is for accounts of other servers.`);
  return found;
}

function helpText(): string {
  const entries = all.map(({ key, summary, allowed, fallback, absent }) => [
    `--${flagOf(key)}`,
    summary,
    `${allowed} (default: ${fallback ?? absent})`,
  ]);
  const flags = entries.map(([flag, ...lines]) => `  ${flag}\n${lines.map((line) => `      ${line}`).join('\n')}`);
  return `Usage: scripts/start [--flag value …]

Each flag can be set in the environment or in .env too: --c2s-port is C2S_PORT there. Flags win over the environment,
the environment wins over .env.

  --new-admin
      print a fresh password for the administrator, then run
  --version, --help
${flags.join('\n')}
`;
}
