/** A stanza on its way to clients, made once for all that get it. Of it only what may be needed again is kept until it is acknowledged. */
import { Stanza, type StanzaName } from '../wire/stanza.ts';
import { escapeAttribute } from '../wire/xml.ts';

export interface Outgoing {
  readonly name: StanzaName;
  readonly to: string | undefined;
  readonly from: string | undefined;
  readonly id: string | undefined;
  readonly type: string | undefined;
  /** Its text behind `to`: that alone is each recipient's own. */
  readonly tail: string;
  /** Its place in the archive; 0: it has none. */
  readonly place: number;
  /** Roughly its length on the wire. */
  readonly weight: number;
}

const greater = 62;

export function outgoing({ name, to, from, id, type, rest }: Stanza, place = 0): Outgoing {
  const tail = sender(from) + rest;
  // asked for a character V8 puts the pieces together: once here, and not for each recipient anew
  if (tail.charCodeAt(tail.length - 1) !== greater) throw new Error('not the text of a stanza');
  return { name, to, from, id, type, tail, place, weight: tail.length + 64 };
}

/** What it was made of. */
export const stanzaOf = ({ name, to, from, id, type, tail }: Outgoing): Stanza =>
  Stanza.fromParts(name, { to, from, id, type }, tail.slice(sender(from).length));

const sender = (from: string | undefined): string => (from === undefined ? '' : ` from="${escapeAttribute(from)}"`);
