/** What lasts about a session, at its start. */
import { randomBytes } from 'node:crypto';
import type { SessionFacts } from '../link/link.ts';
import type { Login } from '../stream/authentication.ts';
import type { FullJid } from '../wire/jid.ts';

export const factsOf = ({ account, bare, view }: Login, address: FullJid): SessionFacts => ({
  view,
  bare,
  ...(account && { account }),
  address,
  carbons: false,
  interested: false,
  blocklist: false,
  presence: undefined,
  inactive: false,
  directed: [],
  rooms: [],
  // what a client resumes with is not to be guessed
  stream: { id: randomBytes(18).toString('base64url'), from: undefined },
  delivered: 0,
  acknowledged: 0,
  isOpen: true,
});
