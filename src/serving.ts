/** Service addresses of the program: what they are told of, and what they tell root and the units. */
import { join } from 'node:path';
import { ServiceFile } from './archive/services.ts';
import type { Bot } from './bot/bot.ts';
import type { Config } from './config.ts';
import { ConflictError, Services } from './jat/services.ts';
import type { Log } from './log.ts';
import type { Pool } from './pool/pool.ts';
import type { Registry } from './registry/types.ts';
import { createServices, type ServiceHall } from './services/services.ts';
import { type BareJid, domainOf } from './wire/jid.ts';

export interface Serving extends ServiceHall {
  /** Root can speak to people from now on. */
  heard(): void;
}

interface ServingNeeds {
  config: Config;
  registry: Registry;
  pool: Pick<Pool, 'refresh'>;
  log: Log;
  bot(): Bot;
}

/** Why an address cannot be as it is wished, in words for an administrator. */
export const isServiceRefusal = (reason: unknown): reason is Error => reason instanceof ConflictError;

/** Nothing happens before it is opened. */
export function openServing({ config, registry, pool, log, bot }: ServingNeeds): Serving {
  const store = new ServiceFile(join(config.dataDir, 'services.sqlite'));
  const hall = createServices({
    domain: config.domain,
    registry,
    configured: config.components,
    ca: config.upstreamCa,
    allowClear: config.componentPlaintext,
    translation: (world) => new Services(world),
    store,
    log,
    targets: (accounts) => tellUnits(accounts, registry, pool, log),
    notice: (notice) => bot().service(notice),
    state: (state) => bot().component(state),
  });
  let isHeard = false;
  store.onTrouble = (reason) => {
    if (reason === undefined) log.info('service addresses: their file can be used again');
    else log.error('service addresses: their file cannot be used', { reason });
    if (isHeard) bot().serviceFile(reason ?? null);
    if (reason === undefined) hall.refresh().catch((error: unknown) => refused(error, log));
  };
  const stop = hall.stop.bind(hall);
  return Object.assign(hall, {
    heard() {
      isHeard = true;
      if (store.trouble !== undefined) bot().serviceFile(store.trouble);
    },
    async stop(within: number) {
      await stop(within);
      await store.close();
    },
  });
}

const refused = (error: unknown, log: Log): void => log.error('service address refused', { reason: String(error) });

/** An account lets the addresses that it answers for see its presence, so its unit has to know them. */
function tellUnits(accounts: ReadonlySet<string>, registry: Registry, pool: Pick<Pool, 'refresh'>, log: Log): void {
  for (const { name, accounts: own } of registry.users)
    if (own.some(({ jid }) => accounts.has(jid)))
      pool.refresh(name).catch((error: unknown) => log.error('unit not told', { user: name, error: String(error) }));
}

/** Account → the addresses that it answers for. */
export function servicesOf({ services }: Pick<Registry, 'services'>): Record<string, string[]> {
  const answering: Record<string, string[]> = {};
  for (const { address, targets } of services)
    for (const { account } of targets) answering[account] = [...(answering[account] ?? []), address];
  return answering;
}

/** Addresses on our own domain, as service discovery lists them. */
export const servicesAt = (
  { services }: Pick<Registry, 'services'>,
  domain: BareJid,
): { jid: string; name: string | undefined }[] =>
  services
    .filter(({ address, enabled }) => enabled && domainOf(address) === domain)
    .map(({ address, name }) => ({ jid: address, name }));
