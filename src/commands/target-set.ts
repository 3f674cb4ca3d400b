/** `target set`: how an address works and looks. */
import type { Policy } from '../jat/types.ts';
import type { ServiceRecord } from '../registry/types.ts';
import { type BareJid, isFull, readJid } from '../wire/jid.ts';
import { findService, put } from './addresses.ts';
import { readAvatar } from './avatar.ts';
import { command, type Values } from './define.ts';
import { UsageError } from './error.ts';
import { readChoice, readFlag } from './kinds.ts';
import { typed } from './text.ts';
import { mendAddress } from './words.ts';

const text = (label: string) => ({ kind: 'text', label, optional: true }) as const;
const args = {
  address: { kind: 'text', label: 'service address' },
  policy: text('policy'),
  encoding: text('encoding'),
  private: text('privacy'),
  messages: text('messages'),
  initiate: text('right to begin'),
  allow: text('users'),
  timeout: text('seconds'),
  rate: text('requests a second'),
  total: text('requests a second of all'),
  open: text('open requests'),
  name: text('name'),
  category: text('category'),
  type: text('type'),
  avatar: text('picture'),
} as const;
const policies: readonly Policy[] = ['random', 'round-robin', 'least-pending', 'sticky'];
type Key = Exclude<keyof typeof args, 'address'>;

/** Undefined takes the setting away. */
type Reader = (value: string) => Partial<ServiceRecord>[keyof ServiceRecord];
const bounded =
  (least: number, most: number, factor = 1): Reader =>
  (value) => {
    const number = /^\d{1,7}$/.test(value.trim()) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number * factor;
    throw new UsageError(`That is a number from ${least} to ${most}.`);
  };
const word: Reader = (value) => {
  if (/^[\p{L}\p{N}._-]{1,64}$/u.test(value)) return value;
  throw new UsageError('`category` and `type` are single words: see the registrar of XEP-0030.');
};

const readers: Record<Key, Reader> = {
  policy: (value) => readChoice(value, policies),
  encoding: (value) => readChoice(value, ['resource', 'localpart']),
  private: readFlag,
  messages: (value) => readChoice(value, ['account', 'resources']),
  initiate: readFlag,
  allow: readUsers,
  timeout: bounded(1, 3600, 1000),
  rate: bounded(1, 100_000),
  total: bounded(1, 1_000_000),
  open: bounded(1, 1_000_000),
  name: (value) => value.slice(0, 200),
  category: word,
  type: word,
  avatar: readAvatar,
};

export const set = command({
  summary: 'change how it works',
  access: 'admin',
  args,
  words: ['address'],
  example: 'target set helpdesk policy=sticky allow=example.org',
  next: 'The value `none` takes a setting away. `help services` says what they mean.',
  check(values, context) {
    if (values.address !== undefined) findService(values.address, context);
    changesIn(values);
  },
  target: ({ address, ...changes }) =>
    [address, ...Object.keys(changes).filter((key) => changes[key as Key] !== undefined)].join(' '),
  async run(values, context) {
    const service = findService(values.address, context);
    const changes = changesIn(values);
    if (changes.size === 0) throw new UsageError('What shall I change? `help target set` tells how it is written.');
    const changed: Record<string, unknown> = { ...service };
    for (const [key, value] of changes)
      if (value === undefined) delete changed[key];
      else changed[key] = value;
    await put(context, changed as unknown as ServiceRecord, service);
    return [
      ...[...changes].map(([key, value]) => `${key}: ${shown(key, value)}`),
      `All of it: \`${typed('target show', [service.address])}\``,
    ].join('\n');
  },
});

function changesIn(values: Partial<Values<typeof args>>): Map<Key, unknown> {
  const changes = new Map<Key, unknown>();
  for (const key of Object.keys(readers) as Key[]) {
    const value = values[key];
    if (value === undefined) continue;
    changes.set(key, value.trim().toLowerCase() === 'none' ? undefined : readers[key](value));
  }
  return changes;
}

/** Addresses and domains, with commas or spaces between them. */
function readUsers(value: string): BareJid[] {
  const words = value.split(/[\s,]+/).filter((one) => one !== '');
  if (words.length === 0) throw new UsageError('`allow` names addresses or domains; `allow=none` lets everybody in.');
  return words.map((one) => {
    const address = readJid(mendAddress(one));
    if (address === undefined || isFull(address)) throw new UsageError(`${one} is no address and no domain.`);
    return address;
  });
}

/** A setting as a person reads it. */
export function shown(key: string, value: unknown): string {
  if (value === undefined) return 'as usual';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (key === 'timeout') return `${Number(value) / 1000} s`;
  if (key === 'avatar') return 'a picture';
  return Array.isArray(value) ? value.join(', ') : String(value);
}
