/** Certificates by domain: given ones, and self-signed ones for domains of ours that have none. */
import type { SecureContext } from 'node:tls';
import { readJid } from '../wire/jid.ts';
import type { Log } from './log.ts';
import { type Loaded, load, make, type Pair, pairsIn, stampOf } from './pair.ts';

export interface Certificates {
  /** What a client that asks for that name (SNI) is shown; undefined for a name that is not ours. */
  secureContext(name: string): SecureContext | undefined;
  /** SHA-256 (hex, lower case) of that domain's certificate. */
  fingerprint(domain: string): string | undefined;
  /** Looks at once for what has changed in the folders; else that is done from time to time, when one is asked for. */
  reload(): void;
}

export interface CertificateOptions {
  /** Where the administrator puts `<domain>.crt` and `<domain>.key`; need not exist. */
  folder: string;
  /** Where self-signed ones are kept; may be the same. */
  made: string;
  /** May a certificate be made for that domain? */
  ours(domain: string): boolean;
  log: Log;
  now?: () => Date;
}

/** Milliseconds: how long a changed file may stay unnoticed. */
const patience = 3000;

/** Reads all that is in the folders; throws an error that names the file where one cannot be used. */
export function openCertificates(options: CertificateOptions): Certificates {
  return new Folders(options);
}

class Folders implements Certificates {
  readonly #options: CertificateOptions;
  readonly #loaded = new Map<string, Loaded & { stamp: string }>();
  /** Stamps of what cannot be used: it is told once, and the one before stays in use. */
  readonly #broken = new Map<string, string>();
  #looked: number;

  constructor(options: CertificateOptions) {
    this.#options = options;
    this.#looked = this.#now;
    for (const [domain, pair] of this.#pairs()) this.#take(domain, pair);
  }

  secureContext(name: string): SecureContext | undefined {
    return this.#find(name)?.context;
  }

  fingerprint(domain: string): string | undefined {
    return this.#find(domain)?.fingerprint;
  }

  reload(): void {
    this.#looked = this.#now;
    this.#try(() => {
      for (const [domain, pair] of this.#pairs()) this.#try(() => this.#refresh(domain, pair));
    });
  }

  get #now(): number {
    return this.#options.now?.().getTime() ?? Date.now();
  }

  #find(name: string): Loaded | undefined {
    const domain = prepare(name);
    if (domain === undefined) return undefined;
    if (Math.abs(this.#now - this.#looked) >= patience) this.reload();
    const known = this.#valid(domain);
    if (known !== undefined || !this.#options.ours(domain)) return known ?? this.#loaded.get(domain);
    this.reload(); // what somebody is putting there now must not be written over
    return this.#valid(domain) ?? (this.#broken.has(domain) ? this.#loaded.get(domain) : this.#make(domain));
  }

  /** Not one that we have made and that has expired. */
  #valid(domain: string): Loaded | undefined {
    const known = this.#loaded.get(domain);
    return known?.expires !== undefined && known.expires <= this.#now ? undefined : known;
  }

  #make(domain: string): Loaded {
    const { log, made } = this.#options;
    const pair = { folder: made, name: domain };
    make(pair, new Date(this.#now));
    const fresh = this.#take(domain, pair);
    log.info('certificate made', { domain, fingerprint: fresh.fingerprint });
    return fresh;
  }

  #take(domain: string, pair: Pair, stamp = stampOf(pair)): Loaded {
    const { expires, ...loaded } = load(pair);
    const fresh = { ...loaded, stamp, expires: pair.folder === this.#options.made ? expires : undefined };
    this.#loaded.set(domain, fresh);
    return fresh;
  }

  #refresh(domain: string, pair: Pair): void {
    const stamp = stampOf(pair);
    if (stamp === this.#loaded.get(domain)?.stamp || stamp === this.#broken.get(domain)) return;
    this.#broken.set(domain, stamp);
    const { fingerprint } = this.#take(domain, pair, stamp);
    this.#broken.delete(domain);
    this.#options.log.info('certificate changed', { domain, fingerprint });
  }

  #try(run: () => void): void {
    try {
      run();
    } catch (reason) {
      const message = (reason as Error).message;
      this.#options.log.error('certificate cannot be used; the one before stays', { reason: message });
    }
  }

  /** Given ones come last: they win. */
  #pairs(): Map<string, Pair> {
    const { folder, made } = this.#options;
    const pairs = [...pairsIn(made), ...(folder === made ? [] : pairsIn(folder))];
    return new Map(pairs.map((pair) => [prepare(pair.name) ?? pair.name, pair]));
  }
}

/** Files may be named after the A-labels of a domain, as SNI always is (RFC 6066 §3). */
function prepare(name: string): string | undefined {
  const domain = readJid(name);
  return domain === undefined || /[@/]/.test(domain) ? undefined : domain;
}
