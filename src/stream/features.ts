/** Stream features (RFC 6120 §4.3.2), one list for each step of a stream. */
import { NS } from '../wire/ns.ts';
import { type Element, serialize, xml } from '../wire/xml.ts';
import type { StreamLimits } from './limits.ts';
import type { Offer } from './offer.ts';

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

/** Before authentication. `offer` is undefined where TLS must come first. */
export function negotiationFeatures(
  { starttls, offer }: { starttls: boolean; offer: Offer | undefined },
  limits: StreamLimits,
): string {
  const required = offer === undefined ? xml('required') : undefined;
  const mechanisms = offer?.mechanisms.map((mechanism) => xml('mechanism', {}, mechanism));
  const bindings = offer?.bindings.map(({ type }) => xml('channel-binding', { type }));
  return text(
    starttls ? xml('starttls', NS.tls, required) : undefined,
    mechanisms && xml('mechanisms', NS.sasl, ...mechanisms),
    bindings?.length ? xml('sasl-channel-binding', NS.saslBinding, ...bindings) : undefined, // XEP-0440
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
