/** `component`: domains of servers whose stanzas come to us (XEP-0114), for service addresses. */
import type { ComponentFailure, ComponentFailureKind, ComponentPlace } from '../component/types.ts';
import type { HostState } from '../services/types.ts';
import { type BareJid, domainOf, isFull, localOf, readJid } from '../wire/jid.ts';
import { readRoute } from '../wire/route.ts';
import { lengthOf } from './complete.ts';
import type { Context } from './context.ts';
import { command } from './define.ts';
import { defined } from './defined.ts';
import { UsageError } from './error.ts';
import { dateText, fingerprintText, page, peerText, typed, wrap } from './text.ts';
import type { Group } from './tree.ts';
import { wholeFingerprint } from './trial.ts';
import { mendAddress, visible } from './words.ts';

const usualPort = 5347;
const signs: Record<HostState['status'], string> = { online: '●', connecting: '◐', waiting: '◐', off: '○' };

export function readDomain(text: string): BareJid {
  const domain = readJid(mendAddress(text));
  if (domain === undefined || isFull(domain) || localOf(domain) !== '')
    throw new UsageError('That is not a domain. It looks like `svc.example.org`.');
  return domain as BareJid;
}

/** `name:port`, `xmpps://name:port`; what is not said is as usual. */
function routeOf(host: string | undefined, port: number | undefined): string {
  const plain = visible(host ?? '127.0.0.1')
    .trim()
    .toLowerCase()
    .replace(/\/$/, '')
    .replace(/^xmpp:\/\//, '');
  for (const route of [plain, `${plain}:${port ?? usualPort}`]) if (readRoute(route) !== undefined) return route;
  throw new UsageError('`host` is `name`, `name:port`, or `xmpps://name:port` for TLS.');
}

const args = {
  domain: { kind: 'text', label: 'domain' },
  secret: { kind: 'secret', label: "component's secret" },
  host: { kind: 'text', label: 'server', optional: true },
  port: { kind: 'number', label: 'port', optional: true },
  trust: { kind: 'fingerprint', label: 'fingerprint', optional: true },
} as const;

const add = command({
  summary: 'connect as one',
  access: 'admin',
  args,
  words: ['domain', 'secret'],
  example: 'component add svc.example.org host=127.0.0.1:5347',
  next: 'I try it first. Its server must have the same domain and secret. Then: `target add`',
  check({ domain, host, port }, { registry, services }) {
    routeOf(host, port);
    if (domain === undefined) return;
    const name = readDomain(domain);
    if (services.hosts().some((one) => one.host === name && one.configured))
      throw new UsageError(`${name} is in the configuration.`);
    const why = registry.taken({ component: name });
    if (why !== undefined) throw new UsageError(`${why} \`component list\` shows all.`);
  },
  target: ({ domain }) => readDomain(domain),
  async run({ domain, secret, host, port, trust }, context) {
    const { registry, services } = context;
    const name = readDomain(domain);
    const route = routeOf(host, port);
    const place = readRoute(route)!;
    const wanted = { host: name, server: place.host, port: place.port, tls: place.directTls, secret };
    const pin = await tryIt(context, wanted, trust, route);
    await registry.addComponent({ host: name, route, secret, ...defined({ pin }) });
    await services.refresh();
    return [
      'Connected.',
      `Secret stored (${lengthOf(secret)}).`,
      'Next, an address there:',
      typed('target add', [`helpdesk@${name}`, 'account@example.org']),
    ].join('\n');
  },
});

/** Answers the pin to keep. */
async function tryIt(
  { services }: Context,
  place: ComponentPlace,
  trust: string | undefined,
  route: string,
): Promise<string | undefined> {
  const pin = trust?.length === wholeFingerprint ? trust : undefined;
  const failure = await services.tryHost({ ...place, pin });
  if (failure === undefined) return pin;
  const shown = failure.fingerprint;
  if (trust !== undefined && pin === undefined && shown?.startsWith(trust)) {
    const second = await services.tryHost({ ...place, pin: shown });
    if (second === undefined) return shown;
  }
  const again = typed('component add', [place.host], { host: route, trust: shown?.slice(0, 16) });
  throw new UsageError(
    `${explainHost(failure, place)}\nNothing was kept. ${adviseHost(failure, place.host)}\n\`${again}\``,
  );
}

/** What failed and why. */
export function explainHost(
  { kind, text, fingerprint }: ComponentFailure,
  place: Pick<ComponentPlace, 'host' | 'server' | 'port'>,
): string {
  const at = `${place.server}:${place.port}`;
  const shown = fingerprint === undefined ? '' : `\nIt shows SHA-256\n${fingerprintText(fingerprint)}`;
  const sentences: Record<ComponentFailureKind, string> = {
    refused: `The server at ${at} refused the secret of ${place.host}.`,
    'host-unknown': `The server at ${at} knows no component ${place.host}.`,
    conflict: `Another program is connected as ${place.host}.`,
    clear: `${at} is on another machine, and without TLS all that is said could be read underway.`,
    certificate: `The certificate at ${at} cannot be trusted.${shown}`,
    name: `${place.server} does not resolve.`,
    unreachable: `Nothing answers at ${at}.`,
    timeout: `The server at ${at} did not answer in time.`,
    stream: `The server at ${at} ended the stream.`,
    lost: `The connection to ${at} was cut.`,
  };
  const said = peerText(text);
  return said === '' ? sentences[kind] : `${sentences[kind]}\n(${said})`;
}

/** What to do about it, on this side or the other. */
export function adviseHost({ kind }: ComponentFailure, host: string): string {
  switch (kind) {
    case 'refused':
      return `Its configuration must have the same secret for ${host}.`;
    case 'host-unknown':
      return `Its configuration must have ${host} as an external component.`;
    case 'conflict':
      return 'End that one, or give it another domain.';
    case 'clear':
      return 'Take `xmpps://`, a tunnel, or COMPONENT_PLAINTEXT=any.';
    case 'certificate':
      return 'If it is the right one, say so by `trust`.';
    default:
      return 'Check that the server runs and takes components there.';
  }
}

const list = command({
  summary: 'all of them',
  access: 'admin',
  args: { page: { kind: 'number', label: 'page', optional: true } },
  words: ['page'],
  example: 'component list',
  next: '● is connected, ◐ I try again and again. `component show` tells more of one.',
  run({ page: number = 1 }, { registry, services }) {
    const hosts = services.hosts();
    if (hosts.length === 0) return 'There is no component. Add one: `component add svc.example.org`';
    const items = hosts.map(({ host, status, failure }) => {
      const served = registry.services.filter(({ address }) => domainOf(address) === host).length;
      const why = failure === undefined ? '' : `, ${failure.kind}`;
      return [
        `${signs[status]} ${host}`,
        ...wrap(`${status}${why}, ${served === 1 ? '1 address' : `${served} addresses`}`),
      ].join('\n');
    });
    return page(items, number, (next) => `component list ${next}`, 10);
  },
});

const show = command({
  summary: 'one of them, in full',
  access: 'admin',
  args: { domain: { kind: 'text', label: 'domain' } },
  words: ['domain'],
  example: 'component show svc.example.org',
  next: 'I tell how it is doing, what it serves, and the command that would add it again.',
  run({ domain }, context) {
    const { host, status, since, failure, place, configured } = find(domain, context);
    const { server, port, tls, pin } = place;
    const addresses = context.registry.services.filter(({ address }) => domainOf(address) === host);
    const lines = [
      `${signs[status]} ${host}`,
      `${status} since ${dateText(since)} UTC`,
      ...wrap(`server: ${server}:${port}${tls ? ', TLS' : ''}${configured ? ', from the configuration' : ''}`),
    ];
    if (failure !== undefined) lines.push(explainHost(failure, place), adviseHost(failure, host));
    lines.push(...addresses.map(({ address }) => address));
    if (addresses.length === 0) lines.push('No address yet: `target add`');
    const route = `${tls ? 'xmpps://' : ''}${server.includes(':') ? `[${server}]` : server}:${port}`;
    if (!configured) lines.push('To add it again:', typed('component add', [host], { host: route, trust: pin }));
    return lines.join('\n');
  },
});

function find(text: string, { services }: Context): HostState {
  const domain = readDomain(text);
  const found = services.hosts().filter(({ host }) => host === domain || host.startsWith(domain));
  const one = found.find(({ host }) => host === domain) ?? (found.length === 1 ? found[0] : undefined);
  if (one === undefined) throw new UsageError('There is no such component. `component list` shows all.');
  return one;
}

const del = command({
  summary: 'disconnect it for good',
  access: 'admin',
  args: { domain: { kind: 'text', label: 'domain' } },
  words: ['domain'],
  example: 'component del svc.example.org',
  next: 'I ask for a code. Its service addresses must be gone before.',
  target: ({ domain }) => readDomain(domain),
  run({ domain }, context) {
    const { host, configured } = find(domain, context);
    const { registry, services } = context;
    if (configured) throw new UsageError(`${host} is in the configuration: take its COMPONENT_n away there.`);
    const served = registry.services.find(({ address }) => domainOf(address) === host);
    if (served !== undefined) throw new UsageError(`It still serves: \`${typed('target del', [served.address])}\``);
    return {
      text: `This disconnects ${host} and forgets its secret.`,
      async confirm() {
        await registry.removeComponent(host);
        await services.refresh();
        return `${host} is removed. Its server's configuration is as it was.`;
      },
    };
  },
});

export const component: Group = {
  summary: 'domains for services',
  commands: { add, list, show, del },
};
