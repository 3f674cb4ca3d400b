/** How root speaks to one session or login: texts, receipts, and signs that an answer takes time. */
import type { DoorOutlet, Speaker } from '../link/door.ts';
import type { Clock, Timer } from '../wire/clock.ts';
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { Stanza } from '../wire/stanza.ts';
import { hasChild, xml } from '../wire/xml.ts';

/** XEP-0184 §5.1: a receipt is asked for, and there is an id to name in it. */
export const wantsReceipt = ({ tree, id, type }: Stanza): boolean =>
  id !== undefined && type !== 'error' && type !== 'groupchat' && hasChild(tree, 'request', NS.receipts);

/** XEP-0184 §5.2, to the session that asked. */
export function sendReceipt(outlet: DoorOutlet, root: BareJid, { bare, sid }: Speaker, request: Stanza): void {
  const received = xml('received', { xmlns: NS.receipts, id: request.id });
  outlet.send(bare, Stanza.of(xml('message', { type: request.type, from: root }, received)), sid);
}

/** Root is there, and says in its status what is the matter. The resource is that of the presence which hubs send for it. */
export const healthOf = (root: BareJid, trouble: string | undefined): Stanza =>
  Stanza.of(
    xml(
      'presence',
      { from: `${root}/xmpproxy` },
      ...(trouble === undefined ? [] : [xml('show', {}, 'away'), xml('status', {}, trouble)]),
    ),
  );

/** XEP-0085: `composing` while an answer takes longer than a second. */
export class Composing {
  readonly #clock: Clock;
  readonly #send: () => void;
  #timer: Timer | undefined;

  constructor(clock: Clock, outlet: DoorOutlet, root: BareJid, { bare, sid }: Speaker, only: () => number | undefined) {
    this.#clock = clock;
    const composing = () => xml('message', { type: 'chat', from: root }, xml('composing', NS.chatStates));
    this.#send = () => outlet.send(bare, Stanza.of(composing()), only(), sid);
  }

  start(): void {
    this.stop();
    this.#timer = this.#clock.after(1000, this.#send);
  }

  /** A message ends the state in itself (XEP-0085 §5.1). */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
