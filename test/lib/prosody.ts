/** Prosody's configuration for tests. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan, Recipe } from './servers.ts';

const modules = [
  ...['roster', 'saslauth', 'tls', 'disco', 'carbons', 'ping', 'register_ibr', 'smacks', 'mam', 'pep', 'blocklist'],
  ...['offline', 'vcard4', 'vcard_legacy', 'private', 'csi', 'version', 'time', 'bookmarks'],
];
const tunedModules = ['roster', 'saslauth', 'tls', 'disco', 'carbons', 'ping', 'register_ibr'];

export const prosody: Recipe = {
  command: 'prosody',
  quirks: [],
  prepare(plan) {
    mkdirSync(join(plan.folder, 'data'));
    writeFileSync(join(plan.folder, 'prosody.cfg.lua'), configuration(plan));
    return { args: ['-F', '--config', join(plan.folder, 'prosody.cfg.lua')], env: {} };
  },
};

const list = (names: readonly string[]): string => `{ ${names.map((name) => `"${name}"`).join(', ')} }`;

const componentPorts = ({ components, componentPort, farComponents, farPort }: Plan): number[] => [
  ...(components.length > 0 ? [componentPort] : []),
  ...(farComponents.length > 0 ? [farPort] : []),
];

/** What people write, with the free port in place of the usual one, before and behind what they have. */
function written({ lines, componentPort }: Plan): { top: string; end: string } {
  const own = lines.map((line) => line.replace(/\b5347\b/, String(componentPort)));
  const first = own.findIndex((line) => line.startsWith('Component '));
  const at = first < 0 ? own.length : first;
  return { top: own.slice(0, at).join('\n'), end: own.slice(at).join('\n') };
}

// Plain password storage, so that every SCRAM mechanism can be offered and a login costs no PBKDF2.
const configuration = (plan: Plan): string => `
run_as_root = true
pidfile = "${plan.folder}/prosody.pid"
data_path = "${plan.folder}/data"
interfaces = { "127.0.0.1" }
c2s_ports = { ${plan.port} }
c2s_direct_tls_ports = { ${plan.tlsPort} }
s2s_ports = {}
s2s_direct_tls_ports = {}
${written(plan).top || `component_ports = { ${componentPorts(plan).join(', ')} }`}
component_interfaces = { "127.0.0.1" }
http_ports = {}
https_ports = {}
modules_enabled = ${list(plan.tuned ? tunedModules : modules)}
modules_disabled = { "s2s", "posix" }
allow_registration = true
c2s_require_encryption = ${!plan.tuned}
allow_unencrypted_plain_auth = ${plan.tuned}
authentication = "internal_plain"
storage = "internal"
archive_expires_after = "never"
max_archive_query_results = 50
smacks_hibernation_time = 60
ssl = { key = "${plan.key}"; certificate = "${plan.cert}" }
log = { { levels = { min = "${plan.tuned ? 'warn' : 'info'}" }; to = "console" } }
network_settings = { nagle = false }
${plan.tuned ? 'gc = { mode = "generational" }' : ''}
${plan.domains.map((domain) => `VirtualHost "${domain}"`).join('\n')}
${[...plan.components, ...plan.farComponents].map(({ host, secret }) => `Component "${host}"\n  component_secret = "${secret}"`).join('\n')}
${plan.tuned ? '' : `Component "rooms.${plan.domains[0]}" "muc"`}
${written(plan).end}
`;
