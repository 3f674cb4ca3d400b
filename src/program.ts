/** Puts the parts together, and takes them apart in reverse order: one file, so that the order can be read. */
import { join } from 'node:path';
import { type Bot, createBot } from './bot/bot.ts';
import { ClockWatch } from './clock.ts';
import { type Config, ConfigError, readVersion } from './config.ts';
import type { AccountState, Answer, Ask, EdgeQuestions, UnitSettings } from './link/link.ts';
import type { Log } from './log.ts';
import { createAuthority, hasAccountAt } from './login.ts';
import { Pool, type PoolOptions } from './pool/pool.ts';
import { UnopenedError } from './pool/standin.ts';
import { freePort } from './ports.ts';
import { openRegistry } from './registry/registry.ts';
import { type Registry, RegistryError } from './registry/types.ts';
import { checkAgainstNothing, checkPassword, defaultIterations } from './registry/verifiers.ts';
import { domainRoutes, rootRoutes } from './routes.ts';
import { isServiceRefusal, openServing, type Serving, servicesAt, servicesOf } from './serving.ts';
import { Edge, type SessionInfo } from './session/edge.ts';
import { openCertificates } from './stream/certificates.ts';
import { systemClock } from './stream/clock.ts';
import { ListenError, type Listening } from './stream/listener.ts';
import { prepareAdmin, welcomeText } from './welcome.ts';
import { type BareJid, parseBare } from './wire/jid.ts';

export interface Program {
  /** For standard output, once; undefined: no secret to tell. */
  welcome: string | undefined;
  /** `starttls=127.0.0.1:5222` and the like. */
  addresses: string[];
  /** Takes over changed certificates at once. */
  reload(): void;
  stop(): Promise<void>;
}

/** How worker threads start, and when one is suspicious, where that is not as usual. */
export type WorkerOptions = Pick<PoolOptions, 'startThread' | 'suspicion'>;

/** How long apps and servers have to hear our goodbye: milliseconds. */
const goodbye = 1000;
/** Before that, components' servers have that long: they are near. */
const shortGoodbye = 300;

/** Certificates we make ourselves, at most, where any domain may enrol: each is a file. */
const mostMade = 200;

/** Rejects with an error in words where the administrator can mend it; then nothing runs any more. */
export async function startProgram(
  config: Config,
  newAdmin: boolean,
  log: Log,
  workers: WorkerOptions = {},
): Promise<Program> {
  const { domain, dataDir } = config;
  const registry = await openRegistry({ file: join(dataDir, 'registry.json'), key: config.proxyKey, domain });
  try {
    return await assemble(config, registry, newAdmin, log, workers);
  } catch (error) {
    await registry.close();
    throw error;
  }
}

async function assemble(
  config: Config,
  registry: Registry,
  newAdmin: boolean,
  log: Log,
  workers: WorkerOptions,
): Promise<Program> {
  const { domain } = config;
  const version = readVersion();
  const certificates = certificatesOf(config, registry, log);
  const authority = createAuthority({
    domain,
    enroll: config.enroll,
    registry,
    pool: { tryLogin: (...words) => pool.tryLogin(...words), refresh: (user) => pool.refresh(user) },
    log,
  });
  const edge = new Edge({
    domain,
    authority,
    certificates,
    log,
    plaintext: config.c2sPlaintext,
    plus: config.saslPlus,
    limits: { unacknowledged: { stanzas: config.c2sUnackedStanzas, bytes: config.c2sUnackedKb * 1024 } },
    iterations: defaultIterations,
    decoySecret: registry.keyFor('decoys'),
  });
  const pool: Pool = new Pool({
    workers: config.workers,
    edge: edge.link,
    settings: (user) => unitSettings(config, registry, user),
    upstream: upstreamOf(config),
    version,
    logLevel: config.logLevel,
    log,
    switchedOff: (user, reason) => bot.switchedOff(user, reason),
    unopened: (user, reason) => bot.unopened(user, reason),
    dropped: (user) => bot.dropped(user),
    ...workers,
  });
  const startedAt = Date.now();
  const clock = new ClockWatch();
  const services = openServing({ config, registry, pool, log, bot: () => bot });
  const bot = openBot({ config, registry, pool, edge, log, version, startedAt, certificates, services });
  const answers: { [K in keyof EdgeQuestions]: (ask: Ask<EdgeQuestions, K>) => Promise<Answer<EdgeQuestions, K>> } = {
    async rememberPassword({ account, password }) {
      const owned = registry.ownerOf(account);
      await registry.setAccount(account, { password, refused: false });
      if (owned !== undefined) await pool.refresh(owned.user.name);
      return null;
    },
    async archive({ user, reason }) {
      bot.archive(user, reason);
      return null;
    },
    async tell({ user, account, text }) {
      bot.relay(user, account, text);
      return null;
    },
    async setProxyPassword({ user, password, by }) {
      try {
        await registry.setUser(user, { password });
        endLogins(edge, user, by);
        return { refusal: null };
      } catch (reason) {
        if (reason instanceof RegistryError) return { refusal: reason.message };
        throw reason;
      }
    },
  };
  const failed = async (error: unknown): Promise<never> => {
    bot.close();
    await Promise.all([edge.stop(), pool.stop(0), services.stop(0)]);
    throw error;
  };
  await services.open().catch(failed);
  const listening = await listen(config, edge, {
    units: { unit: (user) => pool.serving(user) },
    door: bot,
    desk: services.desk,
    routes: domainRoutes(version, startedAt, () => servicesAt(registry, domain)),
    account: (user, state) => accountChanged(registry, bot, log, user, state),
    ask: (what, ask) => answers[what](ask),
    round: () => checkClock(clock, bot, log),
  }).catch(failed);
  services.heard();
  // Not before: what a start that fails makes is told to nobody.
  const admin = await prepareAdmin(registry, newAdmin).catch(failed);
  if (admin !== undefined) endLogins(edge, admin.name);
  for (const { name } of registry.users) pool.unit(name).catch(() => {}); // said in the log by the pool
  const fingerprint = certificates.fingerprint(domain) ?? '';
  return {
    welcome: admin && welcomeText({ ...admin, ...placeOf(config), domain, fingerprint }),
    addresses: listening.map(({ host, port, direct }) => `${direct ? 'tls' : 'starttls'}=${bracketed(host)}:${port}`),
    reload: () => certificates.reload(),
    async stop() {
      bot.close();
      await services.stop(shortGoodbye);
      await Promise.all([edge.stop('system-shutdown'), pool.stop(goodbye)]);
      await registry.close();
    },
  };
}

/** The proxy password is another one: what was opened by the old one is over, but for one session. */
function endLogins(edge: Edge, name: string, except?: number): void {
  const isOne = ({ sid, user, view }: SessionInfo) => sid !== except && user === name && view !== 'identity';
  edge.endSessions(isOne, 'not-authorized', 'The password was changed');
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** What people type into their apps. */
function placeOf({ c2sHost, c2sPort, c2sTlsPort, domain }: Config) {
  const isAny = c2sHost === undefined || c2sHost === '0.0.0.0' || c2sHost === '::';
  return { host: isAny ? domain : c2sHost, port: c2sPort, tlsPort: c2sTlsPort };
}

/** Given ones, and self-signed ones for our domain and those whose accounts may log in here. */
function certificatesOf({ domain, enroll, tlsCerts, dataDir }: Config, registry: Registry, log: Log) {
  const made = new Set<string>();
  const mayEnrol = (name: string): boolean => {
    if (enroll === 'closed') return false;
    if (enroll !== 'open') return enroll.includes(name as BareJid);
    return made.has(name) || made.size < mostMade;
  };
  const ours = (name: string): boolean => {
    if (name === domain || hasAccountAt(registry, name)) return true;
    if (!mayEnrol(name)) return false;
    made.add(name);
    return true;
  };
  try {
    const certificates = openCertificates({ folder: tlsCerts, made: join(dataDir, 'certs'), ours, log });
    certificates.secureContext(domain);
    return certificates;
  } catch (error) {
    throw new ConfigError((error as Error).message, { cause: error });
  }
}

const upstreamOf = (config: Config): UnitSettings['upstream'] => ({
  routes: config.upstreamRoutes ?? {},
  ca: config.upstreamCa,
  allowPrivate: config.upstreamPrivate,
  allowPlaintext: config.upstreamPlaintext,
});

function unitSettings(config: Config, registry: Registry, name: string): UnitSettings | undefined {
  const user = registry.user(name);
  if (user === undefined) return undefined;
  const { mirror, awayText, autoAway, expiry, backlog, accounts } = user;
  const { domain, dataDir } = config;
  return {
    user: name,
    domain,
    root: parseBare(`root@${domain}`),
    accounts: accounts.map(({ jid, label, resource, enabled, route, pin }) => {
      return { jid, label, resource, enabled, route, pin, password: registry.secretOf(jid) };
    }),
    mirror,
    awayText,
    autoAway,
    ...(expiry !== undefined && { expiry: expiry * 3_600_000 }),
    ...(backlog !== undefined && { backlog }),
    backfillDays: config.backfillDays,
    retention: (user.retention ?? config.archiveDays) * 86_400_000,
    quota: (user.quota ?? config.archiveMb) * 1_048_576,
    upstream: upstreamOf(config),
    services: servicesOf(registry),
    archiveDir: join(dataDir, 'archive'),
  };
}

interface BotNeeds {
  config: Config;
  registry: Registry;
  pool: Pool;
  edge: Edge;
  log: Log;
  version: string;
  startedAt: number;
  certificates: ReturnType<typeof openCertificates>;
  services: Serving;
}

function openBot({ config, registry, pool, edge, log, version, startedAt, certificates, services }: BotNeeds): Bot {
  const { domain } = config;
  return createBot({
    outlet: edge.outlet,
    log,
    registry,
    pool,
    routes: (info) => rootRoutes(version, startedAt, info),
    services,
    isRefusal: (reason): reason is Error =>
      reason instanceof RegistryError || reason instanceof UnopenedError || isServiceRefusal(reason),
    clock: { now: Date.now, after: (milliseconds, run) => systemClock.after(milliseconds, run) },
    server: {
      domain,
      version,
      startedAt,
      ...placeOf(config),
      fingerprint: (name) => certificates.fingerprint(name),
    },
    async proves(user, password) {
      const verifiers = registry.user(user)?.verifiers;
      return verifiers === undefined ? checkAgainstNothing(password) : checkPassword(verifiers, password);
    },
    sessions: {
      of: (user) => edge.sessions().filter((session) => session.user === user),
      kick: (wanted, reason) => edge.endSessions(({ sid }) => sid === wanted, 'reset', reason),
      end: (match, reason) =>
        edge.endSessions(
          ({ sid, user, view, bare }) =>
            sid !== match.except &&
            ('user' in match ? user === match.user && view !== 'identity' : bare === match.account),
          'not-authorized',
          reason,
        ),
    },
  });
}

/** A machine that has slept, or waited for the right time since its start, finds its clock ahead: nobody need be told. */
function checkClock(clock: ClockWatch, bot: Bot, log: Log): void {
  const by = clock.look();
  if (by === 0) return;
  log.warn(by < 0 ? 'the clock was set back' : 'the clock was set forward', {
    seconds: Math.round(Math.abs(by) / 1000),
  });
  if (by < 0) bot.clockSetBack(-by);
}

/** Root tells people; the registry knows which passwords servers have refused. */
function accountChanged(registry: Registry, bot: Bot, log: Log, user: string, state: AccountState): void {
  bot.account(user, state);
  const account = registry.ownerOf(state.jid)?.account;
  const isRefused = state.status === 'stopped' && state.failure?.kind === 'refused';
  if (account === undefined || (account.refused ?? false) === isRefused) return;
  if (!isRefused && state.status !== 'online') return;
  registry
    .setAccount(state.jid, { refused: isRefused })
    .catch((error: unknown) => log.error('registry not written', { error: String(error) }));
}

async function listen(config: Config, edge: Edge, behind: Parameters<Edge['listen']>[1]): Promise<Listening[]> {
  const { c2sHost, c2sPort, c2sTlsPort } = config;
  if (c2sPort === 0 && c2sTlsPort === 0)
    throw new ConfigError('C2S_PORT and C2S_TLS_PORT are both 0: no app could log in.');
  try {
    return await edge.listen(
      { host: c2sHost, starttls: c2sPort || undefined, direct: c2sTlsPort || undefined },
      behind,
    );
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const { port, direct } = error.port;
    const key = direct ? 'C2S_TLS_PORT' : 'C2S_PORT';
    const advice =
      error.code === 'EADDRINUSE' ? ` Another program has it; ${key}=${await freePort(port, c2sHost)} is free.` : '';
    throw new ConfigError(`${key}=${port}: ${error.message}.${advice}`, { cause: error });
  }
}
