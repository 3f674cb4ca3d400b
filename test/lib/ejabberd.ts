/** ejabberd's configuration for tests. It runs without Erlang's distribution, so without epmd and without a node name. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Component, Plan, Recipe } from './servers.ts';

export const ejabberd: Recipe = {
  command: 'erl',
  quirks: ['pep-tells-no-retraction', 'lets-overtake'],
  prepare(plan) {
    const database = join(plan.folder, 'db');
    mkdirSync(database);
    writeFileSync(join(plan.folder, 'ejabberd.yml'), configuration(plan));
    return {
      args: ['+K', 'true', '-noinput', '-mnesia', 'dir', `"${database}"`, '-s', 'ejabberd'],
      env: {
        HOME: plan.folder,
        EJABBERD_CONFIG_PATH: join(plan.folder, 'ejabberd.yml'),
        EJABBERD_LOG_PATH: join(plan.folder, 'ejabberd.log'),
        ERL_CRASH_DUMP_BYTES: '0',
        ERL_LIBS: libraries(),
      },
    };
  },
};

/** Debian puts ejabberd's applications beside the architecture's libraries. */
function libraries(): string {
  const folders = readdirSync('/usr/lib').map((name) => join('/usr/lib', name));
  const found = folders.find((folder) => folder.endsWith('-linux-gnu') && hasEjabberd(folder));
  if (found === undefined) throw new Error('ejabberd is not installed where Debian puts it');
  return found;
}
const hasEjabberd = (folder: string): boolean =>
  existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('ejabberd-'));

const service = (port: number, components: readonly Component[]): string =>
  components.length === 0
    ? ''
    : `  - port: ${port}
    ip: "127.0.0.1"
    module: ejabberd_service
    access: all
    hosts:
${components.map(({ host, secret }) => `      "${host}":\n        password: "${secret}"\n`).join('')}`;

const configuration = (plan: Plan): string => `
loglevel: info
log_rotate_count: 0
hosts: [${plan.domains.map((domain) => `"${domain}"`).join(', ')}]
certfiles: ["${plan.all}"]
ca_file: "${plan.all}"
listen:
  - port: ${plan.port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: all
    starttls_required: true
  - port: ${plan.tlsPort}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: all
    tls: true
${service(plan.componentPort, plan.components)}${service(plan.farPort, plan.farComponents)}auth_method: internal
auth_password_format: plain
registration_timeout: infinity
shaper_rules:
  max_user_sessions: 1000
  max_user_offline_messages: 1000
api_permissions: {}
modules:
  mod_roster: {versioning: true}
  mod_disco: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_ping: {}
  mod_privacy: {}
  mod_blocking: {}
  mod_offline: {}
  mod_private: {}
  mod_vcard: {}
  mod_version: {}
  mod_client_state: {}
  mod_stream_mgmt: {resend_on_timeout: if_offline, resume_timeout: 60}
  mod_mam: {default: always}
  mod_pubsub: {plugins: [flat, pep]}
  mod_muc: {hosts: ["rooms.${plan.domains[0]}"]}
  mod_register: {ip_access: all, access: all, access_from: all}
`;
