/** What a round has to show: each acknowledged message once, in order, everywhere. */
import type { Arrival } from './arrivals.ts';
import type { App, Sent } from './client.ts';

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
  /** Acknowledged by a server that was killed, and not there any more. */
  serverLosses: number;
  /** Came late from a server that has them in order: ejabberd 23.01 lets what waits for a resumed stream be overtaken. */
  serverMisorders: number;
  /**
   * Came twice, and the server's own archive has it twice: its sender said it once more. ejabberd 23.01 has more of a stream that broke
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
  serverLosses: 0,
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
  /** Since when a message belongs to the round: milliseconds since the epoch. */
  since: number;
}

/** How long before the end of its stream an arrival may be that comes again: milliseconds. */
const unconfirmed: Record<string, number> = {
  archive: Number.POSITIVE_INFINITY,
  managed: 4000,
  plain: 15_000,
  peer: Number.POSITIVE_INFINITY,
};

export function audit(evidence: Evidence): Findings {
  const findings = nothing();
  const { apps, peer, since } = evidence;
  for (const sender of [...apps, peer])
    for (const sent of sender.sent)
      if (sent.at >= since && sent.acknowledgedAt !== undefined && !sent.refused)
        follow(evidence, sender, sent, findings);
  for (const app of [...apps, peer]) findRepeats(evidence, app, findings);
  findDoubles(evidence, findings);
  for (const app of apps) checkOrder(evidence, app, findings);
  checkSeries(evidence, peer, findings);
  return findings;
}

/** Of the whole run: what the archive lacks, or has twice. What a killed server had lost by then is counted with its round. */
export function auditAll({
  apps,
  peer,
  ...archives
}: Pick<Evidence, 'apps' | 'peer' | 'bob' | 'archive' | 'serverOfAlice'>): Findings {
  const { archive } = archives;
  const findings = nothing();
  const ids = new Set(archive.map(({ id }) => id));
  for (const { sent, name } of [...apps, peer])
    for (const { id, body, acknowledgedAt, refused } of sent)
      if (name !== 'peer' && acknowledgedAt !== undefined && !refused && !ids.has(id))
        findings.lost.push(`${body} (${id}): not at the proxy, at the end`);
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
  if (serverDied && isServers) findings.serverLosses++;
  else
    findings.lost.push(`${sent.body} (${sent.id}) of ${new Date(sent.at).toISOString()}: not at ${missing.join(', ')}`);
}

/** An app without carbons gets the body alone, marked. */
const hasCopy = (app: App, { body }: Sent): boolean =>
  !app.skills.carbons && app.arrivals.some((arrival) => arrival.body === `→ ${body}`);

type Archives = Pick<Evidence, 'archive' | 'bob' | 'serverOfAlice'>;

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
function noteDouble(
  { bob, serverOfAlice }: Archives,
  where: string,
  first: Arrival,
  second: Arrival,
  findings: Findings,
): void {
  const atServer = new Set(serverOfAlice.filter((one) => keyOf(one) === keyOf(second)).map(({ stanzaId }) => stanzaId));
  if (second.author === bob && atServer.size > 1) findings.serverDoubles++;
  else
    findings.doubled.push(
      `${second.body} (${second.id}) at ${where}: ${first.stanzaId} and ${second.stanzaId}; ${atServer.size} at the server`,
    );
}

/** The same message again: under the same archive id, and for a reason. */
function findRepeats(evidence: Evidence, app: App, findings: Findings): void {
  const seen = new Map<string, Arrival>();
  for (const arrival of app.arrivals) {
    if (arrival.id === undefined) continue;
    const key = `${arrival.author} ${arrival.id}`;
    const first = seen.get(key);
    seen.set(key, arrival);
    if (first === undefined || arrival.at < evidence.since) continue;
    const isOne = first.stanzaId === undefined || arrival.stanzaId === undefined || first.stanzaId === arrival.stanzaId;
    if (!isOne && app.name !== 'peer') {
      noteDouble(evidence, app.name, first, arrival, findings);
      continue;
    }
    const end = app.ends[first.stream];
    // an app that asks the archive from where it was gets what came meanwhile once more
    const isAsked = first.way !== 'archive' && arrival.way === 'archive';
    const isOnOne = first.stream === arrival.stream && !isAsked && app.name !== 'peer';
    if (isOnOne || (end !== undefined && end - first.at > unconfirmed[app.name]!))
      findings.needless.push(
        `${arrival.body} (${arrival.id}) at ${app.name}, ${first.way} on ${first.stream}, ${arrival.way} on ${arrival.stream}, ${end === undefined ? 0 : end - first.at} ms`,
      );
    else findings.repeats++;
  }
}

/** What came from one author came in the archive's order. */
function checkOrder({ archive, bob, since }: Evidence, app: App, findings: Findings): void {
  if (app.skills.archive) return; // it sorts by the archive
  const place = new Map<string, number>();
  for (const [index, arrival] of archive.entries()) if (!place.has(keyOf(arrival))) place.set(keyOf(arrival), index);
  let last = -1;
  let before: Arrival | undefined;
  const seen = new Set<string>();
  for (const arrival of app.arrivals) {
    const key = keyOf(arrival);
    const at = place.get(key);
    const isRepeated = seen.has(key); // also of the round before
    seen.add(key);
    if (arrival.at < since || arrival.author !== bob || at === undefined || isRepeated) continue;
    if (before !== undefined && at < last)
      findings.misordered.push(`${told(arrival)} at ${app.name}: ${at}, after ${told(before)}: ${last}`);
    if (at > last) before = arrival;
    last = Math.max(last, at);
  }
}

const told = ({ body, stanzaId, way, isDelayed, stream, at }: Arrival): string =>
  `${body} (${stanzaId}, ${way}${isDelayed ? ', delayed' : ''} on ${stream} at ${new Date(at).toISOString().slice(11)})`;

/** Numbers of a series only rise, but for repeats. */
function checkSeries({ since, serverOfBob }: Evidence, app: App, findings: Findings): void {
  const at = new Map(serverOfBob.map(({ author, id }, index) => [`${author} ${id}`, index]));
  const hasBefore = (one: Arrival, other: Arrival) =>
    (at.get(keyOf(one)) ?? Number.POSITIVE_INFINITY) < (at.get(keyOf(other)) ?? Number.NEGATIVE_INFINITY);
  const last = new Map<string, Arrival>();
  const seen = new Set<string>();
  for (const arrival of app.arrivals) {
    const [, name] = /^(\w+) \d+$/.exec(arrival.body) ?? [];
    if (name === undefined || seen.has(keyOf(arrival))) continue;
    seen.add(keyOf(arrival));
    const before = last.get(name);
    const isLate = before !== undefined && numberOf(arrival) < numberOf(before);
    if (isLate && arrival.at >= since && hasBefore(arrival, before)) findings.serverMisorders++;
    else if (isLate && arrival.at >= since)
      findings.misordered.push(`${told(arrival)} at ${app.name}, after ${told(before)}`);
    if (!isLate) last.set(name, arrival);
  }
}

const keyOf = ({ author, id }: Arrival): string => `${author} ${id}`;
const numberOf = ({ body }: Arrival): number => Number(body.split(' ')[1]);
