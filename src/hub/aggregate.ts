/** One presence upstream for all clients (RULES 7): a pure decision. */

import { NS } from '../wire/ns.ts';
import { childIn, clone, type Element, xml } from '../wire/xml.ts';
import type { Info } from '../xep/disco.ts';
import { capsHash } from '../xep/disco.ts';
import type { Client } from './clients.ts';

export const capsNode = 'urn:xmpproxy';

type Show = 'dnd' | 'chat' | 'online' | 'away' | 'xa';
const precedence: readonly Show[] = ['dnd', 'chat', 'online', 'away', 'xa'];

/** Extensions that pass on, from the client that sent them last. */
const passed: readonly { name: string; ns: string }[] = [
  { name: 'x', ns: NS.vcardUpdate },
  { name: 'idle', ns: NS.idle },
  { name: 'nick', ns: NS.nick },
];

/** RFC 6121 §4.7.2.1: what is none of these says nothing. */
const showOf = (presence: Element): Show => {
  const show = presence.getChildText('show') as Show | null;
  return show !== null && precedence.includes(show) ? show : 'online';
};

/** The presence the server gets, without addresses. `last`: what the clients' last presence was, for those who do not want auto-away. */
export function aggregate(
  clients: readonly Client[],
  away: { text: string; auto: boolean },
  info: Info,
  last: Element | undefined,
): Element {
  const present = clients.filter(({ presence }) => presence !== undefined);
  const stanza = present.length === 0 ? absent(away, last) : combined(present);
  stanza.append(capsOf(info));
  return stanza;
}

/** XEP-0115 §5: what all clients can do. */
export const capsOf = (info: Info): Element =>
  xml('c', { xmlns: NS.caps, hash: 'sha-1', node: capsNode, ver: capsHash(info) });

/** Whose show and status the one presence has: undefined if nobody is there. */
export function leading(clients: readonly Client[]): Client | undefined {
  const rank = ({ presence }: Client) => precedence.indexOf(showOf(presence!.tree));
  const present = clients.filter(({ presence }) => presence !== undefined);
  return present.sort((a, b) => rank(a) - rank(b) || b.activeAt - a.activeAt)[0];
}

function absent(away: { text: string; auto: boolean }, last: Element | undefined): Element {
  const stanza = xml('presence');
  const show = away.auto ? 'away' : last && showOf(last);
  const status = away.auto ? away.text : last?.getChildText('status');
  if (show && show !== 'online') stanza.append(xml('show', {}, show));
  if (status) stanza.append(xml('status', {}, status));
  stanza.append(xml('priority', {}, '0'));
  for (const extension of last ? extensionsOf([last]) : []) if (extension.name !== 'idle') stanza.append(extension);
  return stanza;
}

function combined(present: readonly Client[]): Element {
  const first = leading(present)!.presence!.tree;
  const show = showOf(first);
  const status = first.getChildText('status');
  const byTime = [...present].sort((a, b) => b.activeAt - a.activeAt).map(({ presence }) => presence!.tree);
  return xml(
    'presence',
    {},
    show === 'online' ? undefined : xml('show', {}, show),
    status ? xml('status', {}, status) : undefined,
    xml('priority', {}, String(Math.max(0, ...present.map(({ priority }) => priority)))),
    ...extensionsOf(byTime),
  );
}

function extensionsOf(presences: readonly Element[]): Element[] {
  return passed.flatMap(({ name, ns }) => {
    const found = presences.map((presence) => childIn(presence, ns)).find((child) => child?.name === name);
    return found === undefined ? [] : [clone(found)];
  });
}
