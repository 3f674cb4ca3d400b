/** `target add` */
import type { ServiceRecord } from '../registry/types.ts';
import { type BareJid, domainOf } from '../wire/jid.ts';
import { acceptance, checkPlace, isOurs, put, readServiceAddress, readTarget } from './addresses.ts';
import type { Context } from './context.ts';
import { command } from './define.ts';
import { UsageError } from './error.ts';
import { typed } from './text.ts';

const heaviest = 1000;

export const add = command({
  summary: 'put an account behind one',
  access: 'admin',
  args: {
    address: { kind: 'text', label: 'service address' },
    account: { kind: 'text', label: 'account that answers there' },
    weight: { kind: 'number', label: 'weight', optional: true },
  },
  words: ['address', 'account'],
  example: 'target add helpdesk@svc.example.org desk@example.org',
  next: 'People reach the account there. Again, with another account: both share the work, by weight.',
  check({ address, account, weight }, context) {
    if (weight !== undefined && (weight < 1 || weight > heaviest))
      throw new UsageError(`A weight is from 1 to ${heaviest}.`);
    const at = address === undefined ? undefined : readServiceAddress(address);
    if (at !== undefined) checkAddress(at, context);
    const who = account === undefined ? undefined : readTarget(account);
    if (at !== undefined && who !== undefined) checkTarget(at, who, context);
  },
  target: ({ address, account }) => `${readServiceAddress(address)} to ${readTarget(account)}`,
  async run({ address: text, account: who, weight = 1 }, context) {
    const { registry } = context;
    const address = readServiceAddress(text);
    const account = readTarget(who);
    const before = registry.services.find((service) => service.address === address);
    const fresh = { address, targets: [], enabled: true };
    await put(context, withTarget(before ?? fresh, account, weight), before);
    return [
      before === undefined ? 'People reach it at' : 'The work is shared at',
      address,
      ...acceptance(address, account, context),
      `How it is doing: \`${typed('target show', [address])}\``,
    ].join('\n');
  },
});

function withTarget(service: Readonly<ServiceRecord>, account: BareJid, weight: number): ServiceRecord {
  const others = service.targets.filter((target) => target.account !== account);
  return { ...service, targets: [...others, { account, weight }] };
}

function checkAddress(address: BareJid, context: Context): void {
  checkPlace(address, context);
  if (context.registry.services.some((service) => service.address === address)) return;
  const why = context.registry.taken({ service: address });
  if (why !== undefined) throw new UsageError(`${why} Choose another address.`);
}

function checkTarget(address: BareJid, account: BareJid, context: Context): void {
  const { registry, server, services } = context;
  if (
    registry.services.some((service) => service.address === account) ||
    services.hosts().some(({ host }) => host === domainOf(account))
  )
    throw new UsageError(`${account} is a service address itself. Name the account that is to answer.`);
  // what is on our own domain has no server that could ask another
  if (domainOf(address) === server.domain && !isOurs(account, context))
    throw new UsageError(
      `At ${server.domain} only accounts of this proxy can answer. Add it, \`account add ${account}\`, or take an address of a component.`,
    );
}
