/** A failure of an account in plain words: what failed, why, the next command. */
import type { Failure, FailureKind } from '../wire/failure.ts';
import { type BareJid, domainOf } from '../wire/jid.ts';
import { fingerprintText, peerText } from './text.ts';

/** For whom, and of which account. */
export interface Situation {
  jid: BareJid;
  /** An account that is kept, by the word that names it; undefined while one is being added. */
  label: string | undefined;
  admin: boolean;
  /** A change of that account was tried and is not kept. */
  changing?: boolean;
  /** The session must prove the proxy password first. */
  locked?: boolean;
}

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
  switch (failure.kind) {
    case 'refused':
      return `Give me the right password: \`account set ${label} password\``;
    case 'certificate':
    case 'pin':
      return failure.fingerprint === undefined
        ? `Ask who runs that server. Then: ${unlock}\`account on ${label}\``
        : `Ask who runs that server whether this is right. If so: ${unlock}\`account trust ${label}\``;
    case 'conflict':
      return `Is the account used by another proxy? When it is not: ${unlock}\`account on ${label}\``;
    case 'private':
      return privateAdvice(situation);
    default:
      return `I go on trying where that can help. To try now: ${unlock}\`account on ${label}\``;
  }
}

function adviseChanging(failure: Failure, situation: Situation): string {
  const { label } = situation;
  const { kind, fingerprint } = failure;
  if (kind === 'refused') return `Check it, then: \`account set ${label} password\``;
  if (kind === 'private') return privateAdvice(situation);
  if ((kind === 'certificate' || kind === 'pin') && fingerprint !== undefined)
    return `If that is your server's own, say the same with \`pin=${fingerprint.slice(0, 16)}\``;
  return `Try again later, or see \`account show ${label}\``;
}

function adviseAdding(failure: Failure, situation: Situation): string {
  const { jid, admin } = situation;
  const again = `\`account add ${jid}\``;
  const host = admin ? `\nAt another place: \`account add ${jid} host=name:port\`` : '';
  switch (failure.kind) {
    case 'refused':
      return `Check both, then: ${again}`;
    case 'certificate':
    case 'pin':
      if (failure.fingerprint === undefined) return `Ask who runs that server. Then: ${again}`;
      return `If that is your server's own: \`account add ${jid} trust=${failure.fingerprint.slice(0, 16)}\``;
    case 'no-tls':
      return `Ask who runs that server to switch TLS on. Then: ${again}`;
    case 'mechanisms':
      return `Ask who runs that server for SCRAM-SHA-256, SCRAM-SHA-1 or PLAIN. Then: ${again}`;
    case 'name':
      return `Check the spelling, then: ${again}${host}`;
    case 'unreachable':
    case 'timeout':
      return `Try later: ${again}${host}`;
    case 'private':
      return privateAdvice(situation);
    case 'conflict':
    case 'stream':
    case 'lost':
      return `Try again: ${again}`;
  }
}

/** UPSTREAM_PRIVATE: an admin can say that it is meant. */
function privateAdvice({ jid, label, admin }: Situation): string {
  const domain = domainOf(jid);
  if (!admin) return 'Ask who runs this proxy to allow it.';
  const command = label === undefined ? `account add ${jid}` : `account set ${label}`;
  return `If that is meant: \`${command} host=address:port\`
or in the configuration one of
UPSTREAM_ROUTES=${domain}=address:port
UPSTREAM_PRIVATE=allow`;
}
