/** Clients with stream management, at an edge with nothing behind it. */
import type { EdgeLink } from '../../src/link/link.ts';
import { Stanza } from '../../src/wire/stanza.ts';
import { xml } from '../../src/wire/xml.ts';
import { domain, type FakeUnit, type World } from './edge.ts';
import { type Endpoint, login, RawClient } from './raw.ts';

/** The unit delivers messages with those bodies. */
export function say(link: EdgeLink, sid: number, ...bodies: string[]): void {
  for (const text of bodies)
    link.deliver([sid], Stanza.of(xml('message', { from: 'bob@home.example/x' }, xml('body', {}, text))));
}

/** Alice, with a session that may be resumed. */
export async function managed(endpoint: Endpoint, unit: FakeUnit): Promise<{ client: RawClient; sid: number }> {
  const known = new Set(unit.told.map(({ sid }) => sid));
  const client = await login({ jid: 'alice@proxy.example', password: 'proxy secret', ...endpoint });
  await client.enableSm();
  const { sid } = await unit.hears('attach', (told) => !known.has(told.sid));
  return { client, sid };
}

/** Authenticated, and ready to bind or resume. */
export async function back(endpoint: Endpoint, user = 'alice'): Promise<RawClient> {
  const client = await RawClient.open(domain, endpoint);
  await client.authenticate(user, user === 'alice' ? 'proxy secret' : 'bob secret');
  return client;
}

export const body = async (client: RawClient): Promise<string | null> =>
  (await client.received(({ name }) => name === 'message')).getChildText('body');

/** Our side has seen the end of alice's streams. */
export async function noticed({ edge, starttls }: World): Promise<void> {
  const bystander = await back(starttls, 'bob');
  await bystander.bind();
  while (edge.sessions().some(({ user, connected }) => user === 'alice' && connected)) await bystander.roundtrip();
  await bystander.close();
}
