/** An account that a command was confirmed for may have gone, or to somebody else, since it was named. */
import type { Registry } from '../registry/types.ts';
import type { BareJid } from '../wire/jid.ts';
import { UsageError } from './error.ts';

export function mustOwn(registry: Pick<Registry, 'ownerOf'>, user: string, account: BareJid): void {
  if (registry.ownerOf(account)?.user.name === user) return;
  throw new UsageError('That account is not yours any more. Nothing was done. `account list` shows all.');
}
