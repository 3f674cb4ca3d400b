/** Documents say what is so: what they name is there. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
const documents = ['README.md', 'CHANGELOG.md', 'src/README.md'];
const scripts = () => readdirSync('scripts').filter((name) => !name.includes('.'));

for (const file of [...documents, 'LICENSE', '.env.example'])
  test(`${file} is there and says something`, () => {
    assert.ok(existsSync(file), `${file} is missing`);
    assert.ok(read(file).trim().length > 100, `${file} is empty`);
  });

test('scripts that documents name are there and can be run', () => {
  const named = documents.flatMap((file) => [...read(file).matchAll(/\bscripts\/([a-z][a-z-]*)\b(?!\.)/g)]);
  assert.ok(named.length > 0, 'README.md names no script');
  const missing = named.map(([, name]) => name!).filter((name) => !isProgram(join('scripts', name)));
  assert.equal([...new Set(missing)], []);
});

const isProgram = (file: string): boolean => existsSync(file) && (statSync(file).mode & 0o111) !== 0;

test('README.md shows every script for people', () => {
  const readme = read('README.md');
  for (const name of ['start', 'test', 'demo']) assert.ok(readme.includes(`scripts/${name}`), `scripts/${name}`);
});

test('every script says what it is for in its first lines', () => {
  const silent = scripts().filter((name) => !/^#!.*\n# \w/.test(read(join('scripts', name))));
  assert.equal(silent, []);
});

test('npm scripts that documents name are in package.json', () => {
  const { scripts: known } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = documents.flatMap((file) =>
    [...read(file).matchAll(/\bnpm (?:run )?([a-z]+)\b/g)].map(([, name]) => name!),
  );
  const npmItself = ['ci', 'install', 'packages', 'and'];
  assert.equal(
    named.filter((name) => known[name] === undefined && !npmItself.includes(name)),
    [],
  );
});

test('links within the project lead somewhere', () => {
  const broken = documents.flatMap((file) =>
    [...read(file).matchAll(/\]\((?!https?:|mailto:|xmpp:|#)([^)#\s]+)/g)]
      .map(([, target]) => join(dirname(file), target!))
      .filter((target) => !existsSync(target)),
  );
  assert.equal(broken, []);
});

test('src/README.md names every folder of the source', () => {
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const text = read('src/README.md');
  assert.equal(
    folders.map(({ name }) => name).filter((name) => !text.includes(`\`${name}\``) && !text.includes(`${name}/`)),
    [],
  );
});

test.run();
