/** What an available presence says of who can be given work (RFC 6121 §4.7.2). */
import type { ResourcePresence } from '../jat/types.ts';
import { readElement } from '../wire/canonical.ts';

const shows: readonly ResourcePresence['show'][] = ['away', 'chat', 'dnd', 'xa'];

/** Presence as text of our own; priority 0 where it says none that is one. */
export function readPresence(text: string): ResourcePresence {
  if (text === '') return { priority: 0, show: undefined };
  const tree = readElement(text);
  const priority = Number(tree.getChildText('priority') ?? '0');
  const show = tree.getChildText('show');
  return {
    priority: Number.isInteger(priority) && Math.abs(priority) <= 128 ? priority : 0,
    show: shows.find((known) => known === show),
  };
}
