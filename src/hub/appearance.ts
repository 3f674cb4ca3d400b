/** Our presence in a room, as the room has it, and the nicks that clients have asked for (XEP-0045 §7.6, §7.7). */
import { RecentMap } from '../wire/bounded.ts';
import { type FullJid, withResource } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import { essence, nickIn, statusText } from './muc.ts';
import type { Scene } from './scene.ts';

export class Appearance {
  readonly #up: Context['up'];
  readonly #scene: Scene;
  #shown: Stanza | undefined;
  /** Nick → the client that asked for it last. */
  readonly #nicks = new RecentMap<string, number>(50);

  constructor(up: Context['up'], scene: Scene) {
    this.#up = up;
    this.#scene = scene;
  }

  get #self(): FullJid {
    return withResource(this.#scene.address, this.#scene.nick);
  }

  /** We enter with it. */
  enter(presence: Stanza): void {
    this.#shown = presence;
  }

  /** A client's presence to that address: another nick; or another status, if the client is the `leading` one. */
  update({ sid }: Client, to: Stanza['to'], presence: Stanza, leading: boolean): void {
    const nick = nickIn(to) || this.#scene.nick;
    if (nick === this.#scene.nick) return leading ? this.#send(presence) : undefined;
    this.#nicks.set(nick, sid);
    this.#up.send(presence.textFor(to, undefined));
  }

  /** The account's presence has changed for all to see. */
  show(presence: Stanza): void {
    if (this.#shown === undefined || statusText(presence) !== statusText(this.#shown)) this.#send(presence);
  }

  #send(presence: Stanza): void {
    if (this.#shown !== undefined && essence(presence) === essence(this.#shown)) return;
    if (this.#up.send(presence.textFor(this.#self, undefined))) this.#shown = presence;
  }

  /** That nick is ours now, or refused: which client had asked for it? */
  answered(nick: string): number | undefined {
    const sid = this.#nicks.get(nick);
    this.#nicks.delete(nick);
    return sid;
  }
}
