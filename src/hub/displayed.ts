/** Read marks as they stand in XML (XEP-0490). */
import { type BareJid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { Stanza } from '../wire/stanza.ts';
import { clone, type Element, elements, xml } from '../wire/xml.ts';

/** A mark where it stands. */
export interface FoundMark {
  /** The id of its item. */
  chat: string;
  item: Element;
  id: Element;
}

/** Is that request, or its answer, about the marks? */
export const concernsMarks = (pubsub: Element): boolean =>
  elements(pubsub).some(({ name, attrs }) => (name === 'publish' || name === 'items') && attrs.node === NS.displayed);

/** The marks in an event, a publication, or a list of items. */
export function marksIn(stanza: Element): FoundMark[] {
  const items = elements(stanza)
    .filter(({ attrs }) => attrs.xmlns === NS.pubsub || attrs.xmlns === NS.pubsubEvent)
    .flatMap(elements)
    .filter(({ attrs }) => attrs.node === NS.displayed)
    .flatMap((list) => list.getChildren('item'));
  return items.flatMap((item) => {
    const id = item.getChild('displayed', NS.displayed)?.getChild('stanza-id', NS.sid);
    return id === undefined ? [] : [{ chat: String(item.attrs.id), item, id }];
  });
}

/** It says which message, and whose name that is. */
export const isWhole = ({ attrs }: Element): boolean => Boolean(attrs.id) && Boolean(attrs.by);

/** Is the name one that the account's archive gives? */
export const isOwn = (id: Element, account: BareJid): boolean => isWhole(id) && readJid(id.attrs.by) === account;

/**
 * §4.1, with the options without which others could read it (§7).
 * COMPAT: ejabberd 23.01 takes two of them, those of XEP-0223; it keeps the mark of one chat then.
 */
export function publication(chat: string, id: string, by: string, withAll: boolean): Element {
  const field = (name: string, value: string): Element => xml('field', { var: name }, xml('value', {}, value));
  const options = xml(
    'x',
    { xmlns: NS.data, type: 'submit' },
    xml('field', { var: 'FORM_TYPE', type: 'hidden' }, xml('value', {}, NS.publishOptions)),
    field('pubsub#persist_items', 'true'),
    ...(withAll ? [field('pubsub#max_items', 'max'), field('pubsub#send_last_published_item', 'never')] : []),
    field('pubsub#access_model', 'whitelist'),
  );
  const item = xml('item', { id: chat }, xml('displayed', NS.displayed, xml('stanza-id', { xmlns: NS.sid, by, id })));
  return xml('pubsub', NS.pubsub, xml('publish', { node: NS.displayed }, item), xml('publish-options', {}, options));
}

/** What the server would tell of it. */
export function eventOf(account: BareJid, item: Element): Stanza {
  const items = xml('items', { node: NS.displayed }, clone(item));
  const event = xml('event', NS.pubsubEvent, items);
  return Stanza.of(xml('message', { from: account, type: 'headline' }, event));
}
