/** Views: what a login shows of the hubs (RULES, "Logging in"). */
import type { Hub } from '../hub/hub.ts';
import type { Past, SessionFacts } from '../link/link.ts';
import type { Stanza } from '../wire/stanza.ts';

/** One session's way to its hub. */
export interface View {
  /** `order`, `past`: as UnitLink has them. A promise where it could not be taken at once. */
  stanza(stanza: Stanza, order?: number, past?: Past): Promise<void> | undefined;
  activity(inactive: boolean): void;
  acknowledged(place: number): void;
  flow(isOpen: boolean): void;
  /** `isClean`: the client ended its session itself. */
  detach(isClean?: boolean): void;
}

/** The identity view and the merged view's own address: client and hub use the same addresses. */
export function openView(hub: Hub, sid: number, facts: SessionFacts): View {
  hub.attach(sid, facts);
  return {
    stanza(stanza, order, past) {
      hub.fromClient(sid, stanza, order, past);
      return undefined;
    },
    activity: (inactive) => hub.activity(sid, inactive),
    acknowledged: (place) => hub.acknowledged(sid, place),
    flow: (isOpen) => hub.flow(sid, isOpen),
    detach: (isClean) => hub.detach(sid, isClean),
  };
}
