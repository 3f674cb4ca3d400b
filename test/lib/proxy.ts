/** The proxy as people run it: a process of its own, on free ports, with a folder that goes at the end. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SlixLogin } from './client.ts';
import { isMessage, isPresence } from './party.ts';
import { Child, freePort, temporaryFolder } from './process.ts';
import { type Login, login, type RawClient } from './raw.ts';
import type { Account, RealServer } from './servers.ts';

const programs = {
  usual: fileURLToPath(new URL('../../src/index.js', import.meta.url)),
  /** Its workers die when they are told to. */
  mortal: fileURLToPath(new URL('./mortal.js', import.meta.url)),
  /** Its clock can be set. */
  shifting: fileURLToPath(new URL('./shifting.js', import.meta.url)),
};

export interface ProxyOptions {
  /** Its accounts are found there, and its CA is trusted. */
  server?: RealServer;
  env?: Record<string, string>;
  /** One of ours, or the file of another. */
  program?: keyof typeof programs | (string & {});
}

type LoginWords = Partial<Pick<Login, 'resource' | 'mechanism' | 'security' | 'ca'>>;

export class RunningProxy {
  readonly host = '127.0.0.1';
  readonly domain = 'proxy.example';
  readonly port: number;
  readonly tlsPort: number;
  readonly folder: string;
  /** The first admin, as printed by the first start. */
  admin: Account = { jid: '', password: '' };
  readonly #program: string;
  #kills = 0;
  #env: Record<string, string>;
  #child!: Child;
  #chat: RawClient | undefined;

  private constructor(program: string, port: number, tlsPort: number, env: Record<string, string>) {
    this.#program = program;
    this.port = port;
    this.tlsPort = tlsPort;
    this.folder = temporaryFolder('proxy');
    this.#env = env;
  }

  /** A first start in an empty folder. */
  static async start({ server, env = {}, program = 'usual' }: ProxyOptions = {}): Promise<RunningProxy> {
    const file = program in programs ? programs[program as keyof typeof programs] : program;
    if (!existsSync(file)) throw new Error(`${file} is not there: scripts/setup makes it`);
    const upstream = server && { UPSTREAM_ROUTES: server.routes(), UPSTREAM_CA: server.ca };
    const proxy = new RunningProxy(file, await freePort(), await freePort(), { ...upstream, ...env });
    await proxy.start();
    proxy.admin = readAdmin(proxy.output, proxy.domain);
    return proxy;
  }

  get pid(): number {
    return this.#child.process.pid!;
  }

  /** What this run has printed so far, log and all. */
  get output(): string {
    return this.#child.output;
  }

  /** Resolves when it has printed that. */
  prints(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#child.prints(pattern);
  }

  get root(): string {
    return `root@${this.domain}`;
  }

  /** Starts it (again) on the same ports and with what it kept; `env` is added to what it was told before. */
  async start(env: Record<string, string> = {}): Promise<void> {
    this.#env = { ...this.#env, ...env };
    this.#kills = 0;
    this.#child = new Child(join(process.cwd(), 'scripts/node'), [this.#program], {
      name: 'proxy',
      cwd: this.folder,
      env: {
        PROXY_DOMAIN: this.domain,
        DATA_DIR: join(this.folder, 'data'),
        C2S_HOST: this.host,
        C2S_PORT: String(this.port),
        C2S_TLS_PORT: String(this.tlsPort),
        LOG_FORMAT: 'text',
        ...this.#env,
      },
    });
    await this.#child.prints(/^ready/m);
  }

  /** Kills one of the workers, as if it had died: its threads are numbered by their start. Resolves when it is dead. */
  async killWorker(number = 0): Promise<void> {
    this.#kills++;
    this.#child.process.stdin!.write(`kill ${number}\n`);
    await this.#child.prints(new RegExp(`^${this.#kills} killed$`, 'm'));
  }

  /** By so many milliseconds, for a `shifting` one. */
  setClock(by: number): void {
    this.#child.process.stdin!.write(`${by}\n`);
  }

  /** Resolves with how long it took to end, in milliseconds. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    const begin = Date.now();
    this.#chat = undefined;
    await this.#child.stop(signal);
    return Date.now() - begin;
  }

  /** As a crash or a power cut. */
  kill(): Promise<number> {
    return this.stop('SIGKILL');
  }

  /** Resolves with the exit code. */
  get exited(): Promise<number | null> {
    return this.#child.exited;
  }

  /** Where an app connects. */
  endpoint(security: 'starttls' | 'direct' = 'starttls'): { host: string; port: number; security: typeof security } {
    return { host: this.host, port: security === 'direct' ? this.tlsPort : this.port, security };
  }

  /** A raw client: an account's own address and password (identity view), or a user's (merged). */
  login(account: Account, { security, ...words }: LoginWords = {}): Promise<RawClient> {
    return login({ ...account, ...words, ...this.endpoint(security === 'direct' ? 'direct' : 'starttls') });
  }

  /** The same for slixmpp. */
  slix(account: Account, resource: string, words: Partial<SlixLogin> = {}): SlixLogin {
    const { security = 'starttls' } = words;
    return { ...words, jid: `${account.jid}/${resource}`, password: account.password, ...this.endpoint(security) };
  }

  /** Says that to root as the admin, and gives the first answer that fits. */
  async rootSays(text: string, fits: RegExp = /./): Promise<string> {
    this.#chat ??= await this.#openChat();
    return askRoot(this.#chat, this.root, text, fits);
  }

  async #openChat(): Promise<RawClient> {
    const chat = await this.login(this.admin, { resource: 'admin' });
    chat.send('<presence/>');
    await chat.received(isPresence({ from: chat.jid }));
    await chat.roundtrip();
    chat.rest(); // a greeting is no answer
    return chat;
  }

  /** Puts an account of the real server behind the proxy, as the admin's. */
  async add(account: Account, label = account.jid.split('@')[0]!): Promise<void> {
    const answer = await this.rootSays(
      `account add ${account.jid} ${account.password} label=${label}`,
      /Connected|Nothing/,
    );
    if (!answer.includes('Connected')) throw new Error(`root refused ${account.jid}: ${answer}`);
  }

  /** A fresh account of that server, already behind the proxy. */
  async account(server: RealServer, name?: string, domain?: string): Promise<Account> {
    const account = await server.account(name, domain);
    await this.add(account);
    return account;
  }
}

/** One line to root and its answer. */
export async function askRoot(client: RawClient, root: string, text: string, fits: RegExp = /./): Promise<string> {
  client.message(root, text);
  const answer = await client.received(
    (stanza) => isMessage({ from: root })(stanza) && fits.test(stanza.getChildText('body') ?? ''),
    { within: 30_000, what: `root's answer ${fits} to "${text}"` },
  );
  return answer.getChildText('body')!;
}

/** The first start prints them once. */
function readAdmin(output: string, domain: string): Account {
  const jid = new RegExp(`[^\\s"':=]+@${domain.replaceAll('.', '\\.')}`).exec(output)?.[0];
  const password = /password:?\s+(\S+)/i.exec(output)?.[1];
  if (!jid || !password) throw new Error(`the first start printed no admin:\n${output}`);
  return { jid, password };
}
