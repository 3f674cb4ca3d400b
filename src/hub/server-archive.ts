/** The account's archive at its real server (XEP-0313), asked for one page at a time. */
import { randomBytes } from 'node:crypto';
import { NS } from '../wire/ns.ts';
import type { Stanza } from '../wire/stanza.ts';
import { type Element, elements, xml } from '../wire/xml.ts';
import { isOwnId } from './archivable.ts';
import { unwrap } from './carbons.ts';
import type { Context } from './context.ts';
import { hasEndIn } from './forged.ts';

/** A message as the server has archived it. */
export interface ServerMessage {
  /** Its id there; the message says it, too. */
  alias: string;
  /** Milliseconds since the epoch. */
  at: number;
  message: Stanza;
}

export interface ServerPage {
  /** In the archive's order. */
  messages: ServerMessage[];
  /** There is nothing beyond it in the direction of paging. */
  complete: boolean;
}

/** Why there is no page: the server has no archive; it has one and no such id; it did not answer, or is gone. */
export type NoPage = 'unsupported' | 'unknown-id' | 'failed';

/** Where a page begins or ends: ids exclusive, `start` and `end` in milliseconds since the epoch. The first page if nothing is said. */
export interface Where {
  after?: string;
  /** The last page where it is empty. */
  before?: string;
  start?: number;
  end?: number;
}

/** Servers give fewer, if they like. */
const pageSize = 200;
/** Milliseconds without an answer. */
const patience = 30_000;

interface Open {
  messages: ServerMessage[];
}

export class ServerArchive {
  readonly #context: Context;
  readonly #ask: (payload: Element, done: (response?: Stanza) => void) => void;
  readonly #open = new Map<string, Open>();
  readonly #run = randomBytes(4).toString('hex');
  #next = 0;

  /** `ask` sends a `set` to the account's own address. */
  constructor(context: Context, ask: (payload: Element, done: (response?: Stanza) => void) => void) {
    this.#context = context;
    this.#ask = ask;
  }

  /** `done` is called once, within the call that brings the answer. */
  page(where: Where, done: (page: ServerPage | NoPage) => void, size = pageSize): void {
    if (!this.#context.up.online()) return done('failed');
    const queryid = `u${(this.#next++).toString(36)}-${this.#run}`;
    const open: Open = { messages: [] };
    this.#open.set(queryid, open);
    const end = (page: ServerPage | NoPage) => {
      if (this.#open.delete(queryid)) done(page);
    };
    this.#context.later(patience, () => end('failed'));
    this.#ask(queryOf(queryid, where, size), (response) => end(pageOf(open, response)));
  }

  /** A result of a page that was asked for. False if the message is none. */
  take(message: Stanza): boolean {
    if (this.#open.size === 0 || message.from !== this.#context.account) return false;
    const result = message.tree.getChild('result', NS.mam);
    const open = result && this.#open.get(String(result.attrs.queryid));
    if (result === undefined || open === undefined) return false;
    const forwarded = result.getChild('forwarded', NS.forward);
    const inner = forwarded?.getChild('message');
    const at = Date.parse(forwarded?.getChild('delay', NS.delay)?.attrs.stamp ?? '');
    const alias = result.attrs.id;
    if (inner === undefined || hasEndIn(this.#context.settings.domain, inner)) return true;
    if (alias !== undefined && !Number.isNaN(at))
      open.messages.push({ alias, at, message: this.#named(unwrap(inner), alias) });
    return true;
  }

  /** Servers do not always say it inside, too. */
  #named(message: Stanza, id: string): Stanza {
    const { account } = this.#context;
    const isNamed = elements(message.tree).some((child) => isOwnId(child, account));
    return isNamed ? message : message.adding(xml('stanza-id', { xmlns: NS.sid, by: account, id }));
  }
}

function queryOf(queryid: string, { after, before, start, end }: Where, size: number): Element {
  const field = (name: string, value: string) => xml('field', { var: name }, xml('value', {}, value));
  const dates = Object.entries({ start, end }).flatMap(([name, date]) =>
    date === undefined ? [] : field(name, new Date(date).toISOString()),
  );
  const form = xml('x', { xmlns: NS.data, type: 'submit' }, field('FORM_TYPE', NS.mam), ...dates);
  const set = xml('set', NS.rsm, xml('max', {}, String(size)));
  if (after !== undefined) set.append(xml('after', {}, after));
  if (before !== undefined) set.append(xml('before', {}, before));
  return xml('query', { xmlns: NS.mam, queryid }, dates.length > 0 ? form : undefined, set);
}

function pageOf({ messages }: Open, response: Stanza | undefined): ServerPage | NoPage {
  if (response === undefined) return 'failed';
  const fin = response.tree.getChild('fin', NS.mam);
  if (response.type === 'result' && fin !== undefined)
    return { messages, complete: fin.attrs.complete === 'true' || messages.length === 0 };
  const error = response.tree.getChild('error');
  if (error?.getChild('item-not-found', NS.stanzas) !== undefined) return 'unknown-id';
  const isMissing = ['service-unavailable', 'feature-not-implemented'].some(
    (condition) => error?.getChild(condition, NS.stanzas) !== undefined,
  );
  return isMissing ? 'unsupported' : 'failed';
}
