/** Service addresses and who answers there, as people write them. */
import type { ServiceRecord } from '../registry/types.ts';
import { type BareJid, bare, domainOf, type FullJid, isFull, type Jid, readJid } from '../wire/jid.ts';
import type { Context } from './context.ts';
import { UsageError } from './error.ts';
import { mendAddress } from './words.ts';

export type Service = Readonly<ServiceRecord>;

function read(text: string): Jid {
  const address = readJid(mendAddress(text));
  if (address === undefined) throw new UsageError('That is not an address. It looks like `helpdesk@svc.example.org`.');
  return address;
}

/** A domain, or a name at one. */
export function readServiceAddress(text: string): BareJid {
  const address = read(text);
  if (isFull(address)) throw new UsageError('A service address has nothing behind a `/`.');
  return address;
}

/** By address, or the unique start of it. */
export function findService(text: string, { registry: { services } }: Pick<Context, 'registry'>): Service {
  const word = mendAddress(text).toLowerCase();
  const exact = services.find(({ address }) => address === readJid(word));
  if (exact !== undefined) return exact;
  const found = services.filter(({ address }) => word !== '' && address.startsWith(word));
  if (found.length === 1) return found[0]!;
  if (found.length > 1)
    throw new UsageError(
      `More than one fits:\n${found
        .map(({ address }) => address)
        .slice(0, 8)
        .join('\n')}`,
    );
  throw new UsageError('There is no such service address. `target list` shows all.');
}

/** Who is to answer: an account. */
export function readTarget(text: string): BareJid {
  const address = read(text);
  if (!address.includes('@')) throw new UsageError('Who answers is an account: `desk@example.org`.');
  return bare(address);
}

/** An account of that address, or one of its resources; a resource alone if only one has it. */
export function findAnswering(text: string, service: Service, { services }: Context): BareJid | FullJid {
  const word = mendAddress(text);
  const { address, targets } = service;
  const accounts = services.status(address)?.accounts ?? [];
  const resources = accounts.flatMap(({ resources: all }) => all.map(({ resource }) => resource));
  const given = readJid(word);
  const known = [...targets.map(({ account }) => account as Jid), ...resources].find((one) => one === given);
  if (known !== undefined) return known;
  const named = resources.filter((resource) => resource.endsWith(`/${word.replace(/^\//, '')}`));
  if (named.length === 1) return named[0]!;
  throw new UsageError(`Nobody of that name answers at ${address}. \`target show ${address}\` shows who does.`);
}

/** Can there be an address? Not where no server of ours and no component is. */
export function checkPlace(address: BareJid, { server, services }: Pick<Context, 'server' | 'services'>): void {
  const host = domainOf(address);
  if (host === server.domain || services.hosts().some((one) => one.host === host)) return;
  throw new UsageError(
    `I have no component for ${host}. First: \`component add ${host}\`; or take an address at ${server.domain}.`,
  );
}

/** Is it an account or a login of this proxy? */
export const isOurs = (account: BareJid, { registry, server }: Pick<Context, 'registry' | 'server'>): boolean =>
  registry.ownerOf(account) !== undefined || domainOf(account) === server.domain;

/** What whoever has that account must know; empty where nothing has to be done. */
export function acceptance(
  address: BareJid,
  account: BareJid,
  context: Pick<Context, 'registry' | 'server'>,
): string[] {
  if (isOurs(account, context) || domainOf(address) === context.server.domain) return [];
  return [`${account} must accept the subscription request of`, `${address} (once; most bots do it by themselves).`];
}

/** Sets one address as it is to be; what cannot be beside the others is taken back. Undefined: there was none before. */
export async function put(
  { registry, services }: Pick<Context, 'registry' | 'services'>,
  service: ServiceRecord,
  before: Service | undefined,
): Promise<void> {
  await (before === undefined ? registry.addService(service) : registry.setService(service));
  try {
    await services.refresh();
  } catch (reason) {
    await (before === undefined ? registry.removeService(service.address) : registry.setService(before));
    await services.refresh();
    throw reason;
  }
}
