/** SASL PLAIN (RFC 4616), the server's side. */
import type { BareJid } from '../wire/jid.ts';
import type { Authority } from './authority.ts';
import { checkAuthzid, type Exchange, loginOf, readText, SaslFailure, type Step } from './sasl.ts';

export function plainExchange(authority: Authority, domain: BareJid, remote: string): Exchange {
  return {
    async step(message): Promise<Step> {
      const parts = readText(message).split('\0');
      const [authzid, name, password] = parts;
      if (parts.length !== 3 || !name || !password) throw new SaslFailure('malformed-request');
      const login = loginOf(name, domain);
      checkAuthzid(authzid!, login);
      // What cannot be a login is known to be none by everybody: nothing is given away by answering at once.
      if (login === undefined) throw new SaslFailure('not-authorized', '', name);
      const verdict = await authority.plain(login, password, remote);
      if (verdict.ok) return { login };
      if (verdict.reason === 'not-authorized') throw new SaslFailure('not-authorized', '', login);
      throw new SaslFailure('temporary-auth-failure', verdict.text);
    },
  };
}
