/** An app in the single-account view beside one in the account's own view, and a contact. */
import { NS } from '../../src/wire/ns.ts';
import { type Element, xml } from '../../src/wire/xml.ts';
import { available } from './contacts.ts';
import type { RunningProxy } from './proxy.ts';
import { login, type RawClient } from './raw.ts';
import type { Account } from './servers.ts';
import type { World } from './world.ts';

/** The login of the proxy's admin for that account of his. */
export const singleLogin = (proxy: RunningProxy, { jid }: Account): Account => ({
  jid: `${proxy.admin.jid.split('@')[0]}+${jid.split('@')[0]}@${proxy.domain}`,
  password: proxy.admin.password,
});

export interface Cast {
  alice: Account;
  /** Identity view. */
  phone: RawClient;
  /** Single-account view; its resource is the phone's. */
  tablet: RawClient;
  /** A contact, straight at the server. */
  bob: RawClient;
}

export async function cast({ server, proxy }: World, interests: string[] = ['urn:xmpp:ping']): Promise<Cast> {
  const alice = await proxy.account(server, 'alice');
  const bobs = await server.account('bob', server.domains[1]);
  const bob = await login({ ...bobs, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
  const phone = await proxy.login(alice, { resource: 'phone', mechanism: 'SCRAM-SHA-1' });
  const tablet = await proxy.login(singleLogin(proxy, alice), { resource: 'phone', mechanism: 'SCRAM-SHA-256' });
  for (const client of [phone, tablet]) available(client, interests);
  bob.send('<presence/>');
  for (const client of [phone, tablet, bob]) {
    await client.roundtrip();
    client.rest();
  }
  return { alice, phone, tablet, bob };
}

export const enableCarbons = (client: RawClient): Promise<Element> =>
  client.iq('set', undefined, xml('enable', NS.carbons));
