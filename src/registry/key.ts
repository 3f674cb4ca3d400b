/** The key that seals upstream secrets: PROXY_KEY, or a file made once beside the registry. */
import { hkdfSync, randomBytes, scrypt } from 'node:crypto';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Disk } from './disk.ts';
import { RegistryError } from './types.ts';

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(scrypt);
const keyLength = 32;

/** 32 octets of base64 are the key itself; any other text of 16 characters and more makes one (RFC 7914). */
export async function keyOf(text: string, salt: string): Promise<Buffer> {
  const exact = exactKey(text);
  if (exact !== undefined) return exact;
  if (text.length < 16)
    throw new RegistryError('PROXY_KEY is too short: 32 random bytes in base64, or a text of at least 16 characters.');
  return derive(text, Buffer.from(salt, 'base64'), keyLength, { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 });
}

/** Undefined if there is no such file. */
export async function readKey(disk: Disk, file: string): Promise<Buffer | undefined> {
  const text = await disk.read(file);
  if (text === undefined) return undefined;
  const key = exactKey(text.trim());
  if (key === undefined) throw new RegistryError(`${file} is not a key: 32 bytes in base64. Restore it from a backup.`);
  return key;
}

/** Only where nothing is sealed yet: a new key opens nothing. */
export async function makeKey(disk: Disk, file: string): Promise<Buffer> {
  const key = randomBytes(keyLength);
  await disk.write(`${file}.new`, `${key.toString('base64')}\n`);
  await disk.rename(`${file}.new`, file);
  await disk.syncFolder(dirname(file));
  return key;
}

/** RFC 5869: keys for different purposes say nothing of each other. */
export const keyFor = (key: Buffer, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, '', purpose, keyLength));

function exactKey(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/]{43}=?$/.test(text)) return undefined;
  return Buffer.from(text, 'base64');
}
