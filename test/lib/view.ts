/** A hub with clients of the account's own view and of a translated one, all in memory. */
import { openMemoryStore } from '../../src/archive/store.ts';
import { Hub } from '../../src/hub/hub.ts';
import type { SessionFacts } from '../../src/link/link.ts';
import { ViewOutlet } from '../../src/view/outlet.ts';
import { TranslatedView } from '../../src/view/translated.ts';
import { openView, type View } from '../../src/view/view.ts';
import type { BareJid, FullJid } from '../../src/wire/jid.ts';
import { NS } from '../../src/wire/ns.ts';
import { parseElement } from '../../src/wire/parser.ts';
import { Stanza } from '../../src/wire/stanza.ts';
import { account, core, settings } from './hub.ts';

export const own = 'alice+work@proxy.example' as BareJid;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

interface Delivered {
  sids: readonly number[];
  stanza: Stanza;
}

export class Place {
  readonly delivered: Delivered[] = [];
  readonly up: string[] = [];
  readonly passwords: string[] = [];
  /** As the edge keeps them, of any session. */
  readonly facts: Partial<SessionFacts> = {};
  refusal: string | null = null;
  hub!: Hub;
  outlet!: ViewOutlet;
  readonly #views = new Map<number, View>();

  static async run(act: (place: Place) => void | Promise<void>): Promise<void> {
    const place = new Place();
    const store = await openMemoryStore();
    place.outlet = new ViewOutlet({
      deliver: (sids, stanza) => void place.delivered.push({ sids: [...sids], stanza }),
      facts: (_, change) => void Object.assign(place.facts, change),
    });
    const { outlet } = place;
    const send = (text: string) => place.up.push(text);
    place.hub = await Hub.open({ account, settings, store, outlet, log: silent, send, passwordChanged() {} });
    place.hub.online(core, false);
    place.answerArchive();
    try {
      await act(place);
    } finally {
      place.hub.close();
      await store.close();
    }
  }

  /** The server has no archive, which is what it is asked for last. */
  answerArchive(): void {
    const { id } = parseElement(this.up.findLast((text) => text.includes(NS.mam))!).attrs;
    const error = `<error type="cancel"><service-unavailable xmlns="${NS.stanzas}"/></error>`;
    this.hub.stanza(Stanza.of(parseElement(`<iq type="error" id="${id}" from="${account}">${error}</iq>`)));
  }

  client(sid: number, view: 'identity' | 'single', resource: string, known?: Partial<SessionFacts>): void {
    const bare = view === 'single' ? own : account;
    const address = `${bare}/${resource}` as FullJid;
    const nothing = { carbons: false, interested: false, blocklist: false, inactive: false, directed: [], rooms: [] };
    const lasting = { stream: { id: '', from: undefined }, delivered: 0, acknowledged: 0, isOpen: true };
    const facts: SessionFacts = { view, bare, address, presence: undefined, ...nothing, ...lasting, ...known };
    const parts = {
      hub: this.hub,
      outlet: this.outlet,
      account,
      tell: (stanza: Stanza) => void this.delivered.push({ sids: [sid], stanza }),
      setPassword: async (password: string) => {
        this.passwords.push(password);
        return { refusal: this.refusal };
      },
    };
    this.#views.set(sid, view === 'single' ? new TranslatedView(parts, sid, facts) : openView(this.hub, sid, facts));
    if (known === undefined) this.says(sid, '<presence/>');
  }

  says(sid: number, xml: string): void {
    this.#views.get(sid)!.stanza(Stanza.of(parseElement(xml)));
  }
  leaves(sid: number): void {
    this.#views.get(sid)!.detach();
  }
  server(xml: string): void {
    const element = parseElement(xml);
    element.attrs.from ??= account;
    this.hub.stanza(Stanza.of(element));
  }
  /** The id that the request upstream has which was sent last. */
  lastId(): string {
    return parseElement(this.up.at(-1)!).attrs.id;
  }
  forget(): this {
    this.delivered.splice(0);
    this.up.splice(0);
    return this;
  }
  to(sid: number): string[] {
    return this.delivered.filter(({ sids }) => sids.includes(sid)).map(({ stanza }) => stanza.toString());
  }
}
