/**
 * What of the account's messages is to be archived (XEP-0441). Whatever comes is archived, for from there apps are given what they
 * missed; what the user wants no archive of is deleted again when every app has had it, and a week later in any case.
 */
import type { ArchivedMessage, Messages } from '../archive/types.ts';
import { StanzaError } from '../wire/error.ts';
import { type BareJid, type Jid, parseJid, withResource } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import type { Stanza } from '../wire/stanza.ts';
import { type Element, xml } from '../wire/xml.ts';
import type { Context } from './context.ts';

type Policy = 'always' | 'never' | 'roster';
const policies: readonly string[] = ['always', 'never', 'roster'];

/** As kept (JSON). */
interface Preferences {
  default: Policy;
  always: readonly Jid[];
  never: readonly Jid[];
  /** The user's word, not merely what the server had before. */
  isSet: boolean;
  /** The server has been told, and has answered. */
  isTold: boolean;
}

/** Addresses in a list. */
const most = 1000;
/** How long what shall not stay does at most: milliseconds. */
const longest = 7 * 24 * 3600_000;

const key = 'archiving';

interface Parts {
  ask(type: 'get' | 'set', payload: Element, done: (response?: Stanza) => void): void;
  isContact(address: BareJid): boolean;
  messages: Pick<Messages, 'forget'>;
  /** Up to there every app has acknowledged all. */
  seen(): number;
}

export class ArchivePreferences {
  readonly #context: Context;
  readonly #parts: Parts;
  #preferences: Preferences = { default: 'always', always: [], never: [], isSet: false, isTold: true };
  /** Places of what shall not stay. */
  readonly #passing = new Set<number>();

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  async load(): Promise<void> {
    const { kept } = this.#context;
    const found = (await kept.read('meta')).find((entry) => entry.key === key);
    if (found !== undefined) this.#preferences = JSON.parse(found.value) as Preferences;
    for (const entry of await kept.read('passing')) this.#passing.add(Number(entry.key));
  }

  /** A client asks for them, or sets them; throws what is wrong with that. */
  take(type: string | undefined, payload: Element): Element {
    if (type === 'set') {
      this.#keep({ ...readPreferences(payload), isSet: true, isTold: false });
      this.#tell();
    }
    return elementOf(this.#preferences);
  }

  /** It has been archived: does it stay? */
  archived({ place, peer, resource }: ArchivedMessage): void {
    if (this.#isWanted(peer as BareJid, resource)) return;
    this.#passing.add(place);
    this.#context.kept.put('passing', String(place), '');
  }

  /** §2.3: a bare address in a list means all of its resources. */
  #isWanted(peer: BareJid, resource: string | undefined): boolean {
    const { always, never, default: policy } = this.#preferences;
    if (policy === 'always' && never.length === 0) return true;
    const full = resource === undefined ? peer : withResource(peer, resource);
    const isIn = (list: readonly Jid[]): boolean => list.includes(peer) || list.includes(full);
    if (isIn(never)) return false;
    return policy === 'always' || isIn(always) || (policy === 'roster' && this.#parts.isContact(peer));
  }

  /** A new session upstream: the server is told what it was not; before the user has said anything, its lists are ours. */
  renewed(): void {
    if (!this.#preferences.isTold) this.#tell();
    else if (!this.#preferences.isSet)
      this.#parts.ask('get', xml('prefs', NS.mam), (response) => this.#learn(response));
  }

  #learn(response: Stanza | undefined): void {
    const prefs = response?.type === 'result' ? response.tree.getChild('prefs', NS.mam) : undefined;
    if (prefs === undefined || this.#preferences.isSet) return;
    try {
      const { always, never } = readPreferences(prefs);
      const { always: before, never: beforeNever } = this.#preferences;
      // what its administrator has chosen as the default is about the server's archive
      if (`${[always, never]}` !== `${[before, beforeNever]}`) this.#keep({ ...this.#preferences, always, never });
    } catch (error) {
      this.#context.log.debug('preferences not understood', { account: this.#context.account, error: String(error) });
    }
  }

  /** So that the server keeps nothing that we shall not keep. */
  #tell(): void {
    const told = this.#preferences;
    if (!this.#context.up.online()) return;
    this.#parts.ask('set', elementOf(told), (response) => {
      if (response !== undefined && this.#preferences === told) this.#keep({ ...told, isTold: true });
    });
  }

  #keep(preferences: Preferences): void {
    this.#preferences = preferences;
    this.#context.kept.put('meta', key, JSON.stringify(preferences));
  }

  /** Now and then: what every app has had, or had the time to get, goes. */
  sweep(): void {
    if (this.#passing.size === 0) return;
    const until = Math.max(this.#parts.seen(), (this.#context.now() - longest) * 1000);
    const going = [...this.#passing].filter((place) => place <= until);
    if (going.length === 0) return;
    const { account, archive, kept, log } = this.#context;
    archive.settle();
    for (const place of going) this.#passing.delete(place);
    this.#parts.messages.forget(account, { places: going }).then(
      () => {
        for (const place of going) kept.remove('passing', String(place));
      },
      (error: unknown) => {
        log.error('messages not deleted', { account, error: String(error) });
        for (const place of going) this.#passing.add(place);
      },
    );
  }
}

function readPreferences(prefs: Element): Pick<Preferences, 'default' | 'always' | 'never'> {
  const policy = String(prefs.attrs.default);
  if (!policies.includes(policy)) throw new StanzaError('bad-request', 'default is always, never or roster');
  return { default: policy as Policy, always: addresses(prefs, 'always'), never: addresses(prefs, 'never') };
}

function addresses(prefs: Element, name: string): Jid[] {
  const texts = prefs.getChild(name)?.getChildren('jid') ?? [];
  if (texts.length > most) throw new StanzaError('resource-constraint', `At most ${most} addresses`);
  return [...new Set(texts.map((jid) => parseJid(jid.getText().trim())))];
}

function elementOf({ default: policy, always, never }: Preferences): Element {
  const list = (name: string, jids: readonly Jid[]): Element =>
    xml(name, {}, ...jids.map((address) => xml('jid', {}, address)));
  return xml('prefs', { xmlns: NS.mam, default: policy }, list('always', always), list('never', never));
}
