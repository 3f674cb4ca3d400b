/** `target show`: one address in full. */
import type { AccountStatus, AddressStatus, ResourceStatus } from '../jat/types.ts';
import { resourceOf } from '../wire/jid.ts';
import { acceptance, findService, type Service } from './addresses.ts';
import type { Context } from './context.ts';
import { command } from './define.ts';
import { shown } from './target-set.ts';
import { duration, typed, wrap } from './text.ts';

export const show = command({
  summary: 'one of them, in full',
  access: 'admin',
  args: { address: { kind: 'text', label: 'service address' } },
  words: ['address'],
  example: 'target show helpdesk@svc.example.org',
  next: 'I tell who answers there, what is open, how fast it is, what went wrong last, and what is set.',
  run({ address }, context) {
    const service = findService(address, context);
    const status = context.services.status(service.address);
    const lines: string[] = [service.address];
    if (status === undefined) lines.push('It has just been added.');
    else lines.push(...state(service, status), ...who(service, status, context), ...traffic(status, context));
    return [...lines, ...settings(service), 'To add it again:', ...again(service)].join('\n');
  },
});

function state({ enabled }: Service, { available }: AddressStatus): string[] {
  if (!enabled) return ['○ off'];
  return [available ? '● available' : '✖ nobody answers there'];
}

const who = (service: Service, { accounts }: AddressStatus, context: Context): string[] =>
  accounts.flatMap((account) => [
    ...wrap(
      `${account.account}${account.weight === 1 ? '' : `, weight ${account.weight}`}${account.drained ? ', drained' : ''}`,
    ),
    ...subscription(service, account, context),
    ...account.resources.flatMap(resource),
  ]);

function subscription({ address }: Service, status: AccountStatus, context: Context): string[] {
  const { account, condition, retryAt, resources } = status;
  const wait = retryAt === undefined ? '' : `, again in ${duration(Math.max(0, retryAt - context.clock.now()))}`;
  switch (status.subscription) {
    case 'direct':
      return resources.length > 0 ? [] : ['no app of it is connected here'];
    case 'subscribed':
      return resources.length > 0 ? [] : ['no app of it is online'];
    case 'none':
      return ['not asked yet: its component is not connected'];
    case 'asked':
      return ['asked, no answer yet', ...acceptance(address, account, context)];
    case 'refused':
      return [`it has refused${wait}`, ...acceptance(address, account, context)];
    case 'unreachable':
      return wrap(`its server cannot be reached (${condition ?? 'no answer'})${wait}`);
  }
}

const signs = { no: '●', presence: '◐', drained: '○' } as const;
function resource({ resource: full, health, draining, open, timeouts, presence }: ResourceStatus): string[] {
  const words = [
    health === 'silent'
      ? 'does not answer'
      : draining === 'no'
        ? 'well'
        : draining === 'drained'
          ? 'drained'
          : (presence.show ?? 'low priority'),
    `${open} open`,
    ...(timeouts > 0 ? [`${timeouts} unanswered`] : []),
  ];
  return wrap(`${health === 'silent' ? '✖' : signs[draining]} ${resourceOf(full)}: ${words.join(', ')}`);
}

function traffic(status: AddressStatus, { clock }: Context): string[] {
  const { open, waiting, requestRate, messageRate, latency, subscribers, counters, errors } = status;
  const dropped = Object.entries(counters.dropped).map(([reason, number]) => `${number} ${reason}`);
  const refused = Object.entries(counters.refused).map(([condition, number]) => `${number} ${condition}`);
  return [
    ...wrap(`open: ${open}${waiting > 0 ? `, ${waiting} wait for somebody` : ''}`),
    ...wrap(`a second: ${requestRate.toFixed(1)} requests, ${messageRate.toFixed(1)} messages`),
    ...(latency === undefined
      ? []
      : wrap(`answers: p50 ${latency.p50.toFixed(1)} ms, p99 ${latency.p99.toFixed(1)} ms`)),
    ...wrap(
      `in all: ${counters.requests} requests, ${counters.answered} answered, ${counters.retried} retried, ` +
        `${counters.timeouts} timed out, ${counters.messages} messages`,
    ),
    ...(subscribers > 0 ? [`${subscribers} have it in their list`] : []),
    ...(refused.length > 0 ? wrap(`refused: ${refused.join(', ')}`) : []),
    ...(dropped.length > 0 ? wrap(`dropped: ${dropped.join(', ')}`) : []),
    ...errors.slice(0, 3).flatMap(({ at, condition, resource: by }) => {
      const where = by === undefined ? '' : ` (${resourceOf(by)})`;
      return wrap(`${duration(Math.max(0, clock.now() - at))} ago: ${condition}${where}`);
    }),
  ];
}

function settings({ address: _, targets: __, enabled: ___, ...set }: Service): string[] {
  return Object.entries(set).flatMap(([key, value]) => wrap(`${key}: ${shown(key, value)}`));
}

/** The commands that make it anew. */
function again({ address, targets, enabled: _, avatar: __, ...set }: Service): string[] {
  const given = Object.entries(set).map(([key, value]): [string, string] => [
    key,
    key === 'timeout' ? String(Number(value) / 1000) : shown(key, value).replaceAll(', ', ','),
  ]);
  return [
    ...targets.map(({ account, weight }) =>
      typed('target add', [address, account], { weight: weight === 1 ? undefined : String(weight) }),
    ),
    ...(given.length > 0 ? [typed('target set', [address], Object.fromEntries(given))] : []),
  ];
}
