/** The registry's records as components and translation take them. */
import type { ComponentPlace } from '../component/types.ts';
import { type AddressSettings, defaultLimits, defaultSettings, type Rate } from '../jat/types.ts';
import type { ComponentRecord, ServiceRecord } from '../registry/types.ts';
import { readRoute } from '../wire/route.ts';

export function placeOf({ host, route, pin }: ComponentRecord, secret: string): ComponentPlace {
  const { host: server, port, directTls } = readRoute(route)!;
  return { host, server, port, tls: directTls, secret, pin };
}

export function settingsOf(record: ServiceRecord): AddressSettings {
  const { avatar, open, rate, total, name, category, type, allow, ...rest } = record;
  return {
    ...defaultSettings,
    ...rest,
    allow: allow ?? [],
    name,
    category,
    type,
    avatar: avatar && { mime: avatar.mime, data: Buffer.from(avatar.data, 'base64') },
    limits: {
      ...defaultLimits,
      open: open ?? defaultLimits.open,
      requestsOfSender: rateOf(rate),
      requests: rateOf(total),
    },
  };
}

/** Two seconds' worth at once: what comes together is not what comes too fast. */
const rateOf = (perSecond: number | undefined): Rate | undefined =>
  perSecond === undefined ? undefined : { perSecond, burst: perSecond * 2 };
