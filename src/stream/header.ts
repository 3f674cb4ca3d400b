/** Stream headers (RFC 6120 §4.7): what a client's must say, and ours. */
import { randomBytes } from 'node:crypto';
import { StreamError } from '../wire/error.ts';
import { type BareJid, bare, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { type Element, escapeAttribute } from '../wire/xml.ts';

export interface Header {
  /** The domain that the client wants. */
  to: BareJid;
  /** RFC 6120 §4.7.4. */
  lang: string | undefined;
}

/** Throws the StreamError that a header deserves. `login`: who the stream belongs to, once that is known. */
export function readHeader(
  { attrs }: Element,
  serves: (domain: string) => boolean,
  login: BareJid | undefined,
): Header {
  if (attrs.xmlns !== NS.client) throw new StreamError('invalid-namespace');
  if (!/^[1-9]\d*\.\d+$/.test(attrs.version ?? '')) throw new StreamError('unsupported-version');
  const to = readJid(attrs.to);
  if (to === undefined) throw new StreamError('improper-addressing', "a stream needs a valid 'to'");
  if (/[@/]/.test(to) || !serves(to)) throw new StreamError('host-unknown');
  if (login !== undefined) {
    if (!login.endsWith(`@${to}`)) throw new StreamError('not-authorized', `logged in as ${login}`);
    const from = readJid(attrs.from);
    if (attrs.from !== undefined && (from === undefined || bare(from) !== login)) throw new StreamError('invalid-from');
  }
  return { to: to as BareJid, lang: attrs['xml:lang'] };
}

/** Our own header, which also comes before an error that answers theirs (RFC 6120 §4.9.1.2). */
export function headerText(from: string, to: string | undefined): string {
  const id = randomBytes(16).toString('base64url');
  const address = to === undefined ? '' : ` to="${escapeAttribute(to)}"`;
  return `<?xml version="1.0"?><stream:stream xmlns="${NS.client}" xmlns:stream="${NS.stream}" id="${id}" from="${escapeAttribute(from)}"${address} version="1.0" xml:lang="en">`;
}
