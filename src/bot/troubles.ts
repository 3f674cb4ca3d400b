/**
 * What is the matter with components, service addresses and archives: admins hear of it once per change, when it has lasted, and when
 * it is over. Root's presence tells them meanwhile.
 */
import { adviseHost, explainHost } from '../commands/component.ts';
import { typed } from '../commands/text.ts';
import type { ComponentFailureKind, ComponentState } from '../component/types.ts';
import type { Notice } from '../jat/types.ts';
import type { HostState } from '../services/types.ts';
import type { Clock, Timer } from '../wire/clock.ts';
import { resourceOf } from '../wire/jid.ts';

/** How long what may pass by itself has to last: milliseconds. */
export const lasting = 60_000;

/** What a person has to mend, so it is told at once. */
const urgent: ReadonlySet<ComponentFailureKind> = new Set([
  'refused',
  'host-unknown',
  'conflict',
  'clear',
  'certificate',
]);

interface Trouble {
  what: string;
  text: string;
  /** A few words, for a presence status. */
  short: string;
  /** Who hears of it beside the admins. */
  user: string | undefined;
  told: boolean;
  timer: Timer | undefined;
}

const archiveOf = (user: string): string => `archive of ${user}`;

export interface TroubleParts {
  clock: Clock;
  hosts(): readonly HostState[];
  /** To all admins, and to that user: now, or when an app of theirs is there. */
  tell(text: string, user?: string): void;
  /** The same to all admins but that user. */
  tellOthers(text: string, user: string): void;
  /** To the apps of that user that are there. */
  tellApps(text: string, user: string): void;
  /** Root's health is another now. */
  changed(): void;
}

export class Troubles {
  readonly #parts: TroubleParts;
  readonly #all = new Map<string, Trouble>();

  constructor(parts: TroubleParts) {
    this.#parts = parts;
  }

  /** What a contact list shows; undefined: all is well. */
  get status(): string | undefined {
    const told = [...this.#all.values()].filter((trouble) => trouble.told).map(({ short }) => short);
    if (told.length === 0) return undefined;
    return told.length > 3 ? `${told.slice(0, 3).join('; ')}; and ${told.length - 3} more` : told.join('; ');
  }

  component({ host, status, failure }: ComponentState): void {
    if (status === 'online') return this.#over(host, `${host} is connected again.`);
    if (status === 'off') return this.#over(host, undefined);
    if (failure === undefined || status !== 'waiting') return;
    const place = this.#parts.hosts().find((one) => one.host === host)?.place;
    if (place === undefined) return;
    const text = `The component ${host} is not connected.\n${explainHost(failure, place)}\n${adviseHost(failure, host)}\nI go on trying.`;
    this.#raise(host, failure.kind, text, `${host}: ${failure.kind}`, urgent.has(failure.kind) ? 0 : lasting);
  }

  service({ kind, address, account, resource, condition }: Notice): void {
    const key = `${address} ${account}`;
    const accept = `Whoever has that account must accept the subscription request of\n${address}`;
    const more = `\`${typed('target show', [address])}\` tells more.`;
    switch (kind) {
      case 'asked':
        return this.#raise(
          key,
          kind,
          `${account} has not accepted yet that I see when it is online.\n${accept}`,
          `${address}: not accepted`,
          lasting,
        );
      case 'refused':
        return this.#raise(
          key,
          kind,
          `${account} has refused that I see when it is online, so ${address} cannot reach it.\n${accept}`,
          `${address}: refused`,
          0,
        );
      case 'unreachable':
        return this.#raise(
          key,
          kind,
          `${account} cannot be reached (${condition ?? 'no answer'}), so nobody answers at ${address}.\n${more}`,
          `${address}: ${account} unreachable`,
          lasting,
        );
      case 'accepted':
        return this.#over(key, undefined);
      case 'empty':
        return this.#raise(
          address,
          kind,
          `Nobody answers at ${address} any more.\n${more}`,
          `${address}: nobody there`,
          lasting,
        );
      case 'available':
        return this.#over(address, `${address} is available again.`);
      case 'silent':
        return this.#raise(
          `${key} ${resource}`,
          kind,
          `${resource === undefined ? account : resourceOf(resource)} answers nothing at ${address}; others get its work.\n${more}`,
          `${address}: ${resource === undefined ? account : resourceOf(resource)} is silent`,
          0,
        );
      case 'answers':
        return this.#over(
          `${key} ${resource}`,
          `${resource === undefined ? account : resourceOf(resource)} answers again at ${address}.`,
        );
    }
  }

  serviceFile(reason: string | null): void {
    const key = 'service addresses';
    if (reason === null) return this.#over(key, 'What service addresses keep can be used again. All goes on.');
    const text = `What service addresses keep cannot be used:
${reason}
Until it can, what would have to be kept is refused; so is all that is for an address of which it could not be read. I go on trying.`;
    this.#raise(key, key, text, `${key}: file cannot be used`, 0);
  }

  archive(user: string, reason: string | null): void {
    const key = archiveOf(user);
    if (reason === null) {
      if (this.unopenedOf(user) === undefined)
        return this.#over(key, `The archive of ${user} can be written again. All goes on.`);
      this.#tellUnopened(`What serves ${user} runs again. All goes on.`, user);
      return this.#over(key, undefined);
    }
    const text = `The archive of ${user} cannot be written:
${reason}
Until it can, what apps send is refused, and what others send waits at the server. I go on trying.`;
    this.#raise(key, key, text, key, 0, user);
  }

  /** The user's own apps hear it now, or as they come (`unopenedOf`). */
  unopened(user: string, reason: string): void {
    const text = `${reason}
Until it can, accounts of ${user} are offline, and apps of ${user} have me alone: what they send comes back. I go on trying.`;
    this.#raise(archiveOf(user), 'unopened', text, `${user}: cannot start`, 0, user);
  }

  /** Nothing serves that user any more, and nothing shall. */
  dropped(user: string): void {
    this.#over(archiveOf(user), undefined);
  }

  /** What is to be said to an app of that user, which has root alone. */
  unopenedOf(user: string): string | undefined {
    const trouble = this.#all.get(archiveOf(user));
    return trouble?.what === 'unopened' ? trouble.text : undefined;
  }

  close(): void {
    for (const { timer } of this.#all.values()) timer?.cancel();
    this.#all.clear();
  }

  #raise(key: string, what: string, text: string, short: string, after: number, user?: string): void {
    const known = this.#all.get(key);
    if (known?.what === what) return;
    known?.timer?.cancel();
    const trouble: Trouble = { what, text, short, user, told: false, timer: undefined };
    this.#all.set(key, trouble);
    if (after === 0) this.#tell(trouble);
    else trouble.timer = this.#parts.clock.after(after, () => this.#tell(trouble));
    if (known?.told) this.#parts.changed();
  }

  #tell(trouble: Trouble): void {
    trouble.told = true;
    if (trouble.what === 'unopened') this.#tellUnopened(trouble.text, trouble.user!);
    else this.#parts.tell(trouble.text, trouble.user);
    this.#parts.changed();
  }

  #tellUnopened(text: string, user: string): void {
    this.#parts.tellOthers(text, user);
    this.#parts.tellApps(text, user);
  }

  /** `text` is said where the trouble was. */
  #over(key: string, text: string | undefined): void {
    const known = this.#all.get(key);
    if (known === undefined) return;
    known.timer?.cancel();
    this.#all.delete(key);
    if (!known.told) return;
    if (text !== undefined) this.#parts.tell(text, known.user);
    this.#parts.changed();
  }
}
