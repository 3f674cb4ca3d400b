/** Real servers for end-to-end tests: throwaway, on free ports of 127.0.0.1, with a certificate authority of their own. */
import { randomBytes } from 'node:crypto';
import { makeCertificates } from './certificates.ts';
import { ejabberd } from './ejabberd.ts';
import { Child, freePort, listening, temporaryFolder } from './process.ts';
import { prosody } from './prosody.ts';
import { register } from './raw.ts';
import type { Security } from './raw-stream.ts';

export type Kind = 'prosody' | 'ejabberd';
/** What a server does differently, where a test must know. */
export type Quirk =
  /** Nobody is told that a PEP item was retracted (XEP-0060 §7.2), even when the publisher asks for it. */
  | 'pep-tells-no-retraction'
  /** What waits for a stream that is resumed (XEP-0198 §5) may be overtaken by what comes in that moment. */
  | 'lets-overtake';

export interface Account {
  jid: string;
  password: string;
}

/** Where a server's files are and what it is to serve. */
export interface Plan {
  folder: string;
  domains: readonly string[];
  port: number;
  tlsPort: number;
  cert: string;
  key: string;
  all: string;
  /** Nothing but what the benchmark needs, plain TCP, tuned. */
  tuned: boolean;
  /** Where components connect (XEP-0114), and which there may be. */
  componentPort: number;
  components: readonly Component[];
  /**
   * The same for those that are none of the proxy's. COMPAT: what is for one host of a port ejabberd 23.01 gives to whichever component
   * of that port it likes.
   */
  farPort: number;
  farComponents: readonly Component[];
  /** Of Prosody's own configuration, as people write it: for the whole server, then what begins with a Component. */
  lines: readonly string[];
}

/** A component host and what it proves itself by. */
export interface Component {
  host: string;
  secret: string;
}

/** How one kind of server is run. */
export interface Recipe {
  command: string;
  /** Writes the configuration; gives arguments and environment. */
  prepare(plan: Plan): { args: string[]; env: Record<string, string> };
  quirks: readonly Quirk[];
}

const recipes: Record<Kind, Recipe> = { prosody, ejabberd };

export const hasQuirk = (kind: Kind, quirk: Quirk): boolean => recipes[kind].quirks.includes(quirk);

export interface ServerOptions {
  domains?: readonly string[];
  tuned?: boolean;
  components?: readonly Component[];
  farComponents?: readonly Component[];
  lines?: readonly string[];
}

/** Starts one and waits until it takes connections. */
export async function startServer(kind: Kind, options: ServerOptions = {}): Promise<RealServer> {
  const domains = options.domains ?? ['work.example', 'home.example'];
  const folder = temporaryFolder(kind);
  const certificates = await makeCertificates(folder, domains);
  const { tuned = false, components = [], farComponents = [], lines = [] } = options;
  const plan: Plan = {
    folder,
    domains,
    port: await freePort(),
    tlsPort: await freePort(),
    componentPort: await freePort(),
    components,
    farPort: await freePort(),
    farComponents,
    lines,
    ...certificates,
    tuned,
  };
  const server = new RealServer(kind, plan, certificates.ca);
  await server.start();
  return server;
}

export class RealServer {
  readonly kind: Kind;
  readonly domains: readonly string[];
  readonly host = '127.0.0.1';
  /** STARTTLS. */
  readonly port: number;
  /** Direct TLS. */
  readonly tlsPort: number;
  readonly componentPort: number;
  readonly components: readonly Component[];
  readonly farPort: number;
  /** PEM file. */
  readonly ca: string;
  readonly #start: () => Child;
  #child: Child | undefined;

  constructor(kind: Kind, plan: Plan, ca: string) {
    this.kind = kind;
    this.domains = plan.domains;
    this.port = plan.port;
    this.tlsPort = plan.tlsPort;
    this.componentPort = plan.componentPort;
    this.components = plan.components;
    this.farPort = plan.farPort;
    this.ca = ca;
    const { args, env } = recipes[kind].prepare(plan);
    this.#start = () => new Child(recipes[kind].command, args, { name: kind, env, cwd: plan.folder });
  }

  /** The first domain. */
  get domain(): string {
    return this.domains[0]!;
  }

  get pid(): number {
    return this.#child!.process.pid!;
  }

  has(quirk: Quirk): boolean {
    return hasQuirk(this.kind, quirk);
  }

  /** Starts it (again), on the same ports and with what it kept. */
  async start(): Promise<void> {
    if (this.#child?.running) return;
    this.#child = this.#start();
    await Promise.all([listening(this.port, this.#child), listening(this.tlsPort, this.#child)]);
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
  }

  /** As a crash or a power cut: no stream is closed. */
  async kill(): Promise<void> {
    await this.#child?.stop('SIGKILL');
  }

  /** A fresh account; `name` begins its localpart. */
  async account(name = 'user', domain = this.domain): Promise<Account> {
    const account = {
      jid: `${name}-${randomBytes(3).toString('hex')}@${domain}`,
      password: randomBytes(6).toString('hex'),
    };
    await this.register(account);
    return account;
  }

  /** Makes that very account, by in-band registration (XEP-0077). */
  async register({ jid, password }: Account, security: Security = 'starttls'): Promise<void> {
    await register({ jid, password, host: this.host, port: this.port, security });
  }

  /** For `COMPONENT_n`; `port`: where a pipe to the component port begins. */
  componentSettings(port = this.componentPort): Record<string, string> {
    const url = ({ host, secret }: Component) => `xmpp://${host}:${secret}@${this.host}:${port}`;
    return Object.fromEntries(this.components.map((component, at) => [`COMPONENT_${at + 1}`, url(component)]));
  }

  /** For `UPSTREAM_ROUTES`. */
  routes(scheme: 'starttls' | 'direct' = 'starttls'): string {
    const target = scheme === 'direct' ? `xmpps://${this.host}:${this.tlsPort}` : `${this.host}:${this.port}`;
    return this.domains.map((domain) => `${domain}=${target}`).join(',');
  }
}
