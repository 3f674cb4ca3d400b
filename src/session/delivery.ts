/** What goes out to one client, and how far it has it: by XEP-0198, or by pings. */
import type { SessionFacts } from '../link/link.ts';
import { Confirmation } from '../stream/confirmation.ts';
import type { StreamLimits } from '../stream/limits.ts';
import type { Management } from '../stream/management.ts';
import type { Outgoing } from '../stream/outgoing.ts';
import type { Clock } from '../wire/clock.ts';
import { domainOf } from '../wire/jid.ts';
import { escapeAttribute } from '../wire/xml.ts';

/** What is told when it changes. */
export interface DeliveryHost {
  limits: StreamLimits;
  clock: Clock;
  /** `facts.acknowledged` or `facts.isOpen` is another. */
  changed(): void;
  /** Known from an earlier session: that client answers no pings. */
  isMute: boolean;
}

export class Delivery {
  readonly #facts: SessionFacts;
  readonly #host: DeliveryHost;
  #management: Management | undefined;
  #confirmation: Confirmation | undefined;
  #ping = '';

  constructor(facts: SessionFacts, host: DeliveryHost) {
    this.#facts = facts;
    this.#host = host;
  }

  /** XEP-0198 is on: what goes out from now on is counted. */
  manage(management: Management): void {
    this.#management = management;
    this.#open(true);
  }

  /** That has been, or will be, written. True: the client has more to acknowledge than what can wait should add to. */
  sent(stanza: Outgoing): boolean {
    const { place } = stanza;
    const facts = this.#facts;
    if (place > facts.delivered) facts.delivered = place;
    const management = this.#management;
    if (management === undefined) {
      if (place > 0) this.#confirm().written(place);
      return false;
    }
    management.sent(stanza);
    if (!management.isCrowded) return false;
    this.#open(false);
    return true;
  }

  #confirm(): Confirmation {
    const { clock, isMute, limits } = this.#host;
    this.#confirmation ??= new Confirmation(isMute, limits, clock);
    return this.#confirmation;
  }

  /** `h` of the client. Throws the StreamError that a wrong one deserves. */
  acknowledge(h: string | undefined): void {
    const management = this.#management!;
    this.#acknowledged(management.acknowledge(h));
    if (!this.#facts.isOpen && management.isRoomy) this.#open(true);
  }

  #acknowledged(place: number): void {
    if (place <= this.#facts.acknowledged) return;
    this.#facts.acknowledged = place;
    this.#host.changed();
  }

  #open(isOpen: boolean): void {
    if (this.#facts.isOpen === isOpen) return;
    this.#facts.isOpen = isOpen;
    this.#host.changed();
  }

  /** The socket has more than half of what may stay unread, or all of it is gone. */
  pressed(isPressed: boolean): void {
    if (this.#management === undefined) this.#open(!isPressed);
  }

  /** What is to stand behind what is written. `to`: all of an IQ that comes before its `from`. */
  trailer(to: string): string {
    if (this.#management !== undefined) return this.#management.request();
    const confirmation = this.#confirmation;
    if (confirmation === undefined) return '';
    this.#ping ||= escapeAttribute(domainOf(this.#facts.bare));
    const ping = confirmation.request(this.#ping);
    return ping && to + ping;
  }

  /** Is that the answer to a ping of ours? */
  takes(id: string | undefined): boolean {
    const place = this.#confirmation?.answer(id);
    if (place === undefined) return false;
    this.#acknowledged(place);
    return true;
  }

  /** From time to time; `heard`: when bytes last came. */
  check(heard: number): void {
    if (this.#confirmation !== undefined) this.#acknowledged(this.#confirmation.check(heard));
  }

  /** The client has ended its stream. Where much was not sent yet it may not have waited for that. */
  ends(): void {
    if (this.#confirmation !== undefined && this.#facts.isOpen) this.#acknowledged(this.#confirmation.ends());
  }

  /** It answers no pings. */
  get isMute(): boolean {
    return this.#confirmation?.isMute ?? this.#host.isMute;
  }
}
