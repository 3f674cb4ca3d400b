/** What is said in a room that the account is in: live, as history, in private; and what of ours the room may never have got. */
import type { BareJid, FullJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import type { Audience } from './audience.ts';
import type { Context } from './context.ts';
import { Mentions } from './mentions.ts';
import { isHistory, isSubject, nickIn, stampOf } from './muc.ts';
import type { Phase } from './occupancy.ts';
import { ownPlaceIn } from './place.ts';
import type { Privates } from './privates.ts';
import { archivePast } from './roompast.ts';
import type { Scene } from './scene.ts';

/** Of the history that a room tells on our return, at most. */
const mostTold = 1000;

/** The stay in the room, as what is said in it has to know it. */
export interface Stay {
  readonly address: BareJid;
  readonly context: Context;
  readonly scene: Scene;
  readonly audience: Audience;
  readonly privates: Privates;
  phase(): Phase;
  /** A client enters, and hears the past as the room tells it; else that is for what we missed. */
  isClients(): boolean;
  isDetached(): boolean;
  /** Since when we are in: milliseconds since the epoch. */
  joined(): number;
  self(): FullJid;
  /** History and subject are complete. */
  filled(): void;
}

export class RoomTalk {
  readonly #stay: Stay;
  readonly #mentions = new Mentions();
  /** History told on entering, until it is complete. */
  #told: Stanza[] = [];
  /** Messages the room may never have got. */
  #again: { message: Stanza; tell(isMissing: boolean): void }[] = [];

  constructor(stay: Stay) {
    this.#stay = stay;
  }

  /** We ask to enter: the room will tell its history. */
  begin(): void {
    this.#told = [];
  }

  /** It has told it. */
  complete(): void {
    if (this.#stay.isClients()) this.#archiveTold();
    else this.#recall();
  }

  /** What was said while we were out. */
  #recall(): void {
    const { scene, joined } = this.#stay;
    for (const message of scene.history.fresh(this.#told.splice(0), joined())) this.#live(message);
  }

  /** What the room told the first of us; of an earlier stay the archive may have it. */
  #archiveTold(): void {
    const { context, address } = this.#stay;
    void archivePast(context.archive, address, this.#told.splice(0)).catch((error: unknown) =>
      context.log.error('history of a room not archived', { room: address, error: String(error) }),
    );
  }

  /** A message that the room may never have got: `tell` comes once the room has told us what it did get. */
  again(message: Stanza, tell: (isMissing: boolean) => void): void {
    this.#again.push({ message, tell });
  }

  /** What the room does not have goes once more. */
  repeat(): void {
    const { scene, self } = this.#stay;
    for (const { message, tell } of this.#again.splice(0)) tell(scene.history.find(self(), message.id) === undefined);
  }

  /** It is over: what will never reach the room. */
  giveUp(undelivered: (message: Stanza) => void): void {
    for (const { message, tell } of this.#again.splice(0)) {
      undelivered(message);
      tell(false);
    }
  }

  groupchat(message: Stanza): void {
    const { scene, phase, isClients, filled } = this.#stay;
    if (isSubject(message)) return this.#subject(message);
    const isDelayed = stampOf(message) !== undefined;
    if (phase() === 'filling' && !isDelayed) filled();
    if (isDelayed && !isClients()) {
      if (phase() === 'entering' || phase() === 'filling') return this.#tells(message);
      if (scene.history.knows(message)) return;
    }
    scene.configured(message);
    this.#live(message);
  }

  /**
   * The room's history; and what the server sends once more because an earlier session of ours never acknowledged it (XEP-0198
   * §6), which may come at any time.
   */
  #tells(message: Stanza): void {
    this.#told.push(message);
    if (this.#told.length > mostTold) this.#told.shift();
  }

  #subject(message: Stanza): void {
    const { context, scene, audience, phase, isClients, filled } = this.#stay;
    if (phase() === 'entering' && !isClients()) return; // of an earlier stay: the room will tell it
    const isFilling = phase() === 'filling';
    if (isFilling && !isClients()) this.#recall();
    const isNews = scene.setSubject(message, isFilling ? undefined : context.now());
    if (isNews || !isFilling || isClients()) audience.tell(message);
    if (isFilling) filled();
  }

  #live(message: Stanza): void {
    const { context, scene, audience, isClients } = this.#stay;
    if (isClients() && stampOf(message) !== undefined) return this.#past(message);
    const isSent = nickIn(message.from) === scene.nick;
    const { stanza, isRepeated } = context.archive.take(message, { isSent });
    if (isRepeated) return;
    if (isHistory(stanza)) scene.history.add(stanza, context.now());
    audience.tell(stanza);
    if (!isClients()) this.#relay(stanza, false);
  }

  /** Told to who enters first. */
  #past(message: Stanza): void {
    const { context, scene, audience } = this.#stay;
    if (isHistory(message)) scene.history.add(message, context.now());
    if (isHistory(message)) this.#tells(message);
    audience.tell(message);
  }

  /** From an occupant to us alone (§7.5): for the clients that are in, or the first that will be. */
  private(message: Stanza): void {
    const { context, audience, privates } = this.#stay;
    const { stanza, place, isRepeated } = context.archive.take(message, { isSent: false });
    if (isRepeated) return;
    const { members } = audience;
    // who is behind finds in the archive what is there
    const due = [...members].filter((sid) => place === undefined || context.clients.get(sid)?.isBehind === false);
    if (members.size > 0) return audience.tell(stanza, due, place);
    if (place === undefined) return;
    privates.add(stanza, context.now());
    this.#relay(stanza, true);
  }

  /** Has the room told us that message of ours, between those places in the archive? */
  hasSaid({ id, tree }: Stanza, { since, until }: { since: number; until: number }): boolean {
    const { context, scene, self } = this.#stay;
    const said = scene.history.find(self(), id);
    if (said === undefined || said.tree.getChildText('body') !== tree.getChildText('body')) return false;
    const place = ownPlaceIn(said.tree, context.account) ?? 0;
    return place > since && place <= until;
  }

  #relay(message: Stanza, isPrivate: boolean): void {
    const { address, context, scene, isDetached } = this.#stay;
    const body = message.tree.getChildText('body');
    const from = nickIn(message.from);
    if (!isDetached() || !body || from === '' || from === scene.nick) return;
    const who = `${from} in ${address}`;
    const text = this.#mentions.take(who, body, scene.nick, isPrivate, context.now());
    if (text !== undefined) context.tell(text);
  }
}
