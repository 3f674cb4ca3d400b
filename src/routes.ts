/** What our own addresses answer: the domain and root. */
import type { Speaker } from './link/door.ts';
import { Mux, type Route } from './wire/mux.ts';
import { NS } from './wire/ns.ts';
import { disco, type Info, type Item } from './xep/disco.ts';
import { last, ping, time, version } from './xep/info.ts';

const uptime = (startedAt: number): Route<Speaker> => last(() => (Date.now() - startedAt) / 1000);

/** The server that merged logins talk to. `items`: what else is at our domain. */
export function domainRoutes(number: string, startedAt: number, items: () => readonly Item[]): Mux<Speaker> {
  const info = (): Info => ({
    identities: [{ category: 'server', type: 'im', name: 'xmpproxy' }],
    features: [...new Set([...mux.features, NS.carbons])].sort(),
  });
  const mux: Mux<Speaker> = new Mux<Speaker>([
    ...disco(info, undefined, items),
    ping,
    time,
    version(() => number),
    uptime(startedAt),
  ]);
  return mux;
}

export const rootRoutes = (number: string, startedAt: number, info: () => Info): Route<Speaker>[] => [
  ...disco(info),
  ping,
  time,
  version(() => number),
  uptime(startedAt),
];
