/** Changes of components and service addresses, as changes.ts has those of users. */
import { type BareJid, domainOf } from '../wire/jid.ts';
import { must, readText } from './changes.ts';
import type { Data, StoredComponent } from './data.ts';
import { misshown, taken } from './names.ts';
import { type ComponentRecord, RegistryError, type ServiceRecord } from './types.ts';

export function addComponent(
  data: Readonly<Data>,
  domain: BareJid,
  { host, route, pin }: ComponentRecord,
  secret: string,
): readonly StoredComponent[] {
  must(taken(data, domain, { component: host }));
  const checkedPin = readText('pin', pin);
  const added = { host, route: readText('route', route) ?? '', ...(checkedPin && { pin: checkedPin }), secret };
  return [...data.components, added];
}

/** What it serves goes first. */
export function removeComponent({ components, services }: Readonly<Data>, host: BareJid): readonly StoredComponent[] {
  findComponent(components, host);
  const served = services.find(({ address }) => domainOf(address) === host);
  if (served !== undefined) throw new RegistryError(`${served.address} is still served there.`);
  return components.filter((component) => component.host !== host);
}

export function findComponent<C extends ComponentRecord>(components: readonly C[], host: BareJid): C {
  const found = components.find((component) => component.host === host);
  if (found === undefined) throw new RegistryError(`There is no component ${host}.`);
  return found;
}

export function addService(data: Readonly<Data>, domain: BareJid, service: ServiceRecord): readonly ServiceRecord[] {
  must(taken(data, domain, { service: service.address }));
  must(misshown(service, domain));
  checkTargets(data.services, service);
  return [...data.services, service];
}

export function setService(
  { services }: Readonly<Data>,
  domain: BareJid,
  service: ServiceRecord,
): readonly ServiceRecord[] {
  findService(services, service.address);
  must(misshown(service, domain));
  checkTargets(services, service);
  return services.map((old) => (old.address === service.address ? service : old));
}

export function removeService({ services }: Readonly<Data>, address: BareJid): readonly ServiceRecord[] {
  findService(services, address);
  return services.filter((service) => service.address !== address);
}

function findService(services: readonly ServiceRecord[], address: BareJid): ServiceRecord {
  const found = services.find((service) => service.address === address);
  if (found === undefined) throw new RegistryError(`There is no service address ${address}.`);
  return found;
}

/** What answers is an account, and no address that hands on to another. */
function checkTargets(services: readonly ServiceRecord[], { address, targets }: ServiceRecord): void {
  if (targets.length === 0) throw new RegistryError(`${address} needs an account that answers.`);
  for (const { account } of targets)
    if (account === address || services.some((other) => other.address === account))
      throw new RegistryError(`${account} is a service address itself.`);
  if (new Set(targets.map(({ account }) => account)).size < targets.length)
    throw new RegistryError('An account stands there twice.');
}
