/** What a message to root is: a line to obey, something to explain, or nothing at all. */
import { NS } from '../wire/ns.ts';
import type { Stanza } from '../wire/stanza.ts';
import { childIn } from '../wire/xml.ts';

export type Heard =
  | { kind: 'line'; text: string }
  /** What we cannot read is told so, in clear. */
  | { kind: 'encrypted' }
  | { kind: 'long' }
  | { kind: 'nothing' };

/** A longer text is no command and no password. */
const longest = 4000;

/**
 * Only what a person types here and now counts. Errors, states, copies, and what was delayed or forwarded are never
 * obeyed (and never answered: no loop).
 */
export function hear(stanza: Stanza): Heard {
  const { tree, type = 'normal' } = stanza;
  if (type !== 'chat' && type !== 'normal') return { kind: 'nothing' };
  if (childIn(tree, NS.delay) || childIn(tree, NS.forward) || childIn(tree, NS.carbons) || childIn(tree, NS.mam))
    return { kind: 'nothing' };
  if ([NS.encryption, NS.omemo, NS.omemo2, NS.openpgp, NS.pgp].some((ns) => childIn(tree, ns)))
    return { kind: 'encrypted' };
  const text = tree.getChildText('body');
  if (text === null || text.trim() === '') return { kind: 'nothing' };
  return text.length > longest ? { kind: 'long' } : { kind: 'line', text };
}
