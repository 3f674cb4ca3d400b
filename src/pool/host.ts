/** Units of one thread: the main thread (WORKERS=0) or a worker's. */
import { storesIn } from '../archive/store.ts';
import type { Log } from '../hub/context.ts';
import type { AccountSettings, EdgeLink, UnitHost, UnitLink, UnitSettings, UpstreamSettings } from '../link/link.ts';
import { DomainGate, shareOf } from '../upstream/gate.ts';
import { openCoreSession } from '../upstream/supervisor.ts';
import { tryLogin } from '../upstream/trial.ts';
import type { OpenCore } from './account.ts';
import { end } from './held.ts';
import { Inbox } from './inbox.ts';
import { Unit, type UnitServices } from './unit.ts';

/** In the main thread: a unit lives as long as the process. */
export function createHost(edge: EdgeLink, version: string, log: Log): UnitHost {
  const { services, ...host } = prepare(edge, version, log);
  return { ...host, open: (settings) => openHere(settings, { ...services, isMortal: false }) };
}

/** In one of so many workers. */
export function createMortalHost(edge: EdgeLink, version: string, log: Log, workers: number): UnitHost {
  const { services, ...host } = prepare(edge, version, log, workers);
  return { ...host, open: (settings) => Unit.open(settings, { ...services, isMortal: true }) };
}

/** Where there is no edge between that looks after it: its clients are read as fast as what they say is durable. */
async function openHere(settings: UnitSettings, services: UnitServices): Promise<UnitLink> {
  const { edge } = services;
  const inbox = new Inbox(edge);
  const stored: EdgeLink['stored'] = (sid, position) => {
    if (position === end) inbox.detach(sid);
    else inbox.stored(sid, position);
    edge.stored(sid, position);
  };
  const unit = await Unit.open(settings, { ...services, edge: { ...edge, stored } });
  return {
    attach(sid, facts) {
      inbox.attach(sid);
      unit.attach(sid, facts);
    },
    resumable: (sid, from) => unit.resumable(sid, from),
    detach: (sid, isClean) => unit.detach(sid, isClean),
    stanza(sid, stanza, position) {
      inbox.add(sid, position, stanza);
      unit.stanza(sid, stanza, position);
    },
    passed: (sid, position) => unit.passed(sid, position),
    acknowledged: (sid, place) => unit.acknowledged(sid, place),
    flow: (sid, isOpen) => unit.flow(sid, isOpen),
    activity: (sid, inactive) => unit.activity(sid, inactive),
    ask: (what, ask) => unit.ask(what, ask),
  };
}

function prepare(edge: EdgeLink, version: string, log: Log, workers = 1) {
  const gate = new DomainGate(shareOf(workers));
  const openCore: OpenCore = (account, upstream, events, ledger) =>
    openCoreSession(account, upstream, gate, events, ledger, log);
  const openStore: UnitServices['openStore'] = (folder, user) => storesIn(folder)(user);
  return {
    services: { edge, openStore, openCore, version, log },
    tryLogin: (account: AccountSettings, upstream: UpstreamSettings) => tryLogin(account, upstream, gate, log),
    close: async () => {},
  };
}
