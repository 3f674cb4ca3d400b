/**
 * The merged login (user@domain) until it shows the accounts: a hub like any other, whose server is this file. Its roster has
 * root alone, and nobody outside is reached from it.
 */
import { StanzaError } from '../wire/error.ts';
import type { BareJid } from '../wire/jid.ts';
import { Mux } from '../wire/mux.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { errorOf, isRequest, Stanza } from '../wire/stanza.ts';
import { type Element, xml } from '../wire/xml.ts';
import { disco } from '../xep/disco.ts';
import { ping } from '../xep/info.ts';

const empty = (ns: string, name: string, type: 'get' | 'set' = 'get', answer?: Element) => ({
  type,
  ns,
  name,
  handle: () => answer,
});

/** Answers for the bare address of a merged login. */
export class LocalServer {
  readonly #account: BareJid;
  readonly #receive: (stanza: Stanza) => void;
  readonly #handled: (sequence: number) => void;
  readonly #mux: Mux<null>;
  #sent = 0;

  /** `handled`: all that was sent up to that number is taken. */
  constructor(account: BareJid, receive: (stanza: Stanza) => void, handled: (sequence: number) => void) {
    this.#account = account;
    this.#receive = receive;
    this.#handled = handled;
    const identity = { category: 'account', type: 'registered', name: account };
    this.#mux = new Mux<null>([
      ...disco(() => ({ identities: [identity], features: [NS.discoInfo, NS.discoItems, NS.ping] })),
      ping,
      empty(NS.roster, 'query', 'get', xml('query', NS.roster)),
      empty(NS.carbons, 'enable', 'set'),
      empty(NS.blocking, 'blocklist', 'get', xml('blocklist', NS.blocking)),
    ]);
  }

  /** What the hub sends to its server. Always taken; answers come in a later turn. */
  send(text: string): number {
    const stanza = Stanza.of(parseElement(text));
    const sequence = ++this.#sent;
    setImmediate(() => {
      this.#handled(sequence);
      void this.#take(stanza.readdress({ to: stanza.to, from: this.#account }));
    });
    return sequence;
  }

  async #take(stanza: Stanza): Promise<void> {
    const isOwn = stanza.to === undefined || stanza.to === this.#account;
    if (isRequest(stanza) && isOwn) {
      const answer = await this.#mux.answer(stanza, null, () => {});
      return this.#receive(answer.readdress({ from: this.#account }));
    }
    if (stanza.name === 'message' && isOwn) return this.#receive(stanza);
    if (stanza.type === 'error' || stanza.type === 'result' || isOwn) return;
    const explained = new StanzaError(
      'service-unavailable',
      'This login reaches root alone; contacts are reached from the logins of your accounts',
    );
    this.#receive(errorOf(stanza, explained));
  }
}
