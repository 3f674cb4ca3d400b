/** MAM (XEP-0313), passed through: query ids are ours upstream and the client's own downstream, so that two may use one. */
import { randomBytes } from 'node:crypto';
import { NS } from '../wire/ns.ts';
import { Stanza } from '../wire/stanza.ts';
import { clone, type Element } from '../wire/xml.ts';
import type { Context } from './context.ts';
import { hasEndIn } from './forged.ts';

interface Query {
  sid: number;
  /** The client's own query id. */
  queryid: string | undefined;
  /** Whose archive was asked. */
  archive: string;
}

export class ArchiveQueries {
  readonly #context: Context;
  readonly #open = new Map<string, Query>();
  /** A late result for a hub before this one shall not be taken for one to this. */
  readonly #run = randomBytes(4).toString('hex');
  #next = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** A request about to go upstream; if it is a query, the one to send in its place and how to end it. */
  begin(sid: number, request: Element): { request: Element; end(): void } | undefined {
    const query = request.getChild('query', NS.mam);
    if (query === undefined || request.attrs.type !== 'set') return undefined;
    const id = `q${(this.#next++).toString(36)}-${this.#run}`;
    const archive = (request.attrs.to as string | undefined) ?? this.#context.account;
    this.#open.set(id, { sid, queryid: query.attrs.queryid as string | undefined, archive });
    const copy = clone(request);
    copy.getChild('query', NS.mam)!.attrs.queryid = id;
    return { request: copy, end: () => void this.#open.delete(id) };
  }

  /** A result goes to the client that asked and to nobody else. False if the message is none. */
  take(message: Stanza): boolean {
    const result = message.tree.getChild('result', NS.mam);
    if (result === undefined) return false;
    const query = this.#open.get(String(result.attrs.queryid));
    const archived = result.getChild('forwarded', NS.forward)?.getChild('message');
    const isForged = archived !== undefined && hasEndIn(this.#context.settings.domain, archived);
    if (query === undefined || query.archive !== message.from || isForged) {
      this.#context.log.debug('archive result dropped', { account: this.#context.account, from: message.from });
      return true;
    }
    const copy = clone(message.tree);
    const inner = copy.getChild('result', NS.mam)!;
    if (query.queryid === undefined) delete inner.attrs.queryid;
    else inner.attrs.queryid = query.queryid;
    this.#context.outlet.deliver([query.sid], Stanza.of(copy));
    return true;
  }

  gone(sid: number): void {
    for (const [id, query] of this.#open) if (query.sid === sid) this.#open.delete(id);
  }
}
