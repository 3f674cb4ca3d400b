/** What a round has to show: each acknowledged message once, in order, everywhere. */
import type { Arrival } from './arrivals.ts';
import type { App, Sent } from './client.ts';
import { checkArchive, checkOrder, checkSeries } from './order.ts';
import { findRepeats } from './repeats.ts';

export interface Findings {
  /** Messages that were acknowledged to their sender. */
  messages: number;
  /** In words, each. */
  lost: string[];
  doubled: string[];
  misordered: string[];
  /** On the wire twice, and its acknowledgement may have been lost at a break. */
  repeats: number;
  /** On the wire twice without need. */
  needless: string[];
  /** Acknowledged by a server that was killed, and not there any more: in words, each. */
  serverLosses: string[];
  /** Came late from a server that has them in order (ejabberd 23.01 lets what waits for a resumed stream be overtaken), or that has them so. */
  serverMisorders: number;
  /**
   * Came twice, and the server's own archive has it twice (or forgot one, as it was killed): its sender said it once more. ejabberd 23.01 has more of a stream that broke
   * than it says when that is resumed.
   */
  serverDoubles: number;
}

export const nothing = (): Findings => ({
  messages: 0,
  lost: [],
  doubled: [],
  misordered: [],
  repeats: 0,
  needless: [],
  serverLosses: [],
  serverMisorders: 0,
  serverDoubles: 0,
});

/** All that is known when a round is over. */
export interface Evidence {
  /** Bare addresses. */
  alice: string;
  bob: string;
  apps: readonly App[];
  peer: App;
  /** Of the proxy, and of the real server for both. */
  archive: readonly Arrival[];
  serverOfAlice: readonly Arrival[];
  serverOfBob: readonly Arrival[];
  serverDied: boolean;
  /** It may have forgotten, when it was killed, what it had acknowledged (ejabberd's Mnesia writes some time later). */
  isForgetful: boolean;
  /** What waits for a resumed stream may be overtaken there (ejabberd 23.01). */
  overtakes: boolean;
  /** When the disk of the proxy was full: milliseconds since the epoch. */
  full: readonly { from: number; to: number }[];
  /** Since when a message belongs to the round: milliseconds since the epoch. */
  since: number;
}

export function audit(evidence: Evidence): Findings {
  const findings = nothing();
  const { apps, peer, since } = evidence;
  for (const sender of [...apps, peer])
    for (const sent of sender.sent)
      if (sent.at >= since && sent.acknowledgedAt !== undefined && !sent.refused)
        follow(evidence, sender, sent, findings);
  for (const app of [...apps, peer]) findRepeats(evidence, app, findings);
  findDoubles(evidence, findings);
  checkArchive(evidence, findings);
  for (const app of apps) checkOrder(evidence, app, findings);
  checkSeries(evidence, peer, findings);
  return findings;
}

/** All that is known when a run is over. */
export interface LastEvidence extends Archives {
  apps: readonly App[];
  /** Ids of what the archive had when a round was over. */
  kept: ReadonlySet<string>;
  /** Ids of what was counted as a killed server's loss. */
  forgotten: ReadonlySet<string>;
}

/** Of the whole run: what the archive lacks, or has twice. */
export function auditAll({ apps, kept, forgotten, ...archives }: LastEvidence): Findings {
  const { peer, serverDied } = archives;
  const findings = nothing();
  const here = new Set(archives.archive.map(({ id }) => id));
  const atServer = new Set(archives.serverOfAlice.map(({ id }) => id));
  for (const sender of [...apps, peer])
    for (const { id, body, acknowledgedAt, refused } of sender.sent) {
      if (acknowledgedAt === undefined || refused || here.has(id)) continue;
      // what was here once is lost here, whatever the server did
      const isServers = sender === peer && !kept.has(id) && (forgotten.has(id) || (serverDied && !atServer.has(id)));
      (isServers ? findings.serverLosses : findings.lost).push(`${body} (${id}): not at the proxy, at the end`);
    }
  findDoubles(archives, findings);
  return findings;
}

/** One acknowledged message: where is it? */
function follow(evidence: Evidence, sender: App, sent: Sent, findings: Findings): void {
  const { apps, peer, archive, serverOfAlice, serverOfBob, serverDied } = evidence;
  findings.messages++;
  const has = (list: readonly Arrival[]) => list.some(({ id }) => id === sent.id);
  const missing: string[] = [];
  if (!has(archive)) missing.push('the proxy');
  for (const app of apps) if (app !== sender && !has(app.arrivals) && !hasCopy(app, sent)) missing.push(app.name);
  if (sender !== peer && !has(peer.arrivals) && !has(serverOfBob)) missing.push('peer');
  if (missing.length === 0) return;
  // what it was sent and archived for its sender it has taken on; what it sent and does not know it has forgotten
  const tookOn = has(serverOfAlice) || evidence.isForgetful;
  const isServers = sender === peer ? !has(serverOfAlice) : tookOn && missing.join() === 'peer';
  const words = `${sent.body} (${sent.id}) of ${new Date(sent.at).toISOString()}: not at ${missing.join(', ')}`;
  (serverDied && isServers ? findings.serverLosses : findings.lost).push(words);
}

/** An app without carbons gets the body alone, marked. */
const hasCopy = (app: App, { body }: Sent): boolean =>
  !app.skills.carbons && app.arrivals.some((arrival) => arrival.body === `→ ${body}`);

type Archives = Pick<Evidence, 'archive' | 'bob' | 'peer' | 'serverOfAlice' | 'serverDied'>;

function findDoubles(archives: Archives, findings: Findings): void {
  const seen = new Map<string, Arrival>();
  for (const arrival of archives.archive) {
    const key = keyOf(arrival);
    const first = seen.get(key);
    if (first !== undefined) noteDouble(archives, 'archive', first, arrival, findings);
    seen.set(key, arrival);
  }
}

/** What alice says is sent by the proxy, and nobody else can be the cause. */
export function noteDouble(
  { bob, peer, serverOfAlice, serverDied }: Archives,
  where: string,
  first: Arrival,
  second: Arrival,
  findings: Findings,
): void {
  const atServer = new Set(serverOfAlice.filter((one) => keyOf(one) === keyOf(second)).map(({ stanzaId }) => stanzaId));
  // a server that was killed may have forgotten one of those that it was told
  const wasForgotten = serverDied && peer.sent.some(({ id, times }) => id === second.id && times > 1);
  if (second.author === bob && (atServer.size > 1 || wasForgotten)) findings.serverDoubles++;
  else
    findings.doubled.push(
      `${second.body} (${second.id}) at ${where}: ${first.stanzaId} and ${second.stanzaId}; ${atServer.size} at the server`,
    );
}

const keyOf = ({ author, id }: Arrival): string => `${author} ${id}`;
