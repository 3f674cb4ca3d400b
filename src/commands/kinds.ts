/** How text becomes the value of an argument. */
import type { AccountRecord, User } from '../registry/types.ts';
import { type BareJid, bare, escapeLocal, readJid } from '../wire/jid.ts';
import type { Scope } from './define.ts';
import { UsageError } from './error.ts';
import { mendAddress, visible } from './words.ts';

/** An address with a local part and a domain; a resource is left away. */
export function readAddress(text: string): BareJid {
  const address = readJid(mendAddress(text));
  if (address === undefined || !address.includes('@'))
    throw new UsageError('That is not an address. It looks like `alice@example.org`.');
  return bare(address);
}

export function readChoice(text: string, of: readonly string[]): string {
  const word = visible(text).trim().toLowerCase();
  const found = of.includes(word) ? [word] : of.filter((choice) => word !== '' && choice.startsWith(word));
  if (found.length !== 1) throw new UsageError(`Choose one of: ${of.join(', ')}.`);
  return found[0]!;
}

const flags: Record<string, boolean> = {
  yes: true,
  on: true,
  true: true,
  1: true,
  no: false,
  off: false,
  false: false,
  0: false,
};

export function readFlag(text: string): boolean {
  const value = flags[visible(text).trim().toLowerCase()];
  if (value === undefined) throw new UsageError('Say yes or no.');
  return value;
}

export function readNumber(text: string): number {
  const word = visible(text).trim();
  if (!/^\d{1,9}$/.test(word)) throw new UsageError('That must be a number.');
  return Number(word);
}

/** A certificate's SHA-256, or its start of 16 hex digits (fewer are met by trying), in any spelling → hex, lower case. */
export function readFingerprint(text: string): string {
  const hex = visible(text)
    .replace(/[\s:.-]/g, '')
    .toLowerCase();
  if (/^[0-9a-f]{16,64}$/.test(hex)) return hex;
  throw new UsageError('A fingerprint is SHA-256 in hex, or its first 16 digits or more.');
}

/** A name, its unique start, or a login's address. */
export function readUser(text: string, { grant, registry }: Scope): Readonly<User> {
  const address = mendAddress(text).toLowerCase();
  const name = address.replace(/[@+].*$/s, '');
  const users = grant.level === 'admin' ? registry.users : [grant.user];
  const list = grant.level === 'admin' ? '`user list` shows all.' : '';
  const tests: ((user: Readonly<User>) => boolean)[] = [
    (user) => user.name === escapeLocal(address),
    (user) => user.name === name,
    (user) => user.name.startsWith(name),
  ];
  return pick(users, tests, (user) => user.name, 'user', list);
}

/** A number, a label, an address, or the unique start of a label or address. */
export function readAccount(text: string, { grant, numbers }: Scope): Readonly<AccountRecord> {
  const word = mendAddress(text).toLowerCase();
  const { user, only } = grant;
  const accounts = user.accounts.filter(({ jid }) => only === undefined || jid === only);
  const tests: ((account: Readonly<AccountRecord>) => boolean)[] = [
    ({ label }) => label.toLowerCase() === word,
    ({ jid }) => only === undefined && word === String(numbers.of(user, jid)),
    ({ jid }) => jid === readJid(word),
    ({ label, jid }) => label.toLowerCase().startsWith(word) || jid.startsWith(word),
  ];
  return pick(accounts, tests, ({ label }) => label, 'account', only === undefined ? '`account list` shows all.' : '');
}

/** The one thing that meets the first test that any meets. */
function pick<T>(
  all: readonly T[],
  tests: ((one: T) => boolean)[],
  name: (one: T) => string,
  what: string,
  hint: string,
): T {
  for (const test of tests) {
    const found = all.filter(test);
    if (found.length === 1) return found[0]!;
    if (found.length > 1)
      throw new UsageError(`More than one ${what} fits: ${found.map(name).join(', ')}. ${hint}`.trimEnd());
  }
  throw new UsageError(`No such ${what}. ${hint}`.trimEnd());
}
