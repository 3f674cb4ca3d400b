/** A stanza on its way to clients, made once for all that get it. */
import type { Stanza } from '../wire/stanza.ts';
import { escapeAttribute } from '../wire/xml.ts';

export interface Outgoing {
  readonly stanza: Stanza;
  /** Its text behind `to`: that alone is each recipient's own. */
  readonly tail: string;
  /** Its place in the archive; 0: it has none. */
  readonly place: number;
  /** Roughly its length on the wire. */
  readonly weight: number;
}

const greater = 62;

export function outgoing(stanza: Stanza, place = 0): Outgoing {
  const { from, rest } = stanza;
  const tail = from === undefined ? rest : ` from="${escapeAttribute(from)}"${rest}`;
  // asked for a character V8 puts the pieces together: once here, and not for each recipient anew
  if (tail.charCodeAt(tail.length - 1) !== greater) throw new Error('not the text of a stanza');
  return { stanza, tail, place, weight: tail.length + 64 };
}
