/** What a client asks an archive for (XEP-0313 §4.1), read from its query. */
import { StanzaError } from '../wire/error.ts';
import { type Jid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { type Element, xml } from '../wire/xml.ts';
import { type PageWish, readPageWish } from '../xep/rsm.ts';

export interface MamQuery {
  queryid: string | undefined;
  with: Jid | undefined;
  /** Milliseconds since the epoch. */
  start: number | undefined;
  end: number | undefined;
  afterId: string | undefined;
  beforeId: string | undefined;
  ids: readonly string[] | undefined;
  /** XEP-0431. */
  words: string | undefined;
  /** Undefined: the client does not say. */
  groupchat: boolean | undefined;
  page: PageWish;
  /** §4.3.3: the newest of the page first. */
  flip: boolean;
}

/** So many ids may be asked for at once. */
const mostIds = 250;

const fulltext = `{${NS.fulltext}}fulltext`;
const fields = ['with', 'start', 'end', 'before-id', 'after-id', 'ids', 'include-groupchat', fulltext];

/** Throws what is wrong with it: `feature-not-implemented` for fields that we do not know (§4.1.5). */
export function readQuery(query: Element): MamQuery {
  const values = readForm(query.getChild('x', NS.data));
  const one = (name: string): string | undefined => {
    const [first, ...more] = values.get(name) ?? [];
    if (more.length > 0) throw new StanzaError('bad-request', `One value for ${name}, please`);
    return first;
  };
  const ids = values.get('ids');
  if (ids !== undefined && ids.length > mostIds) throw new StanzaError('bad-request', `At most ${mostIds} ids`);
  return {
    queryid: query.attrs.queryid as string | undefined,
    with: address(one('with')),
    start: moment(one('start'), 'start'),
    end: moment(one('end'), 'end'),
    afterId: one('after-id'),
    beforeId: one('before-id'),
    ids,
    words: one(fulltext),
    groupchat: flag(one('include-groupchat')),
    page: readPageWish(query),
    flip: query.getChild('flip-page') !== undefined,
  };
}

/** The fields that have values. COMPAT: slixmpp sends fields it has nothing for without any. */
function readForm(form: Element | undefined): Map<string, string[]> {
  const values = new Map<string, string[]>();
  if (form === undefined) return values;
  if (form.attrs.type !== 'submit') throw new StanzaError('bad-request', 'The form has to be of type submit');
  for (const field of form.getChildren('field')) {
    const name = String(field.attrs.var ?? '');
    if (values.has(name)) throw new StanzaError('bad-request', `${name} is there twice`);
    const given = field.getChildren('value').map((value) => value.getText().trim());
    values.set(
      name,
      given.filter((value) => value !== ''),
    );
  }
  if (values.get('FORM_TYPE')?.[0] !== NS.mam) throw new StanzaError('bad-request', 'FORM_TYPE is another one');
  values.delete('FORM_TYPE');
  for (const [name, given] of values) {
    if (!fields.includes(name)) throw new StanzaError('feature-not-implemented', `There is no field ${name}`);
    if (given.length === 0) values.delete(name);
  }
  return values;
}

function address(text: string | undefined): Jid | undefined {
  const jid = readJid(text);
  if (text !== undefined && jid === undefined) throw new StanzaError('bad-request', 'with is no address');
  return jid;
}

/** XEP-0082. What is finer than milliseconds widens the span, since the archive has no finer ones. */
function moment(text: string | undefined, name: 'start' | 'end'): number | undefined {
  if (text === undefined) return undefined;
  const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,3})(\d*))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const at = found === null ? Number.NaN : Date.parse(`${found[1]}.${(found[2] ?? '0').padEnd(3, '0')}${found[4]}`);
  if (Number.isNaN(at)) throw new StanzaError('bad-request', `${name} is no date and time`);
  return name === 'end' && /[1-9]/.test(found?.[3] ?? '') ? at + 1 : at;
}

function flag(text: string | undefined): boolean | undefined {
  if (text !== undefined && !/^(?:true|false|1|0)$/.test(text))
    throw new StanzaError('bad-request', 'include-groupchat is true or false');
  return text === undefined ? undefined : text === 'true' || text === '1';
}

/** §4.1.5: the fields there are. */
export function queryForm(): Element {
  const field = (name: string, type: string, ...more: Element[]): Element => xml('field', { type, var: name }, ...more);
  const anyId = xml('validate', { xmlns: NS.validate, datatype: 'xs:string' }, xml('open'));
  return xml(
    'query',
    NS.mam,
    xml(
      'x',
      { xmlns: NS.data, type: 'form' },
      field('FORM_TYPE', 'hidden', xml('value', {}, NS.mam)),
      field('with', 'jid-single'),
      field('start', 'text-single'),
      field('end', 'text-single'),
      field('before-id', 'text-single'),
      field('after-id', 'text-single'),
      field('ids', 'list-multi', anyId),
      field('include-groupchat', 'boolean'),
      field(fulltext, 'text-single'),
    ),
  );
}
