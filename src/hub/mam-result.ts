/**
 * What an archive gives out (XEP-0313 §4.2). A message goes as the text that was archived, in a wrapper of text: a page costs no
 * parsing and no serialising.
 */
import type { ArchivedMessage } from '../archive/types.ts';
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { Stanza } from '../wire/stanza.ts';
import { escapeAttribute } from '../wire/xml.ts';
import { stanzaIdOf } from './place.ts';

/** One message of the archive of `account`, for a client. */
export function archivedResult(account: BareJid, queryid: string | undefined, message: ArchivedMessage): Stanza {
  const id = stanzaIdOf(message.place);
  const mark = queryid === undefined ? '' : ` queryid="${escapeAttribute(queryid)}"`;
  const text =
    `><result xmlns="${NS.mam}"${mark} id="${id}"><forwarded xmlns="${NS.forward}">` +
    `<delay xmlns="${NS.delay}" stamp="${stampOf(message.at)}"/>${forwarded(message.text, account, id)}` +
    '</forwarded></result></message>';
  return Stanza.fromParts('message', { from: account }, text);
}

/** XEP-0082, to the millisecond: a client may ask again from there. */
export const stampOf = (at: number): string => new Date(at).toISOString();

/** A stanza's text as it stands inside another, with its id in this archive (XEP-0359). */
function forwarded(text: string, account: BareJid, id: string): string {
  const mark = `<stanza-id xmlns="${NS.sid}" by="${escapeAttribute(account)}" id="${id}"/>`;
  const head = text.indexOf('>'); // in attributes it is escaped
  const isEmpty = text[head - 1] === '/';
  const start = text.slice(0, isEmpty ? head - 1 : head);
  const spaced = start.includes(' xmlns="') ? start : `<message xmlns="${NS.client}"${start.slice('<message'.length)}`;
  const content = isEmpty ? '' : text.slice(head + 1, text.lastIndexOf('</'));
  return `${spaced}>${content}${mark}</message>`;
}
