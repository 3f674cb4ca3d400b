/** Core sessions whose ledger the test holds, at servers that know XEP-0198. */
import type { SessionState } from '../../src/upstream/types.ts';
import type { FullJid } from '../../src/wire/jid.ts';
import { bindFeature, openAt } from './hostile.ts';
import { type Far, type Play, Scripted } from './scripted.ts';
import { MemoryLedger } from './upstream.ts';

export const span = 2 ** 32;
export const request = '<r xmlns="urn:xmpp:sm:3"/>';
export const handled = (h: number) => new RegExp(`<a xmlns="urn:xmpp:sm:3" h="${h}"/>`);
export const told = (body: string) =>
  `<message from="you@far.example/x" to="me@far.example/xmpproxy-t" type="chat"><body>${body}</body></message>`;
export const presence = '<presence from="you@far.example/x"/>';

export const stateWith = (change: Partial<SessionState> = {}): SessionState => ({
  number: 7,
  id: 'sm7',
  address: 'me@far.example/xmpproxy-t' as FullJid,
  location: undefined,
  h: 3,
  begun: undefined,
  ...change,
});

/** Up to where the client asks for its session. */
export async function asked(far: Far, h: number, id = 'sm1'): Promise<void> {
  await far.login();
  await far.stream(bindFeature, '<sm xmlns="urn:xmpp:sm:3"/>');
  await far.until(new RegExp(`<resume [^>]*h="${h}" previd="${id}"/>`));
}
export const resumed = (id: string, h: number) => `<resumed xmlns="urn:xmpp:sm:3" previd="${id}" h="${h}"/>`;

/** Plays the scripts to their end, whatever comes of the test's part. */
export async function playing(
  plays: Play[],
  run: (opened: ReturnType<typeof openAt>, server: Scripted) => Promise<void>,
  ledger = new MemoryLedger(),
  timing = {},
): Promise<void> {
  const server = await Scripted.start(...plays);
  const opened = openAt(server, timing, undefined, ledger);
  try {
    await run(opened, server);
    await opened.session.stop(500);
    await server.finished();
  } finally {
    await opened.session.stop(0);
    server.close();
  }
}
export const bodies = ({ events }: ReturnType<typeof openAt>): string[] =>
  events.all.flatMap((event) => (event.kind === 'stanza' ? [event.stanza.tree.getChildText('body') ?? ''] : []));

/** Resolves when that holds; it is looked at once a turn. */
export async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`it never was so: ${holds}`);
    await new Promise(setImmediate);
  }
}
