/** A failure of an account in plain words: what failed, why, the next command. */
import type { Failure, FailureKind } from '../wire/failure.ts';
import { type BareJid, domainOf } from '../wire/jid.ts';
import { fingerprintText, peerText, typed } from './text.ts';

/** For whom, and of which account. */
export interface Situation {
  jid: BareJid;
  /** An account that is kept, by the word that names it; undefined while one is being added. */
  label: string | undefined;
  admin: boolean;
  /** What was given with the command that tried, to be given again: never the password. */
  given?: Given;
  /** A password was among it. */
  password?: boolean;
  /** A change of that account was tried and is not kept. */
  changing?: boolean;
  /** The session must prove the proxy password first. */
  locked?: boolean;
}
export type Given = Readonly<Record<string, string | undefined>>;

/** What failed and why. */
export function explain({ kind, text, fingerprint }: Failure, jid: BareJid): string {
  const domain = domainOf(jid);
  const shown = fingerprint === undefined ? '' : `\nIt shows SHA-256\n${fingerprintText(fingerprint)}`;
  const sentences: Record<FailureKind, string> = {
    refused: `The server of ${domain} refused the address or the password.`,
    certificate: `The certificate of ${domain} cannot be trusted: nobody I know vouches for it.${shown}`,
    pin: `The server of ${domain} shows another certificate than the one trusted before.${shown}`,
    'no-tls': `The server of ${domain} offers no encryption (TLS); without it I send no password.`,
    mechanisms: `The server of ${domain} and I have no way to log in (SASL mechanism) in common.`,
    name: `No server was found for ${domain}: the name does not resolve.`,
    unreachable: `The server of ${domain} cannot be reached.`,
    timeout: `The server of ${domain} did not answer in time.`,
    private: `The server of ${domain} has a private or loopback address, which this proxy refuses.`,
    conflict: `The server of ${domain} ended the session because another took its place.`,
    stream: `The server of ${domain} ended the conversation or spoke no proper XMPP.`,
    lost: `The connection to ${domain} was cut.`,
    crash: `What serves ${jid} in this proxy broke again and again. It stays off.`,
    unopened: `What serves ${jid} in this proxy cannot start now.`,
  };
  const said = peerText(text);
  return said === '' ? sentences[kind] : `${sentences[kind]}\n(${said})`;
}

/** The next command. */
export function advise(failure: Failure, situation: Situation): string {
  const { label, locked, changing } = situation;
  if (label === undefined) return adviseAdding(failure, situation);
  if (changing === true) return adviseChanging(failure, situation);
  const unlock = locked === true ? '`unlock`, then ' : '';
  const again = `${unlock}\`${typed('account on', [label])}\``;
  switch (failure.kind) {
    case 'refused':
      return `Give me the right password: \`${typed('account set', [label, 'password'])}\``;
    case 'certificate':
    case 'pin':
      return failure.fingerprint === undefined
        ? `Ask who runs that server. Then: ${again}`
        : `Ask who runs that server whether this is right. If so: ${unlock}\`${typed('account trust', [label])}\``;
    case 'conflict':
      return `Is the account used by another proxy? When it is not: ${again}`;
    case 'crash':
      return `Tell who runs this proxy. To try again: ${again}`;
    case 'unopened':
      return 'Tell who runs this proxy: the log says why. I go on trying.';
    case 'private':
      return privateAdvice(situation);
    default:
      return `I go on trying where that can help. To try now: ${again}`;
  }
}

/** The command that was tried, once more, with these in place of what was given; a password is asked for anew. */
function again({ jid, label, given, password }: Situation, change: Given = {}): string {
  const options = { ...given, ...change };
  if (label === undefined) return `\`${typed('account add', [jid], options)}\``;
  return `\`${typed('account set', password === true ? [label, 'password'] : [label], options)}\``;
}

function adviseChanging(failure: Failure, situation: Situation): string {
  const { kind, fingerprint } = failure;
  if (kind === 'refused') return `Check it, then: ${again({ ...situation, password: true })}`;
  if (kind === 'private') return privateAdvice(situation);
  if ((kind === 'certificate' || kind === 'pin') && fingerprint !== undefined)
    return `If that is your server's own: ${again(situation, { pin: fingerprint.slice(0, 16) })}`;
  return `Try again later: ${again(situation)}`;
}

function adviseAdding(failure: Failure, situation: Situation): string {
  const elsewhere = situation.admin ? `\nAt another place: ${again(situation, { host: 'name:port' })}` : '';
  switch (failure.kind) {
    case 'refused':
      return `Check both, then: ${again(situation)}`;
    case 'certificate':
    case 'pin':
      if (failure.fingerprint === undefined) return `Ask who runs that server. Then: ${again(situation)}`;
      return `If that is your server's own: ${again(situation, { trust: failure.fingerprint.slice(0, 16) })}`;
    case 'no-tls':
      return `Ask who runs that server to switch TLS on. Then: ${again(situation)}`;
    case 'mechanisms':
      return `Ask who runs that server for SCRAM-SHA-256, SCRAM-SHA-1 or PLAIN. Then: ${again(situation)}`;
    case 'name':
      return `Check the spelling, then: ${again(situation)}${elsewhere}`;
    case 'unreachable':
    case 'timeout':
      return `Try later: ${again(situation)}${elsewhere}`;
    case 'private':
      return privateAdvice(situation);
    case 'conflict':
    case 'stream':
    case 'lost':
    case 'crash':
    case 'unopened':
      return `Try again: ${again(situation)}`;
  }
}

/** UPSTREAM_PRIVATE: an admin can say that it is meant. */
function privateAdvice(situation: Situation): string {
  const domain = domainOf(situation.jid);
  if (!situation.admin) return 'Ask who runs this proxy to allow it.';
  return `If that is meant: ${again(situation, { host: 'address:port' })}
or in the configuration one of
UPSTREAM_ROUTES=${domain}=address:port
UPSTREAM_PRIVATE=allow`;
}
