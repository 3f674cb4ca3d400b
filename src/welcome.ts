/** The first admin: made at the first start, and told once how to log in. */
import { randomInt } from 'node:crypto';
import { renderUnicodeCompact } from 'uqr';
import { withColons } from './commands/text.ts';
import type { Registry } from './registry/types.ts';

/** Without letters and digits that are mistaken for each other; 16 of them are worth 79 bits. */
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';

/** Easy to type on a phone: four groups of four. */
export function newPassword(): string {
  const group = () => Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return [group(), group(), group(), group()].join('-');
}

/** The name and fresh password of an admin: the first at the first start, or one asked for by --new-admin. Undefined: nothing to tell. */
export async function prepareAdmin(
  registry: Registry,
  isAsked: boolean,
): Promise<{ name: string; password: string } | undefined> {
  const existing = registry.users.find(({ admin }) => admin);
  if (existing !== undefined && !isAsked) return undefined;
  const password = newPassword();
  if (existing !== undefined) {
    await registry.setUser(existing.name, { password });
    return { name: existing.name, password };
  }
  const name = registry.user('admin') === undefined ? 'admin' : `admin-${newPassword().slice(0, 4)}`;
  await registry.addUser({ name, admin: true, password });
  return { name, password };
}

export interface Welcome {
  name: string;
  password: string;
  domain: string;
  host: string;
  port: number;
  tlsPort: number;
  /** Hex, lower case. */
  fingerprint: string;
}

/** What a person needs to type into an app; printed once and nowhere kept. */
export function welcomeText({ name, password, domain, host, port, tlsPort, fingerprint }: Welcome): string {
  const jid = `${name}@${domain}`;
  const uri = `xmpp:${encodeURI(jid)}`;
  const ports = [port === 0 ? '' : `${port} (STARTTLS)`, tlsPort === 0 ? '' : `${tlsPort} (TLS)`].filter(Boolean);
  return `
Log in with any XMPP app. This is shown once; --new-admin makes a new password.

  address      ${jid}
  password     ${password}
  host         ${host}
  port         ${ports.join(' or ')}
  certificate  SHA-256 ${withColons(fingerprint)}
  link         ${uri}

${renderUnicodeCompact(uri, { border: 2 })}

Then write "help" to root@${domain}, who is in your contact list.
`;
}
