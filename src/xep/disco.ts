/** Service discovery (XEP-0030) and entity capabilities (XEP-0115). */
import { createHash } from 'node:crypto';
import { StanzaError } from '../wire/error.ts';
import type { Route } from '../wire/mux.ts';
import { NS } from '../wire/ns.ts';
import { type Element, elements, xml } from '../wire/xml.ts';

export interface Identity {
  category: string;
  type: string;
  name: string;
}
export interface Item {
  jid: string;
  name: string | undefined;
}
export interface Info {
  identities: readonly Identity[];
  features: readonly string[];
}

/** disco#info and disco#items. `nodes` names the nodes that have the same answer (caps). */
export const disco = <Context>(
  info: (context: Context) => Info,
  nodes: (context: Context, node: string) => boolean = () => false,
  items: () => readonly Item[] = () => [],
): Route<Context>[] => [
  {
    type: 'get',
    ns: NS.discoInfo,
    name: 'query',
    handle({ payload }, context) {
      const { node } = payload.attrs as { node?: string };
      if (node !== undefined && node !== '' && !nodes(context, node)) throw new StanzaError('item-not-found');
      return infoQuery(info(context), node);
    },
  },
  {
    type: 'get',
    ns: NS.discoItems,
    name: 'query',
    handle({ payload }) {
      if (payload.attrs.node) throw new StanzaError('item-not-found');
      return xml('query', NS.discoItems, ...items().map(({ jid, name }) => xml('item', { jid, name })));
    },
  },
];

/** A disco#info result's payload. */
export function infoQuery({ identities, features }: Info, node?: string): Element {
  return xml(
    'query',
    { xmlns: NS.discoInfo, node },
    ...identities.map(({ category, type, name }) => xml('identity', { category, type, name })),
    ...features.map((feature) => xml('feature', { var: feature })),
  );
}

/** The features a disco#info result lists. */
export const featuresOf = (query: Element): string[] =>
  elements(query)
    .filter(({ name }) => name === 'feature')
    .map(({ attrs }) => String(attrs.var ?? ''));

/** XEP-0115 §5.1: the verification string's SHA-1, base64. */
export function capsHash({ identities, features }: Info): string {
  const parts = [
    ...identities.map(({ category, type, name }) => `${category}/${type}//${name}`).sort(byOctets),
    ...[...new Set(features)].sort(byOctets),
  ];
  return createHash('sha1')
    .update(parts.map((part) => `${part}<`).join(''))
    .digest('base64');
}

const byOctets = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/**
 * XEP-0115 §5.4: does a disco#info result answer for that hash? Forms and languages take part in it. Other results give the
 * same hash where the parts that are strung together hold their separators (§9.1): such a one answers for nothing.
 */
export function verifyCaps(query: Element, hash: string): boolean {
  const identities: string[] = [];
  const forms: string[][] = [];
  for (const child of elements(query)) {
    const { category, type, name } = child.attrs;
    if (child.name === 'identity' && !(isWord(category) && isWord(type))) return false;
    if (child.name === 'identity')
      identities.push(`${category}/${type}/${child.attrs['xml:lang'] ?? ''}/${name ?? ''}`);
    else if (child.name === 'x' && child.getNS() === NS.data) forms.push(formParts(child));
  }
  const sortedForms = forms.sort((a, b) => byOctets(a[0] ?? '', b[0] ?? '')).flat();
  const parts = [...identities.sort(byOctets), ...featuresOf(query).sort(byOctets), ...sortedForms];
  // features could be dressed up as another form than XEP-0232's
  if (parts.some((part) => part.includes('<')) || forms.some(([type]) => type !== NS.softwareInfo)) return false;
  return (
    createHash('sha1')
      .update(parts.map((part) => `${part}<`).join(''))
      .digest('base64') === hash
  );
}

const isWord = (text: unknown): boolean => typeof text === 'string' && /^[\w-]+$/.test(text);

/** FORM_TYPE first, then each field's name and sorted values, by name. */
function formParts(form: Element): string[] {
  const fields = form.getChildren('field').map((field) => ({
    name: String(field.attrs.var ?? ''),
    values: field
      .getChildren('value')
      .map((value) => value.getText())
      .sort(byOctets),
  }));
  const type = fields.find(({ name }) => name === 'FORM_TYPE')?.values[0] ?? '';
  const rest = fields.filter(({ name }) => name !== 'FORM_TYPE').sort((a, b) => byOctets(a.name, b.name));
  return [type, ...rest.flatMap(({ name, values }) => [name, ...values])];
}
