/**
 * A view whose own address is not the account's (RULES, "Logging in"). Between client and hub own addresses are exchanged, what cannot
 * survive that is not there, and the password is the proxy's.
 */
import { withUsableCandidates } from '../hub/bytestreams.ts';
import type { Hub } from '../hub/hub.ts';
import type { Past, SessionFacts } from '../link/link.ts';
import { StanzaError } from '../wire/error.ts';
import { type BareJid, bare, domainOf, type FullJid, type Jid } from '../wire/jid.ts';
import { errorOf, isRequest, resultOf, Stanza } from '../wire/stanza.ts';
import type { Element } from '../wire/xml.ts';
import { hubAddress, outward, type Pair } from './addresses.ts';
import type { Shown, ViewOutlet } from './outlet.ts';
import { register, registrationIn, type SetPassword } from './password.ts';
import type { View } from './view.ts';
import { refusalOf, usableFeatures } from './withheld.ts';

/** Requests to the account's real address that may be open at once. */
const mostAliases = 100;

export interface TranslatedParts {
  hub: Hub;
  outlet: ViewOutlet;
  account: BareJid;
  /** To this client alone, in its own addresses. */
  tell(stanza: Stanza): void;
  setPassword: SetPassword;
}

export class TranslatedView implements View, Shown {
  readonly sid: number;
  readonly pair: Pair;
  readonly #parts: TranslatedParts;
  readonly #address: FullJid;
  /** Requests to the account's real address or server: id → the address that was asked. */
  readonly #aliases = new Map<string, string>();

  constructor(parts: TranslatedParts, sid: number, facts: SessionFacts) {
    this.sid = sid;
    this.pair = { own: facts.bare, account: parts.account };
    this.#parts = parts;
    this.#address = facts.address;
    parts.outlet.add(this);
    parts.hub.attach(sid, { ...facts, address: hubAddress(facts.address, this.pair), usable: usableFeatures });
  }

  stanza(stanza: Stanza, order?: number, past?: Past): undefined {
    this.#take(stanza, order, past);
    return undefined;
  }

  #take(stanza: Stanza, order: number | undefined, past: Past | undefined): void {
    const { hub, tell, account } = this.#parts;
    const refusal = refusalOf(stanza, account);
    if (refusal !== undefined) return tell(errorOf(stanza, refusal));
    const { own } = this.pair;
    const registration = registrationIn(stanza, own, domainOf(own));
    if (registration !== undefined) return void this.#register(stanza, registration);
    if (isRequest(stanza)) this.#noteAlias(stanza);
    hub.fromClient(this.sid, outward(this.#usable(stanza), this.pair), order, past);
  }

  #usable(stanza: Stanza): Stanza {
    if (stanza.name !== 'iq') return stanza;
    const usable = withUsableCandidates(stanza.tree, this.#address);
    return usable === stanza.tree ? stanza : Stanza.of(usable);
  }

  async #register(stanza: Stanza, registration: Element): Promise<void> {
    const { tell, setPassword } = this.#parts;
    try {
      tell(resultOf(stanza, await register(stanza.type, registration, this.pair.own, setPassword)));
    } catch (reason) {
      tell(errorOf(stanza, StanzaError.from(reason)));
    }
  }

  /** The account's real names stand for the own ones, too; the answer has to come from the name that was asked. */
  #noteAlias({ id, to }: Stanza): void {
    const { account } = this.pair;
    const asked = to === undefined ? undefined : bare(to as Jid);
    if (id === undefined || (asked !== account && asked !== domainOf(account))) return;
    if (this.#aliases.size >= mostAliases) this.#aliases.delete(this.#aliases.keys().next().value!);
    this.#aliases.set(id, to!);
  }

  response(stanza: Stanza): Stanza {
    const asked = stanza.id === undefined ? undefined : this.#aliases.get(stanza.id);
    if (asked === undefined) return stanza;
    this.#aliases.delete(stanza.id!);
    return stanza.readdress({ to: stanza.to, from: asked });
  }

  activity(inactive: boolean): void {
    this.#parts.hub.activity(this.sid, inactive);
  }

  acknowledged(place: number): void {
    this.#parts.hub.acknowledged(this.sid, place);
  }

  flow(isOpen: boolean): void {
    this.#parts.hub.flow(this.sid, isOpen);
  }

  detach(isClean = false): void {
    this.#parts.outlet.remove(this.sid);
    this.#parts.hub.detach(this.sid, isClean);
  }
}
