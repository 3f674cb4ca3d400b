/** What a message to root is: a line to obey, something to explain, or nothing at all. */
import { NS } from '../wire/ns.ts';
import type { Stanza } from '../wire/stanza.ts';
import { childIn, type Element, elements } from '../wire/xml.ts';

export type Heard =
  | { kind: 'line'; text: string }
  /** What we cannot read is told so, in clear. */
  | { kind: 'encrypted' }
  | { kind: 'long' }
  | { kind: 'nothing' };

/** A copy, something old, or something about another message (XEP-0424, once by XEP-0422). */
const unspoken = [NS.delay, NS.forward, NS.carbons, NS.mam, NS.retract, NS.fasten];

/** A longer text is no command and no password. */
const longest = 4000;

/**
 * Only what a person types here and now counts. Errors, states, copies, and what was delayed or forwarded are never
 * obeyed (and never answered: no loop).
 */
export function hear(stanza: Stanza): Heard {
  const { tree, type = 'normal' } = stanza;
  if (type !== 'chat' && type !== 'normal') return { kind: 'nothing' };
  if (unspoken.some((ns) => childIn(tree, ns))) return { kind: 'nothing' };
  if ([NS.encryption, NS.omemo, NS.omemo2, NS.openpgp, NS.pgp].some((ns) => childIn(tree, ns)))
    return { kind: 'encrypted' };
  const text = spoken(tree);
  if (text.trim() === '') return { kind: 'nothing' };
  return text.length > longest ? { kind: 'long' } : { kind: 'line', text };
}

/** The body without what is there for apps that know less: a quotation before a reply (XEP-0428 §2, XEP-0461 §3). */
function spoken(tree: Element): string {
  const characters = [...(tree.getChildText('body') ?? '')]; // counted as XEP-0426 §3 says
  for (const fallback of tree.getChildren('fallback', NS.fallback)) {
    if (elements(fallback).length === 0) return '';
    for (const { attrs } of fallback.getChildren('body'))
      characters.fill('', place(attrs.start, 0), place(attrs.end, characters.length));
  }
  return characters.join('');
}

const place = (text: string | undefined, otherwise: number): number =>
  text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : otherwise;
