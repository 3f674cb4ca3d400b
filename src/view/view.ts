/** Views: what a login shows of the hubs (DESIGN §3). Today each shows one hub under its own addresses. */
import type { Hub } from '../hub/hub.ts';
import type { SessionFacts } from '../link/link.ts';
import type { Stanza } from '../wire/stanza.ts';

/** One session's way to its hub. */
export class View {
  readonly #hub: Hub;
  readonly #sid: number;

  /** The identity view and the merged view's own address: client and hub use the same addresses. */
  constructor(hub: Hub, sid: number, facts: SessionFacts) {
    this.#hub = hub;
    this.#sid = sid;
    hub.attach(sid, facts);
  }

  stanza(stanza: Stanza): void {
    this.#hub.fromClient(this.#sid, stanza);
  }
  activity(inactive: boolean): void {
    this.#hub.activity(this.#sid, inactive);
  }
  detach(unacknowledged: readonly Stanza[]): void {
    this.#hub.detach(this.#sid, unacknowledged);
  }
}
