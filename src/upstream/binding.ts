/** What makes a session of a stream that is logged in: a resource, and acknowledgements. */
import { randomBytes } from 'node:crypto';
import { StreamError } from '../wire/error.ts';
import { type BareJid, domainOf, type FullJid, isFull, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { isStanzaName } from '../wire/stanza.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import type { Connection } from './connection.ts';
import { conditionOf, Failed, printable } from './failed.ts';

/** RFC 6120 §7; stanzas that come meanwhile are put into `early`. */
export async function bind(
  connection: Connection,
  own: BareJid,
  resource: string,
  features: Element,
  early: Element[],
): Promise<FullJid> {
  if (features.getChild('bind', NS.bind) === undefined) throw new Failed('stream', 'the server binds no resource');
  const request = (asked: string) => xml('bind', NS.bind, xml('resource', {}, asked));
  let result = await ask(connection, own, request(resource), early);
  // RFC 6120 §7.7.2.2: another session has it, and keeps it.
  if (errorOf(result)?.condition === 'conflict')
    result = await ask(connection, own, request(suffixed(resource)), early);
  const refusal = errorOf(result);
  if (refusal !== undefined) throw new Failed('stream', `the server binds no resource: ${refusal.text}`);
  const address = readJid(result.getChild('bind', NS.bind)?.getChildText('jid') ?? undefined);
  if (address === undefined || !isFull(address) || !address.startsWith(`${own}/`))
    throw new Failed('stream', printable(`the server bound ${address ?? 'no address'}`));
  const session = features.getChild('session', NS.session); // RFC 3921 §3, until RFC 6121 took it away
  if (session !== undefined && session.getChild('optional') === undefined)
    await ask(connection, own, xml('session', NS.session), early);
  return address;
}

/** What the server says of taking the session up again (XEP-0198 §3). */
export interface Enabled {
  /** Undefined where it cannot be. */
  id: string | undefined;
  /** Where the server would like to see us then. */
  location: string | undefined;
}

/** XEP-0198 §3; undefined where the server will not. */
export async function enable(connection: Connection, early: Element[]): Promise<Enabled | undefined> {
  connection.write(serialize(xml('enable', { xmlns: NS.sm, resume: 'true' })));
  for (;;) {
    const element = await connection.read();
    if (element.attrs.xmlns !== NS.sm) keep(early, element);
    else if (element.name === 'failed') return undefined;
    else if (element.name === 'enabled') {
      const { resume, id, location } = element.attrs as { resume?: string; id?: string; location?: string };
      return { id: resume === 'true' || resume === '1' ? id : undefined, location };
    }
  }
}

/** One IQ set while nothing else goes on; the answer is known by its id and by who sends it. */
async function ask(connection: Connection, own: BareJid, payload: Element, early: Element[]): Promise<Element> {
  const id = randomBytes(9).toString('base64url');
  connection.write(serialize(xml('iq', { type: 'set', id }, payload)));
  for (;;) {
    const element = await connection.read();
    const { type, from } = element.attrs as { type?: string; from?: string };
    const answers = element.name === 'iq' && element.attrs.id === id && (type === 'result' || type === 'error');
    if (answers && isServer(from, own)) return element;
    keep(early, element);
  }
}

/** Does `from` mean our own server or account? RFC 6120 §8.1.2.1: so does none. */
export function isServer(from: string | undefined, own: BareJid): boolean {
  const sender = readJid(from);
  return from === undefined || sender === own || sender === domainOf(own) || sender?.startsWith(`${own}/`) === true;
}

function keep(early: Element[], element: Element): void {
  if (element.attrs.xmlns !== undefined || !isStanzaName(element.name)) return;
  if (early.push(element) > 200) throw new StreamError('policy-violation', 'too much before the session is set up');
}

function errorOf(result: Element): { condition: string; text: string } | undefined {
  if (result.attrs.type !== 'error') return undefined;
  const error = result.getChild('error');
  return error === undefined ? { condition: '', text: 'no reason given' } : conditionOf(error);
}

export const suffixed = (resource: string): string => `${resource}-${randomBytes(4).toString('hex')}`;
