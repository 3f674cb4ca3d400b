/** From a fresh connection to a bound or resumed session (RFC 6120 §4–7, XEP-0198), one step after the other. */
import { isLoopback } from '../wire/ip.ts';
import { type BareJid, domainOf, type FullJid, localOf } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import { bind, type Enabled, enable } from './binding.ts';
import type { Connection } from './connection.ts';
import { Failed, printable } from './failed.ts';
import { authenticate } from './sasl.ts';
import type { SaltCache } from './scram.ts';
import type { Session } from './session.ts';
import { judge, tlsOptions } from './tls.ts';
import type { Account, UpstreamOptions } from './types.ts';

export interface LoginTerms {
  account: Account;
  options: UpstreamOptions;
  /** Milliseconds for each answer of the server. */
  answer: number;
  resource: string;
  /** A session of before that may still be there. */
  resumable: Session | undefined;
  cache: SaltCache;
}

export interface Login {
  connection: Connection;
  address: FullJid;
  resumed: boolean;
  /** Undefined where the server knows no XEP-0198. */
  enabled: Enabled | undefined;
  /** The server holds back what an inactive client does not need (XEP-0352). */
  csi: boolean;
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
  await authenticate(connection, offer, credentials, terms.cache);
  connection.phase('stream after login', answer);
  const features = await openStream(connection, account.jid);
  const managed = features.getChild('sm', NS.sm) !== undefined;
  const csi = features.getChild('csi', NS.csi) !== undefined;
  connection.phase('resumption', answer);
  if (managed && resumable !== undefined && (await resumed(connection, resumable)))
    return { connection, address: resumable.address, resumed: true, enabled: resumable, csi, early: [] };
  const early: Element[] = [];
  connection.phase('resource binding', answer);
  const address = await bind(connection, account.jid, terms.resource, features, early);
  connection.phase('stream management', answer);
  const enabled = managed ? await enable(connection, early) : undefined;
  connection.phase(undefined);
  return { connection, address, resumed: false, enabled, csi, early };
}

/** Until TLS stands, or need not (`plain`): the features then offered. What comes after may be secret. */
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

async function resumed(connection: Connection, session: Session): Promise<boolean> {
  try {
    return await resume(connection, session);
  } catch (reason) {
    if (reason instanceof Failed) reason.atResumption = true;
    throw reason;
  }
}

/**
 * XEP-0198 §5. False: the session is gone; what it acknowledged at last is noted. It is asked for when the server's `max` is over,
 * too: nothing is hoped for then but that `<failed/>` says how far it got.
 */
async function resume(connection: Connection, { id, h, management }: Session): Promise<boolean> {
  if (id === undefined) return false;
  connection.write(serialize(xml('resume', { xmlns: NS.sm, h: String(h), previd: id })));
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

const unexpected = ({ name }: Element) => new Failed('stream', printable(`<${name}/> was not expected`));
