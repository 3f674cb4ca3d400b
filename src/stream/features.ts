/** Stream features (RFC 6120 §4.3.2), one list for each step of a stream. */
import { NS } from '../wire/ns.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import type { Mechanism } from './authority.ts';
import type { StreamLimits } from './limits.ts';

/** XEP-0478. */
const limitsFeature = (bytes: number, idle?: number): Element =>
  xml(
    'limits',
    NS.limits,
    xml('max-bytes', {}, String(bytes)),
    idle === undefined ? undefined : xml('idle-seconds', {}, String(Math.floor(idle / 1000))),
  );

const text = (...features: (Element | undefined)[]): string =>
  `<stream:features>${features.map((feature) => (feature ? serialize(feature) : '')).join('')}</stream:features>`;

/** Before authentication. `mechanisms` is undefined where TLS must come first. */
export function negotiationFeatures(
  { starttls, mechanisms }: { starttls: boolean; mechanisms: readonly Mechanism[] | undefined },
  limits: StreamLimits,
): string {
  const required = mechanisms === undefined ? xml('required') : undefined;
  const offered = mechanisms?.map((mechanism) => xml('mechanism', {}, mechanism));
  return text(
    starttls ? xml('starttls', NS.tls, required) : undefined,
    offered && xml('mechanisms', NS.sasl, ...offered),
    limitsFeature(limits.before.bytes),
  );
}

/** After it: what a session may have. */
export function sessionFeatures(limits: StreamLimits): string {
  return text(
    xml('bind', NS.bind),
    xml('session', NS.session, xml('optional')), // RFC 3921 §3, of no effect
    xml('sm', NS.sm),
    xml('csi', NS.csi),
    xml('ver', NS.ver),
    limitsFeature(limits.after.bytes, limits.idle),
  );
}
