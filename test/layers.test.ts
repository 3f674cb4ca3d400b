/** Who may import whom: the table of src/README.md, held against the imports as they are written. */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, posix } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

interface Import {
  file: string;
  from: string;
  typeOnly: boolean;
}

/** Folder → folders it may import, and those it may import types of. */
const table: Record<string, { all: string[]; types?: string[] }> = {
  wire: { all: [] },
  link: { all: ['wire'] },
  registry: { all: ['wire'] },
  archive: { all: ['wire'] },
  stream: { all: ['wire'] },
  upstream: { all: ['wire'] },
  component: { all: ['wire'] },
  jat: { all: ['wire'] },
  xep: { all: ['wire'] },
  session: { all: ['wire', 'stream', 'xep', 'link'] },
  hub: { all: ['wire', 'xep'], types: ['archive', 'upstream'] },
  view: { all: ['wire', 'jat', 'hub'], types: ['link'] },
  services: { all: ['wire', 'component', 'jat', 'session'], types: ['registry', 'link'] },
  delegation: { all: ['wire', 'jat', 'xep'] },
  pool: { all: ['wire', 'link', 'hub', 'view', 'upstream', 'archive', 'xep', 'jat'] },
  commands: { all: ['wire'], types: ['registry', 'pool', 'link', 'component', 'jat', 'services'] },
  bot: { all: ['wire', 'commands'], types: ['link', 'component', 'jat', 'services'] },
};

const sources = (folder: string, ending = '.ts'): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s+(type\s+)?([^'";]*?\bfrom\s+)?'([^']+)';?$/gm);
  const dynamic = text.matchAll(/\bimport\('([^']+)'\)/g);
  return [
    ...[...statements].map(([, type, names, from]) => ({ file, from: from!, typeOnly: isTypeOnly(type, names) })),
    ...[...dynamic].map(([, from]) => ({ file, from: from!, typeOnly: false })),
  ];
}

/** `import type …`, or `import { type A, type B }` and nothing beside. */
function isTypeOnly(type: string | undefined, names: string | undefined): boolean {
  if (type !== undefined) return true;
  const inBraces = /^\{([^}]*)\}\s*from\s+$/.exec(names ?? '')?.[1];
  const list = (inBraces ?? '').split(',').map((name) => name.trim());
  return list.every((name) => name === '' || name.startsWith('type ')) && inBraces !== undefined;
}

const src = sources('src');
const imports = src.flatMap(importsOf);
const folderOf = (path: string): string =>
  path.startsWith('src/') && path.split('/').length > 2 ? path.split('/')[1]! : '';

function isAllowed({ file, from, typeOnly }: Import): boolean {
  const [mine, theirs] = [folderOf(file), folderOf(posix.join(posix.dirname(file), from))];
  if (mine === '' || mine === theirs) return true; // what stands beside index.ts joins the rest
  const row = table[mine];
  if (row === undefined || theirs === '') return false;
  return row.all.includes(theirs) || (typeOnly && (row.types?.includes(theirs) ?? false));
}

const tell = ({ file, from, typeOnly }: Import): string => `${file} imports ${from}${typeOnly ? ' (types)' : ''}`;

test('the imports are found', () => {
  assert.ok(src.length > 20 && imports.length > src.length);
  const sample = importsOf('test/layers.test.ts').map(({ from }) => from);
  assert.equal(sample, ['node:fs', 'node:module', 'node:path', 'uvu', 'uvu/assert']);
  assert.is(isTypeOnly(undefined, '{ type A, type B } from '), true);
  assert.is(isTypeOnly(undefined, '{ type A, b } from '), false);
  assert.is(isTypeOnly('type ', '{ A } from '), true);
});

test('every folder has a row in the table', () => {
  assert.equal(
    [...new Set(src.map(folderOf))].filter((folder) => folder !== '' && table[folder] === undefined),
    [],
  );
});

test('no folder imports another that it may not', () => {
  const inner = imports.filter(({ from }) => from.startsWith('.'));
  assert.equal(inner.filter((found) => !isAllowed(found)).map(tell), []);
});

test('inner imports name the file, with .ts', () => {
  assert.equal(imports.filter(({ from }) => from.startsWith('.') && !from.endsWith('.ts')).map(tell), []);
});

test('what comes from outside is in package.json, or begins with node:', () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: object };
  const known = (from: string) =>
    Object.keys(dependencies).some((name) => from === name || from.startsWith(`${name}/`));
  const outer = imports.filter(({ from }) => !from.startsWith('.') && !from.startsWith('node:'));
  assert.equal(outer.filter(({ from }) => builtinModules.includes(from) || !known(from)).map(tell), []);
});

test('no two files import each other in a ring', () => {
  const needs = new Map<string, string[]>(src.map((file) => [file, []]));
  for (const { file, from, typeOnly } of imports)
    if (from.startsWith('.') && !typeOnly) needs.get(file)!.push(posix.join(posix.dirname(file), from));
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [[...path.slice(path.indexOf(file)), file].join(' → ')];
    if (done.has(file)) return [];
    const rings = (needs.get(file) ?? []).flatMap((next) => visit(next, [...path, file]));
    done.add(file);
    return rings;
  };
  assert.equal(
    src.flatMap((file) => visit(file, [])),
    [],
  );
});

test('namespaces are named in wire/ns.ts alone', () => {
  const namespace =
    /['"`](?:jabber:[a-z]+:?[\w:#-]*|urn:xmpp:[\w:.#-]+|urn:ietf:params:xml:ns:[\w:#-]+|https?:\/\/(?:jabber\.org\/protocol|etherx\.jabber\.org)\/[\w/#-]+)['"`]/;
  const found = src
    .filter((file) => file !== 'src/wire/ns.ts')
    .flatMap((file) => {
      const lines = readFileSync(file, 'utf8').split('\n');
      return lines.flatMap((line, at) => (namespace.test(line) ? [`${file}:${at + 1}: ${line.trim()}`] : []));
    });
  assert.equal(found, []);
});

test('no default exports, no barrels', () => {
  const text = (file: string) => readFileSync(file, 'utf8');
  const files = [...src, ...sources('test')];
  assert.equal(
    files.filter((file) => /^export default\b|^export \{[^}]*\bas default\b/m.test(text(file))),
    [],
  );
  assert.equal(
    files.filter((file) => /^export \* from/m.test(text(file))),
    [],
  );
});

test('a file of more than 300 lines says why in its first lines', () => {
  const long = [...src, ...sources('test'), ...sources('scripts', '.mjs')].filter((file) => {
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines.length > 300 && !/\blong\b|\bone file\b|\blines\b/i.test(lines.slice(0, 15).join('\n'));
  });
  assert.equal(long, []);
});

test('nothing is left undone', () => {
  const marks = /\b(?:TODO|FIXME|XXX)\b|\.(?:skip|only)\(/;
  const files = [...src, ...sources('test')].filter((file) => file !== 'test/layers.test.ts');
  assert.equal(
    files.filter((file) => marks.test(readFileSync(file, 'utf8'))),
    [],
  );
});

test.run();
