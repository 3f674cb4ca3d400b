/** A contact or room that there are messages with, by its address or the start of it. */
import { type BareJid, bare, readJid } from '../wire/jid.ts';
import type { Context } from './context.ts';
import { UsageError } from './error.ts';
import { mendAddress } from './words.ts';

export async function choosePeer(text: string, accounts: BareJid[], { grant, pool }: Context): Promise<BareJid> {
  const word = mendAddress(text).toLowerCase();
  const address = readJid(word);
  if (address !== undefined && word.includes('@')) return bare(address);
  const found = await pool.peers(grant.user.name, accounts, word);
  const exact = found.filter((peer) => peer.startsWith(`${word}@`) || peer === word);
  const [one, ...others] = exact.length > 0 ? exact : found;
  if (one === undefined)
    throw new UsageError(`I have no message with “${word}”. An address is surer: with=bob@example.org`);
  if (others.length > 0)
    throw new UsageError(['More than one fits:', ...[one, ...others].slice(0, 8), 'Say which.'].join('\n'));
  return one as BareJid;
}
