/** Every setting, declared once: --help, the check of .env.example, the parser and the type of Config follow. */
import { resolve } from 'node:path';
import type { ComponentPlace } from './component/types.ts';
import {
  between,
  choice,
  readCertificates,
  readComponent,
  readDomain,
  readEnroll,
  readHost,
  readPort,
  readRoutes,
  upTo,
} from './values.ts';

export interface Setting<T> {
  /** In the environment and `.env`; as a flag in lower case with hyphens. */
  key: string;
  summary: string;
  /** What it can be, for people. */
  allowed: string;
  /** Undefined: nothing, and `absent` says what that means. */
  fallback?: string;
  absent?: string;
  /** Its value is never shown. */
  secret?: true;
  /** Undefined for what is not allowed; a thrown error says more. Relative paths are from `folder`. */
  read(text: string, folder: string): T | undefined;
}

type WithFallback<T> = Setting<T> & { fallback: string };
const given = <T>(setting: WithFallback<T>): WithFallback<T> => setting;
const optional = <T>(setting: Setting<T> & { absent: string }): Setting<T> & { absent: string } => setting;

export const settings = {
  domain: given({
    key: 'PROXY_DOMAIN',
    summary: "domain of the proxy's own logins and of root",
    allowed: 'a domain',
    fallback: 'localhost',
    read: readDomain,
  }),
  dataDir: given({
    key: 'DATA_DIR',
    summary: 'folder of everything that is kept',
    allowed: 'a folder; it is made if it is not there',
    fallback: 'data',
    read: (text, folder) => resolve(folder, text),
  }),
  c2sHost: optional({
    key: 'C2S_HOST',
    summary: 'address to listen on for apps',
    allowed: 'an IP address or a host name of this machine',
    absent: 'all addresses',
    read: readHost,
  }),
  c2sPort: given({
    key: 'C2S_PORT',
    summary: 'port for apps, STARTTLS',
    allowed: 'a port from 1 to 65535, or 0 for off',
    fallback: '5222',
    read: readPort,
  }),
  c2sTlsPort: given({
    key: 'C2S_TLS_PORT',
    summary: 'port for apps, TLS from the start',
    allowed: 'a port from 1 to 65535, or 0 for off',
    fallback: '5223',
    read: readPort,
  }),
  c2sPlaintext: given({
    key: 'C2S_PLAINTEXT',
    summary: 'may apps log in without TLS?',
    allowed: 'off, or loopback: from this machine only',
    fallback: 'off',
    read: choice({ off: false, loopback: true }),
  }),
  c2sUnackedStanzas: given({
    key: 'C2S_UNACKED_STANZAS',
    summary:
      'stanzas that an app may leave unacknowledged (XEP-0198); beyond, its stream ends, and the archive has them for it',
    allowed: '500 to 100000',
    fallback: '1000',
    read: between(500, 100_000),
  }),
  c2sUnackedKb: given({
    key: 'C2S_UNACKED_KB',
    summary: 'the same in KiB',
    allowed: '512 to 1048576',
    fallback: '1024',
    read: between(512, 1_048_576),
  }),
  saslPlus: given({
    key: 'SASL_PLUS',
    summary: 'offer channel binding to apps: SCRAM-SHA-256-PLUS and SCRAM-SHA-1-PLUS',
    allowed: 'on or off',
    fallback: 'on',
    read: choice({ on: true, off: false }),
  }),
  tlsCerts: optional({
    key: 'TLS_CERTS',
    summary: 'folder of <domain>.crt and <domain>.key; for a domain without, a self-signed certificate is made',
    allowed: 'a folder',
    absent: 'certs in DATA_DIR',
    read: (text, folder) => resolve(folder, text),
  }),
  enroll: given({
    key: 'ENROLL',
    summary: 'who becomes a user by logging in with an account of another server',
    allowed: 'closed (nobody), open (everybody), or a list of domains',
    fallback: 'closed',
    read: readEnroll,
  }),
  upstreamRoutes: optional({
    key: 'UPSTREAM_ROUTES',
    summary: 'where servers are that are not to be looked up',
    allowed: 'domain=host:port,… or domain=xmpps://host:port for TLS from the start',
    absent: 'all are looked up',
    read: readRoutes,
  }),
  upstreamCa: optional({
    key: 'UPSTREAM_CA',
    summary: 'additional CAs for the certificates of servers',
    allowed: 'a PEM file',
    absent: "Node's own CAs alone",
    read: readCertificates,
  }),
  upstreamPrivate: given({
    key: 'UPSTREAM_PRIVATE',
    summary: 'servers on private or loopback addresses; those of UPSTREAM_ROUTES are always allowed',
    allowed: 'refuse or allow',
    fallback: 'refuse',
    read: choice({ refuse: false, allow: true }),
  }),
  upstreamPlaintext: given({
    key: 'UPSTREAM_PLAINTEXT',
    summary: 'servers without TLS',
    allowed: 'off, or loopback: on this machine only',
    fallback: 'off',
    read: choice({ off: false, loopback: true }),
  }),
  componentPlaintext: given({
    key: 'COMPONENT_PLAINTEXT',
    summary: 'streams of components without TLS, where all that is said can be read underway',
    allowed: 'loopback: to this machine only, or any',
    fallback: 'loopback',
    read: choice({ loopback: false, any: true }),
  }),
  backfillDays: given({
    key: 'BACKFILL_DAYS',
    summary: "days of an account's past that are taken over from its server's archive when it comes here",
    allowed: '0 (none) to 3650',
    fallback: '7',
    read: upTo(3650),
  }),
  archiveDays: given({
    key: 'ARCHIVE_DAYS',
    summary: 'days that messages are kept; people can choose otherwise for themselves',
    allowed: '0 (for ever) to 36500',
    fallback: '0',
    read: upTo(36_500),
  }),
  archiveMb: given({
    key: 'ARCHIVE_MB',
    summary: "what a user's archive may take, in MiB; beyond, the oldest messages go",
    allowed: '0 (no limit) to 1000000',
    fallback: '0',
    read: upTo(1_000_000),
  }),
  workers: given({
    key: 'WORKERS',
    summary: 'worker threads for the accounts; if one breaks, the others and all apps go on',
    allowed: '0 (all in one thread) to 64',
    fallback: '0',
    read: upTo(64),
  }),
  proxyKey: optional({
    key: 'PROXY_KEY',
    summary: 'key that seals the passwords of accounts; better here than as a flag, which others can see',
    allowed: '32 random bytes in base64, or any text of at least 16 characters',
    absent: 'made once in the file key in DATA_DIR',
    secret: true,
    read: (text) => (text.length >= 16 ? text : undefined),
  }),
  logLevel: given({
    key: 'LOG_LEVEL',
    summary: 'how much is logged',
    allowed: 'error, warn, info or debug',
    fallback: 'info',
    read: choice({ error: 'error', warn: 'warn', info: 'info', debug: 'debug' }),
  }),
  logFormat: optional({
    key: 'LOG_FORMAT',
    summary: 'how it is written',
    allowed: 'text or json',
    absent: 'text on a terminal, else json',
    read: choice({ text: 'text', json: 'json' }),
  }),
} as const;

/** A setting that may stand there several times: `COMPONENT_1`, `COMPONENT_2`, … to 99. */
export const component: Setting<ComponentPlace> & { absent: string } = {
  key: 'COMPONENT_1',
  summary: 'a domain of a server whose stanzas come here (XEP-0114): for service addresses; COMPONENT_2, … for more',
  allowed: 'xmpp://svc.example:secret@host:port, xmpps:// for TLS from the start; % in the secret is %25',
  absent: 'none',
  secret: true,
  read: readComponent,
};
export const isComponentKey = (key: string): boolean => /^COMPONENT_[1-9]\d?$/.test(key);
