/** `target`: service addresses, and the accounts that answer there. */
import type { AddressStatus } from '../jat/types.ts';
import { findAnswering, findService, put, readTarget, type Service } from './addresses.ts';
import { command } from './define.ts';
import { UsageError } from './error.ts';
import { add } from './target-add.ts';
import { set } from './target-set.ts';
import { show } from './target-show.ts';
import { count, page, typed, wrap } from './text.ts';
import type { Group } from './tree.ts';

const address = { kind: 'text', label: 'service address' } as const;

const list = command({
  summary: 'all addresses',
  access: 'admin',
  args: { page: { kind: 'number', label: 'page', optional: true } },
  words: ['page'],
  example: 'target list',
  next: '● somebody answers, ✖ nobody, ○ off. `target show` tells more of one.',
  run({ page: number = 1 }, { registry, services }) {
    const all = registry.services;
    if (all.length === 0)
      return 'There is no service address. Add one: `target add helpdesk@svc.example.org desk@example.org`';
    const items = all.map((service) => describe(service, services.status(service.address)));
    return page(items, number, (next) => `target list ${next}`, 8);
  },
});

function describe({ address: name, targets, enabled }: Service, status: AddressStatus | undefined): string {
  const sign = !enabled ? '○' : status?.available ? '●' : '✖';
  const resources = (status?.accounts ?? []).reduce((sum, { resources: all }) => sum + all.length, 0);
  const facts = [count(targets.length, 'account'), count(resources, 'app'), `${status?.open ?? 0} open`];
  return [`${sign} ${name}`, ...wrap(facts.join(', '))].join('\n');
}

const del = command({
  summary: 'take it away',
  access: 'admin',
  args: { address, account: { kind: 'text', label: 'account', optional: true } },
  words: ['address', 'account'],
  example: 'target del helpdesk@svc.example.org',
  next: 'I ask for a code. With an account: that one alone does not answer there any more.',
  target: ({ address: text, account }) => (account === undefined ? text : `${text} ${account}`),
  run({ address: text, account: who }, context) {
    const service = findService(text, context);
    const account = who === undefined ? undefined : readTarget(who);
    const others = service.targets.filter((target) => target.account !== account);
    if (account !== undefined && others.length === service.targets.length)
      throw new UsageError(`${account} does not answer there.`);
    const isWhole = account === undefined || others.length === 0;
    return {
      text: [
        isWhole ? `This takes ${service.address} away,` : `This takes ${account} from ${service.address}.`,
        ...(isWhole ? ['its settings, and who has it in the list.'] : []),
        `Milder: \`${typed(isWhole ? 'target off' : 'target drain', isWhole ? [service.address] : [service.address, account])}\``,
      ].join('\n'),
      async confirm() {
        if (!isWhole) await put(context, { ...service, targets: others }, service);
        else {
          await context.registry.removeService(service.address);
          await context.services.refresh();
        }
        return isWhole ? `${service.address} is gone.` : `${account} does not answer there any more.`;
      },
    };
  },
});

const switching = (enabled: boolean, summary: string, next: string) =>
  command({
    summary,
    access: 'admin',
    args: { address },
    words: ['address'],
    example: `target ${enabled ? 'on' : 'off'} helpdesk@svc.example.org`,
    next,
    target: ({ address: text }) => text,
    async run({ address: text }, context) {
      const service = findService(text, context);
      const word = enabled ? 'on' : 'off';
      if (service.enabled === enabled) return `${service.address} is ${word} already.`;
      await put(context, { ...service, enabled }, service);
      return `${service.address} is ${word}.`;
    },
  });

const drain = command({
  summary: 'no new work for one app',
  access: 'admin',
  args: {
    address,
    who: { kind: 'text', label: 'account or app' },
    end: { kind: 'flag', label: 'end' },
  },
  words: ['address', 'who'],
  example: 'target drain helpdesk@svc.example.org desk-1',
  next: 'What is open there is finished; new work goes to others. `end` gives it new work again.',
  target: ({ address: text, who, end }) => `${text} ${who}${end ? ' end' : ''}`,
  run({ address: text, who, end }, context) {
    const service = findService(text, context);
    const one = findAnswering(who, service, context);
    if (!context.services.drain(service.address, one, !end))
      throw new UsageError(`${one} is gone. \`${typed('target show', [service.address])}\``);
    const back = typed('target drain', [service.address, one]);
    return end ? `${one} gets new work again.` : `${one} gets no new work. To end that: \`${back} end\``;
  },
});

export const target: Group = {
  summary: 'service addresses',
  commands: {
    add,
    list,
    show,
    set,
    on: switching(true, 'let it answer again', 'It is available as soon as somebody answers there.'),
    off: switching(false, 'shut it, keep settings', 'Whoever asks is told at once that nobody is there.'),
    drain,
    del,
  },
};
