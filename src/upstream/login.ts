/** From a fresh connection to a bound or resumed session (RFC 6120 §4–7, XEP-0198), one step after the other. */
import { randomBytes } from 'node:crypto';
import { StreamError } from '../wire/error.ts';
import { type BareJid, domainOf, type FullJid, isFull, localOf, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { isStanzaName } from '../wire/stanza.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import type { Connection } from './adapter.ts';
import { conditionOf, Failed, printable } from './failed.ts';
import { isLoopback } from './guard.ts';
import { Management } from './management.ts';
import { authenticate } from './sasl.ts';
import type { SaltCache } from './scram.ts';
import { judge, tlsOptions } from './tls.ts';
import type { Account, UpstreamOptions } from './types.ts';

/** A session of before that may still be there. */
export interface Resumable {
  management: Management;
  address: FullJid;
}

export interface LoginTerms {
  account: Account;
  options: UpstreamOptions;
  /** Milliseconds for each answer of the server. */
  answer: number;
  resource: string;
  resumable: Resumable | undefined;
  cache: SaltCache;
}

export interface Login {
  connection: Connection;
  address: FullJid;
  resumed: boolean;
  /** Undefined where the server knows no XEP-0198. */
  management: Management | undefined;
  /** Stanzas that came before XEP-0198 was on: they are not counted. */
  early: Element[];
}

/** On a connection that stands (TCP, direct TLS); throws Failed or StreamError. */
export async function logIn(connection: Connection, terms: LoginTerms): Promise<Login> {
  const { account, answer, resumable } = terms;
  if (localOf(account.jid) === '') throw new Failed('refused', `${account.jid} names no user`);
  const plain = terms.options.allowPlaintext && isLoopback(connection.remote);
  const offer = await secure(connection, terms, plain);
  connection.phase('login', answer);
  const credentials = { username: localOf(account.jid), password: account.password };
  await authenticate(connection, offer, credentials, plain || connection.secure !== undefined, terms.cache);
  connection.phase('stream after login', answer);
  const features = await openStream(connection, account.jid);
  const managed = features.getChild('sm', NS.sm) !== undefined;
  connection.phase('resumption', answer);
  if (managed && resumable !== undefined && (await resumed(connection, resumable.management)))
    return { connection, ...resumable, resumed: true, early: [] };
  const early: Element[] = [];
  connection.phase('resource binding', answer);
  const address = await bind(connection, terms, features, early);
  connection.phase('stream management', answer);
  const management = managed ? await enable(connection, early) : undefined;
  connection.phase(undefined);
  return { connection, address, resumed: false, management, early };
}

/** Until TLS stands, or need not: the features then offered. */
async function secure(
  connection: Connection,
  { account, options, answer }: LoginTerms,
  plain: boolean,
): Promise<Element> {
  connection.phase('stream', answer);
  if (connection.secure !== undefined) {
    trust(connection, account.pin);
    return openStream(connection, account.jid);
  }
  const features = await openStream(connection);
  const starttls = features.getChild('starttls', NS.tls);
  if (plain && account.pin === undefined && starttls?.getChild('required') === undefined) return features;
  if (starttls === undefined) throw new Failed('no-tls', 'the server offers no TLS');
  connection.write(serialize(xml('starttls', NS.tls)));
  const proceed = await connection.read();
  if (proceed.name !== 'proceed' || proceed.attrs.xmlns !== NS.tls)
    throw new Failed('no-tls', 'the server refuses TLS');
  connection.phase('TLS handshake', answer);
  await connection.upgrade(tlsOptions(domainOf(account.jid), options.ca, false));
  trust(connection, account.pin);
  connection.phase('stream after TLS', answer);
  return openStream(connection, account.jid);
}

function trust(connection: Connection, pin: string | undefined): void {
  const distrust = judge(connection.secure!, pin);
  if (distrust !== undefined) throw distrust;
}

/** RFC 6120 §4.7.1: `from` only where TLS hides it. */
async function openStream(connection: Connection, from?: BareJid): Promise<Element> {
  await connection.open(from);
  const features = await connection.read();
  if (features.name !== 'features' || features.attrs.xmlns !== NS.stream) throw unexpected(features);
  return features;
}

async function resumed(connection: Connection, management: Management): Promise<boolean> {
  try {
    return await resume(connection, management);
  } catch (reason) {
    if (reason instanceof Failed) reason.atResumption = true;
    throw reason;
  }
}

/** XEP-0198 §5. False: the session is gone; what it acknowledged at last is noted. */
async function resume(connection: Connection, management: Management): Promise<boolean> {
  if (management.id === undefined) return false;
  connection.write(serialize(xml('resume', { xmlns: NS.sm, h: String(management.h), previd: management.id })));
  const answer = await connection.read();
  if (answer.attrs.xmlns !== NS.sm) throw unexpected(answer);
  if (answer.name === 'resumed') {
    management.acknowledge(answer.attrs.h);
    return true;
  }
  if (answer.name !== 'failed') throw unexpected(answer);
  try {
    if (answer.attrs.h !== undefined) management.acknowledge(answer.attrs.h);
  } catch {
    // A counter that cannot be: all that we kept counts as lost.
  }
  return false;
}

async function bind(connection: Connection, terms: LoginTerms, features: Element, early: Element[]): Promise<FullJid> {
  const own = terms.account.jid;
  if (features.getChild('bind', NS.bind) === undefined) throw new Failed('stream', 'the server binds no resource');
  const request = (resource: string) => xml('bind', NS.bind, xml('resource', {}, resource));
  let result = await ask(connection, own, request(terms.resource), early);
  // RFC 6120 §7.7.2.2: another session has it, and keeps it.
  if (errorOf(result)?.condition === 'conflict')
    result = await ask(connection, own, request(suffixed(terms.resource)), early);
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

/** XEP-0198 §3. */
async function enable(connection: Connection, early: Element[]): Promise<Management | undefined> {
  connection.write(serialize(xml('enable', { xmlns: NS.sm, resume: 'true' })));
  for (;;) {
    const element = await connection.read();
    if (element.attrs.xmlns !== NS.sm) keep(early, element);
    else if (element.name === 'failed') return undefined;
    else if (element.name === 'enabled') {
      const { resume, id } = element.attrs as { resume?: string; id?: string };
      return new Management(resume === 'true' || resume === '1' ? id : undefined);
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

const unexpected = ({ name }: Element) => new Failed('stream', printable(`<${name}/> was not expected`));
