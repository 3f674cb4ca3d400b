/** The merged login's hub: there while it has sessions, for most users never have one. */
import type { Store } from '../archive/types.ts';
import type { HubSettings, Log, Outlet } from '../hub/context.ts';
import { Hub } from '../hub/hub.ts';
import { LocalServer } from '../hub/local.ts';
import type { SessionFacts } from '../link/link.ts';
import { openView, type View } from '../view/view.ts';
import type { BareJid, FullJid } from '../wire/jid.ts';

/** How long it stays after the last session has left: milliseconds. */
const patience = 60_000;

export interface MergedOptions {
  account: BareJid;
  settings: HubSettings;
  store: Store;
  outlet: Outlet;
  log: Log;
  /** It cannot be opened: the session is over. */
  refuse(sid: number): void;
}

export class Merged {
  readonly #options: MergedOptions;
  #hub: Promise<Hub> | undefined;
  #sessions = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MergedOptions) {
    this.#options = options;
  }

  get account(): BareJid {
    return this.#options.account;
  }

  set settings(settings: HubSettings) {
    this.#options.settings = settings;
    this.#hub?.then(
      (hub) => {
        hub.settings = settings;
      },
      () => {},
    );
  }

  /** What comes before the hub is open waits for it. */
  open(sid: number, facts: SessionFacts): View {
    clearTimeout(this.#timer);
    this.#sessions++;
    this.#hub ??= this.#openHub();
    let view: View | undefined;
    const opening = this.#hub.then((hub) => {
      view = openView(hub, sid, facts);
      return view;
    });
    opening.catch((reason: unknown) => this.#failed(sid, reason));
    const later = (act: (view: View) => void): Promise<void> | undefined => {
      if (view === undefined) return opening.then(act, () => {});
      act(view);
      return undefined;
    };
    return {
      stanza: (...words) => later((open) => void open.stanza(...words)),
      activity: (inactive) => void later((open) => open.activity(inactive)),
      acknowledged: (place) => void later((open) => open.acknowledged(place)),
      flow: (isOpen) => void later((open) => open.flow(isOpen)),
      detach: (isClean) => {
        later((open) => open.detach(isClean));
        this.#left();
      },
    };
  }

  #failed(sid: number, reason: unknown): void {
    const { account, log, refuse } = this.#options;
    this.#hub = undefined;
    log.error('merged login not opened', { account, reason: String(reason) });
    refuse(sid);
  }

  #left(): void {
    this.#sessions--;
    if (this.#sessions === 0) this.#timer = setTimeout(() => void this.close(), patience);
  }

  async #openHub(): Promise<Hub> {
    const { account, settings, store, outlet, log } = this.#options;
    let hub: Hub | undefined;
    const server = new LocalServer(
      account,
      (stanza) => hub?.stanza(stanza),
      (sequence) => hub?.handled(1, sequence),
    );
    hub = await Hub.open({
      account,
      settings,
      store,
      outlet,
      log,
      isLocal: true,
      send: (text) => server.send(text),
      passwordChanged: () => {},
    });
    hub.online(`${account}/xmpproxy` as FullJid, false);
    return hub;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const hub = this.#hub;
    this.#hub = undefined;
    await hub?.then(
      (open) => open.close(),
      () => {},
    );
  }
}
