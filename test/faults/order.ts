/** Order: of the archive's own series, of what came at an app, of what came at the peer. */
import type { Arrival } from './arrivals.ts';
import type { Evidence, Findings } from './audit.ts';
import type { App } from './client.ts';

/** What everybody says is numbered, each app's apart: `managed 7`. A copy for an app without carbons is marked. */
const series = /^(?:→ )?(\w+) (\d+)$/;
/** Of a series, and not of root's. */
export const isNumbered = ({ body }: Arrival): boolean => series.test(body);
const wordsOf = ({ body }: Arrival): string => body.replace(/^→ /, '');
const keyOf = ({ author, id }: Arrival): string => `${author} ${id}`;

/** Each that has a lower number than one of its series before it, with the highest before it. Repeats do not count. */
function* falls(arrivals: readonly Arrival[]): Generator<[late: Arrival, before: Arrival]> {
  const highest = new Map<string, { number: number; arrival: Arrival }>();
  const seen = new Set<string>();
  for (const arrival of arrivals) {
    const [, name, digits] = series.exec(arrival.body) ?? [];
    if (name === undefined || seen.has(wordsOf(arrival))) continue;
    seen.add(wordsOf(arrival));
    const number = Number(digits);
    const before = highest.get(name);
    if (before !== undefined && number < before.number) yield [arrival, before.arrival];
    else highest.set(name, { number, arrival });
  }
}

/** Where each is for the first time. */
function placesOf(arrivals: readonly Arrival[], name: (arrival: Arrival) => string): Map<string, number> {
  const places = new Map<string, number>();
  for (const [index, arrival] of arrivals.entries()) if (!places.has(name(arrival))) places.set(name(arrival), index);
  return places;
}

/** The archive's own series rise: those of each of alice's apps without exception, the peer's but for what the server did. */
export function checkArchive(evidence: Evidence, findings: Findings): void {
  const { archive, apps, peer, bob, since } = evidence;
  const sent = [...apps, peer].flatMap((app) => app.sent);
  const fresh = new Set(sent.filter(({ at }) => at >= since).map(({ id }) => id));
  for (const [late, before] of falls(archive)) {
    if (!fresh.has(late.id!) && !fresh.has(before.id!)) continue; // told with its round
    if (late.author === bob && isServers(evidence, late, before)) findings.serverMisorders++;
    else findings.misordered.push(`${told(late)} in the archive, after ${told(before)}`);
  }
}

/** The server took them in that order, or had them and gave them in that order. */
function isServers({ serverOfAlice, overtakes, serverDied }: Evidence, late: Arrival, before: Arrival): boolean {
  const places = placesOf(serverOfAlice, keyOf);
  const [at, other] = [places.get(keyOf(late)), places.get(keyOf(before))];
  if (at === undefined || other === undefined) return serverDied;
  return at > other || overtakes;
}

/** One conversation has one order (the archive's) at every app, whoever wrote and whatever way it came. */
export function checkOrder({ archive, since }: Evidence, app: App, findings: Findings): void {
  const places = placesOf(archive, wordsOf);
  const last = new Map<string, { place: number; arrival: Arrival }>();
  const seen = new Set<string>();
  for (const arrival of app.arrivals) {
    const place = places.get(wordsOf(arrival));
    const isRepeated = seen.has(wordsOf(arrival)); // also of the round before
    seen.add(wordsOf(arrival));
    if (arrival.at < since || place === undefined || isRepeated) continue;
    const lane = laneOf(app, arrival);
    const before = last.get(lane);
    if (before !== undefined && place < before.place)
      findings.misordered.push(
        `${told(arrival)} at ${app.name}: ${place}, after ${told(before.arrival)}: ${before.place}`,
      );
    else last.set(lane, { place, arrival });
  }
}

/** An app that asks the archive sorts by that: only pages among themselves have an order, and what comes alive on one stream. */
const laneOf = ({ skills }: App, { way, stream }: Arrival): string =>
  skills.archive ? `${way === 'archive' ? 'pages' : 'alive'} on ${stream}` : 'all';

/** At the peer numbers of a series only rise, but for what its server has in order and lets overtake. */
export function checkSeries({ since, serverOfBob }: Evidence, app: App, findings: Findings): void {
  const places = new Map(serverOfBob.map((arrival, index) => [keyOf(arrival), index]));
  const hasBefore = (one: Arrival, other: Arrival) =>
    (places.get(keyOf(one)) ?? Number.POSITIVE_INFINITY) < (places.get(keyOf(other)) ?? Number.NEGATIVE_INFINITY);
  for (const [late, before] of falls(app.arrivals)) {
    if (late.at < since) continue;
    if (hasBefore(late, before)) findings.serverMisorders++;
    else findings.misordered.push(`${told(late)} at ${app.name}, after ${told(before)}`);
  }
}

const told = ({ body, stanzaId, way, isDelayed, stream, at }: Arrival): string =>
  `${body} (${stanzaId}, ${way}${isDelayed ? ', delayed' : ''} on ${stream} at ${new Date(at).toISOString().slice(11)})`;
