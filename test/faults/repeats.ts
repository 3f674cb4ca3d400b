/** The same message again: under the same archive id, and for a reason. */
import type { Arrival } from './arrivals.ts';
import { type Evidence, type Findings, noteDouble } from './audit.ts';
import type { App } from './client.ts';
import { isNumbered } from './order.ts';

/** Milliseconds that an acknowledgement may be on its way to the disk; one more try after the disk was full is due by then, too. */
const underway = 1000;

/**
 * How long an app may not have been asked for an acknowledgement: milliseconds. Apps that are not here are not judged: `archive` asks for
 * what it missed from the last that it knows, so what comes twice is its own wish; what `peer` is sent is its server's doing, not ours.
 */
const unasked: Record<string, number> = { managed: 4000, plain: 15_000 };

export function findRepeats(evidence: Evidence, app: App, findings: Findings): void {
  const seen = new Map<string, Arrival[]>();
  for (const arrival of app.arrivals) {
    if (arrival.id === undefined || !isNumbered(arrival)) continue;
    const key = `${arrival.author} ${arrival.body}`;
    const earlier = seen.get(key) ?? [];
    seen.set(key, [...earlier, arrival]);
    const before = earlier.at(-1);
    if (before === undefined || arrival.at < evidence.since) continue;
    const isOne = arrival.id === before.id && !differ(arrival.stanzaId, before.stanzaId);
    if (!isOne && app.name !== 'peer') noteDouble(evidence, app.name, before, arrival, findings);
    else {
      const why = isNeedless(evidence, app, earlier, arrival);
      if (why === undefined) findings.repeats++;
      else
        findings.needless.push(
          `${arrival.body} (${arrival.id}) at ${app.name}, ${before.way} on ${before.stream}, ${arrival.way} on ${arrival.stream}: ${why}`,
        );
    }
  }
}

const differ = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && one !== other;

/** Why it need not have come once more, in words. */
function isNeedless(evidence: Evidence, app: App, earlier: readonly Arrival[], again: Arrival): string | undefined {
  const before = earlier.at(-1)!;
  // an app that asks the archive from where it was gets what came meanwhile once more
  const isAsked = before.way !== 'archive' && again.way === 'archive';
  if (before.stream === again.stream && !isAsked && app.name !== 'peer') return 'on one stream';
  if (unasked[app.name] === undefined) return undefined;
  for (const { confirmed, at, stream } of earlier) {
    const end = app.ends[confirmed?.stream ?? stream];
    if (confirmed === undefined) {
      if (end !== undefined && end - at > unasked[app.name]!) return `nobody had asked for ${end - at} ms`;
    } else if (end === undefined || confirmed.stream === again.stream) return 'confirmed on that stream';
    else if (usable(evidence, confirmed.at, end) > underway) return `confirmed ${end - confirmed.at} ms before the end`;
  }
  return undefined;
}

/** Milliseconds of that time in which the disk could take what an app said. */
function usable({ full }: Evidence, from: number, to: number): number {
  const without = full.map((spell) => Math.min(to, spell.to + underway) - Math.max(from, spell.from));
  return without.reduce((left, taken) => left - Math.max(0, taken), to - from);
}
