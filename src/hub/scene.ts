/** What a room shows to who enters it (XEP-0045 §7.1), kept up to date from what the room tells us. */
import type { BareJid, FullJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import { History, type Past, wishOf } from './history.ts';
import { affiliationOf, codesOf, compact, nickIn, noSubject, selfPresence, withDelay } from './muc.ts';
import { Occupants } from './occupants.ts';

/** §16.6.2: codes of one moment, not of the room as it is. */
const passing: ReadonlySet<string> = new Set(['110', '201', '210']);

/** §10.2.1: what a message about the configuration changes in the codes that who enters is shown. */
const configuring: Readonly<Record<string, { code: string; holds: boolean }>> = {
  170: { code: '170', holds: true },
  171: { code: '170', holds: false },
  172: { code: '100', holds: true },
  173: { code: '100', holds: false },
};

export class Scene {
  readonly address: BareJid;
  readonly occupants = new Occupants();
  readonly history: History;
  /** Our own. */
  nick: string;
  #subject: Stanza | undefined;
  /** Codes of our first self-presence: who else may see us, whether the room is logged. */
  #standing = new Set<string>();

  constructor(address: BareJid, nick: string) {
    this.address = address;
    this.nick = nick;
    this.history = new History(address);
  }

  /** Our affiliation as last seen. */
  get affiliation(): string {
    const self = this.occupants.get(this.nick);
    return self === undefined ? 'none' : affiliationOf(self);
  }

  /** Our first self-presence, which ends the list of occupants. */
  entered(self: Stanza): void {
    this.#standing = new Set([...codesOf(self)].filter((code) => !passing.has(code)));
  }

  configured(message: Stanza): void {
    for (const given of codesOf(message)) {
      const change = configuring[given];
      if (change?.holds) this.#standing.add(change.code);
      else if (change !== undefined) this.#standing.delete(change.code);
    }
  }

  /** False if the subject is what it was. `at`: it is set now; left out where the room tells how things stand. */
  setSubject(message: Stanza, at?: number): boolean {
    const before = this.#subject?.tree.getChildText('subject');
    this.#subject = compact(at === undefined ? message : withDelay(message, this.address, at));
    return before === undefined || before !== message.tree.getChildText('subject');
  }

  /** All that the room would send, in its order; `older`: what was said before what is here. */
  welcome(join: Stanza, to: FullJid, now: number, older: readonly Past[] = []): Stanza[] {
    const others = [...this.occupants.all()].filter(([nick]) => nick !== this.nick).map(([, presence]) => presence);
    return [
      ...others,
      ...this.#self(join),
      ...this.history.wished(wishOf(join, now), to, older),
      this.#subject ?? noSubject(this.address),
    ];
  }

  /** §7.2.2: 210 where another nick was asked. */
  #self(join: Stanza): Stanza[] {
    const self = this.occupants.get(this.nick);
    const codes = ['110', ...this.#standing];
    if (nickIn(join.to) !== this.nick) codes.push('210');
    return self === undefined ? [] : [selfPresence(self, codes, join.id)];
  }
}
