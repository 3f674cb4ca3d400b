/** Messages that came, alive or from an archive (XEP-0313). */
import { NS } from '../../src/wire/ns.ts';
import { type Element, serialize, xml } from '../../src/wire/xml.ts';
import { freshId } from '../lib/party.ts';
import type { Endpoint, RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { Stream } from './stream.ts';

/** One message that came, by whatever way. */
export interface Arrival {
  body: string;
  /** Bare address of who wrote it. */
  author: string;
  id: string | undefined;
  /** The archive's id. */
  stanzaId: string | undefined;
  way: 'live' | 'carbon' | 'archive';
  isDelayed: boolean;
  at: number;
  /** On which of the app's streams. */
  stream: number;
  /** When the app said on the wire that it has it, and on which of its streams. */
  confirmed?: { at: number; stream: number };
}

/** One page; true if it was the last. */
export async function askPage(stream: RawClient, after: string | undefined, start: string): Promise<boolean> {
  const field = (name: string, value: string) => xml('field', { var: name }, xml('value', {}, value));
  const form = xml('x', { xmlns: NS.data, type: 'submit' }, field('FORM_TYPE', NS.mam), field('start', start));
  const set = xml('set', NS.rsm, xml('max', {}, '50'), after === undefined ? undefined : xml('after', {}, after));
  const answer = await stream.iq('set', undefined, xml('query', { xmlns: NS.mam, queryid: freshId() }, form, set));
  const fin = answer.getChild('fin', NS.mam);
  if (fin === undefined) throw new Error(`the archive was refused: ${serialize(answer.getChild('error') ?? answer)}`);
  return fin.attrs.complete === 'true';
}

/** All that an archive has since then, oldest first. */
export async function readArchive(account: Account, endpoint: Endpoint, since: string): Promise<Arrival[]> {
  const [user, domain] = account.jid.split('@') as [string, string];
  const stream = new Stream(domain, endpoint);
  await stream.connect();
  await stream.authenticate(user, account.password);
  await stream.bind('auditor');
  const found: Arrival[] = [];
  let last: string | undefined;
  stream.onMessage = (message) => {
    const result = message.getChild('result', NS.mam);
    const archived = result?.getChild('forwarded', NS.forward)?.getChild('message');
    if (result === undefined || archived === undefined) return;
    last = result.attrs.id;
    const arrival = arrivalOf(archived, 'archive', last, 0);
    if (arrival !== undefined) found.push(arrival);
  };
  for (let isComplete = false; !isComplete; ) isComplete = await askPage(stream, last, since);
  await stream.close();
  return found;
}

export function arrivalOf(
  message: Element,
  way: Arrival['way'],
  stanzaId: string | undefined,
  stream: number,
): Arrival | undefined {
  const body = message.getChildText('body');
  if (!body) return undefined;
  const author = message.attrs.from?.split('/')[0] ?? '';
  const isDelayed = message.getChild('delay', NS.delay) !== undefined;
  return { body, author, id: message.attrs.id, stanzaId, way, isDelayed, at: Date.now(), stream };
}
