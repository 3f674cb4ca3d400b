/** `whoami`, `certificate`: what this login is, and the proof of whom it talks to. */
import { type BareJid, domainOf } from '../wire/jid.ts';
import type { Context } from './context.ts';
import { command } from './define.ts';
import { fingerprintText, serverText } from './text.ts';

const shown = { identity: 'this account', single: 'one of your accounts', merged: 'all your accounts' };

export const whoami = command({
  summary: 'what this login may do',
  access: 'all',
  args: {},
  example: 'whoami',
  next: 'I tell whom I take you for.',
  run(_values, { grant, speaker }) {
    const admin = grant.level === 'admin' ? ', an admin' : '';
    const login = shown[speaker.view];
    // who knows one account's password need not learn whose proxy password to guess
    const name = grant.only === undefined ? [`You are ${grant.user.name}${admin}.`] : [];
    return [...name, 'This app is logged in as', `${speaker.bare}`, `(${login})`, may(grant)].join('\n');
  },
});

function may({ level, user }: Context['grant']): string {
  if (level === 'admin') return 'You may do everything: your accounts, all users, the server.';
  if (level === 'user') return 'You may change your accounts and settings.';
  const more = user.verifiers === undefined ? '' : ' `unlock` opens the rest.';
  return `Here I know this account and nothing else.${more}`;
}

export const certificate = command({
  summary: 'fingerprints to compare',
  access: 'all',
  args: {},
  example: 'certificate',
  next: 'Compare it with what your app shows when it asks whether to trust this server.',
  run(_values, { server, speaker }) {
    const domains = [...new Set<BareJid>([server.domain, domainOf(speaker.bare)])];
    const lines = domains.map((domain) => {
      const hex = server.fingerprint(domain);
      return hex === undefined ? `${domain}: no certificate` : `${domain}, SHA-256:\n${fingerprintText(hex)}`;
    });
    return [...lines, `(${serverText(server)})`].join('\n');
  },
});
