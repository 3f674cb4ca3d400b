/**
 * Where addresses stand in a stanza: the table of `view/addresses.md`. A place that is not here is content and is never touched.
 *
 * Rows stand under the namespace of a payload; they are paths from the payload's own element. A step may name several
 * elements (`sent|received`) or want a field's name (`field{with}`). At the end stands the place: `@attribute`, `text()`,
 * `stanza()` for a whole stanza inside, `*` for payloads of other namespaces inside, by their own rows.
 */
import { NS } from './ns.ts';
import { isStanzaName } from './stanza.ts';
import { clone, type Element } from './xml.ts';

/** Form fields (XEP-0004) that hold addresses: MAM's filter, rooms' and nodes' configuration. */
const fields = [
  'with',
  'muc#jid',
  'muc#roomconfig_roomadmins',
  'muc#roomconfig_roomowners',
  'pubsub#contact',
  'pubsub#creator',
  'pubsub#owner',
  'pubsub#subscriber_jid',
];

const rows: Record<string, readonly string[]> = {
  [NS.roster]: ['query/item/@jid'],
  [NS.rosterExchange]: ['x/item/@jid'],
  [NS.blocking]: ['blocklist|block|unblock/item/@jid', 'block/item/*'],
  [NS.reporting]: ['report/*'],
  [NS.carbons]: ['sent|received/*'],
  [NS.forward]: ['forwarded/stanza()', 'forwarded/*'],
  [NS.mam]: ['result|query/*', 'prefs/always|never/jid/text()'],
  [NS.archived]: ['archived/@by'], // COMPAT: ejabberd 23.01 marks what it archives so, too
  [NS.sid]: ['stanza-id|origin-id/@by'],
  [NS.delay]: ['delay/@from'],
  [NS.delayed]: ['x/@from'],
  [NS.data]: [`x/field{${fields.join()}}/value/text()`],
  [NS.pubsubEvent]: [
    'event/items/item|retract/@id',
    'event/items/item/@publisher',
    'event/items/item/*',
    'event/subscription/@jid',
    'event/configuration/*',
  ],
  [NS.pubsub]: [
    'pubsub/items|publish|retract/item/@id',
    'pubsub/items|publish/item/@publisher',
    'pubsub/items|publish/item/*',
    'pubsub/subscribe|unsubscribe|subscription|options/@jid',
    'pubsub/subscriptions/subscription/@jid',
    'pubsub/affiliations/affiliation/@jid',
    'pubsub/options|configure|publish-options/*',
  ],
  [NS.pubsubOwner]: [
    'pubsub/subscriptions/subscription/@jid',
    'pubsub/affiliations/affiliation/@jid',
    'pubsub/configure|default/*',
  ],
  [NS.displayed]: ['displayed/*'],
  [NS.private]: ['query/*'],
  [NS.bookmarks]: ['storage/conference/@jid'],
  [NS.mucUser]: ['x/item/@jid', 'x/item/actor/@jid', 'x/invite|decline/@from', 'x/invite|decline/@to'],
  [NS.mucAdmin]: ['query/item/@jid', 'query/item/actor/@jid'],
  [NS.mucOwner]: ['query/*'],
  [NS.discoItems]: ['query/item/@jid'],
  [NS.addresses]: ['addresses/address/@jid'],
  [NS.jingle]: ['jingle/@initiator', 'jingle/@responder', 'jingle/content/*'],
  [NS.jingleS5b]: ['transport/candidate/@jid'],
  [NS.callInvites]: ['invite|accept/jingle/@jid'],
  [NS.bytestreams]: ['query/streamhost|streamhost-used/@jid', 'query/activate/text()'],
  [NS.reply]: ['reply/@to'],
  [NS.push]: ['enable|disable/@jid'],
};

/** One place: an attribute of an element, or its text. */
export type Visit = (element: Element, attribute: string | undefined) => void;

/** What stands in a place, and what shall stand there. */
export type Exchange = (address: string) => string;

/** False: there is no place in it, whatever it says; told by the namespaces of its payloads alone. */
export function mayHavePlaces({ children }: Element): boolean {
  for (const child of children) {
    if (typeof child === 'string') continue;
    const { xmlns } = child.attrs;
    if (xmlns === undefined ? child.name === 'error' : table.has(xmlns)) return true;
  }
  return false;
}

/** A copy of a stanza with its places exchanged; undefined if it would be the same. */
export function withPlaces(stanza: Element, exchange: Exchange): Element | undefined {
  let differs = false;
  visitStanza(stanza, (element, attribute) => {
    const address = attribute === undefined ? element.getText() : element.attrs[attribute];
    if (!differs && exchange(address) !== address) differs = true;
  });
  if (!differs) return undefined;
  const copy = clone(stanza);
  visitStanza(copy, (element, attribute) => {
    if (attribute === undefined) element.children = [exchange(element.getText())];
    else element.attrs[attribute] = exchange(element.attrs[attribute]);
  });
  return copy;
}

interface Step {
  names: readonly string[];
  /** For form fields: the names that count. */
  fields: readonly string[] | undefined;
}
interface Row {
  steps: readonly Step[];
  end: string;
}

const table = new Map(Object.entries(rows).map(([ns, paths]) => [ns, paths.map(readRow)]));

/** Namespaces that have rows. */
export const namespaces: readonly string[] = [...table.keys()];

function readRow(path: string): Row {
  const parts = path.split(/\/(?![^{]*\})/);
  const end = parts.pop()!;
  return { steps: parts.map(readStep), end };
}

function readStep(text: string): Step {
  const [, names, wanted] = /^([^{]+)(?:\{(.*)\})?$/.exec(text)!;
  return { names: names!.split('|'), fields: wanted?.split(',') };
}

/** Every place inside a stanza; not its own `to` and `from`. */
export function visitStanza(stanza: Element, visit: Visit): void {
  for (const child of stanza.children) {
    if (typeof child === 'string') continue;
    if (child.attrs.xmlns !== undefined) visitPayload(child, visit);
    else if (child.name === 'error') visitAttribute(child, 'by', visit); // RFC 6120 §8.3.2
  }
}

function visitPayload(payload: Element, visit: Visit): void {
  const ns = payload.attrs.xmlns as string;
  for (const row of table.get(ns) ?? []) if (fits(payload, row.steps[0]!)) visitRow(payload, ns, row, 1, visit);
}

function visitRow(element: Element, ns: string, row: Row, depth: number, visit: Visit): void {
  const step = row.steps[depth];
  if (step === undefined) return visitEnd(element, ns, row.end, visit);
  for (const child of element.children)
    if (typeof child !== 'string' && isIn(child, ns) && fits(child, step)) visitRow(child, ns, row, depth + 1, visit);
}

/** Children without a namespace of their own are their parent's. */
const isIn = ({ attrs }: Element, ns: string): boolean => attrs.xmlns === undefined || attrs.xmlns === ns;

const fits = ({ name, attrs }: Element, step: Step): boolean =>
  step.names.includes(name) && (step.fields?.includes(attrs.var) ?? true);

function visitEnd(element: Element, ns: string, end: string, visit: Visit): void {
  if (end.startsWith('@')) return visitAttribute(element, end.slice(1), visit);
  if (end === 'text()') return visit(element, undefined);
  for (const child of element.children) {
    if (typeof child === 'string') continue;
    if (end === '*' && !isIn(child, ns)) visitPayload(child, visit);
    if (end === 'stanza()' && isStanzaName(child.name) && child.attrs.xmlns === NS.client) visitForwarded(child, visit);
  }
}

function visitForwarded(stanza: Element, visit: Visit): void {
  visitAttribute(stanza, 'to', visit);
  visitAttribute(stanza, 'from', visit);
  visitStanza(stanza, visit);
}

function visitAttribute(element: Element, attribute: string, visit: Visit): void {
  if (element.attrs[attribute] !== undefined) visit(element, attribute);
}
