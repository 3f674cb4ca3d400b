/** Units of one thread: the main thread (WORKERS=0) or a worker's. */
import { storesIn } from '../archive/store.ts';
import type { Log } from '../hub/context.ts';
import type { AccountSettings, EdgeLink, MortalUnit, UnitHost, UnitSettings, UpstreamSettings } from '../link/link.ts';
import { DomainGate, shareOf } from '../upstream/gate.ts';
import { openCoreSession } from '../upstream/supervisor.ts';
import { tryLogin } from '../upstream/trial.ts';
import type { OpenCore } from './account.ts';
import { Ledger } from './ledger.ts';
import { Unit, type UnitServices } from './unit.ts';

/** In the main thread: a unit lives as long as the process. */
export function createHost(edge: EdgeLink, version: string, log: Log): UnitHost {
  const { services, ...host } = prepare(edge, version, log);
  return { ...host, open: (settings) => Unit.open(settings, services) };
}

/** In one of so many workers: a unit can say what would be lost if the thread died. */
export function createMortalHost(edge: EdgeLink, version: string, log: Log, workers: number): UnitHost<MortalUnit> {
  const { services, ...host } = prepare(edge, version, log, workers);
  return { ...host, open: (settings) => openMortal(settings, services) };
}

async function openMortal(settings: UnitSettings, services: UnitServices): Promise<MortalUnit> {
  const ledger = new Ledger();
  const unit = await Unit.open(settings, {
    ...services,
    openStore: async (folder, user) => ledger.store(await services.openStore(folder, user)),
    openCore: (...words) => ledger.core(services.openCore(...words)),
  });
  return {
    attach: (sid, facts) => unit.attach(sid, facts),
    resumable: (sid, from) => unit.resumable(sid, from),
    detach: (sid, isClean) => unit.detach(sid, isClean),
    stanza: (...words) => unit.stanza(...words),
    passed: (sid, position) => unit.passed(sid, position),
    acknowledged: (sid, place) => unit.acknowledged(sid, place),
    flow: (sid, isOpen) => unit.flow(sid, isOpen),
    activity: (sid, inactive) => unit.activity(sid, inactive),
    ask: (what, ask) => unit.ask(what, ask),
    risk: (act) => ledger.during(act),
  };
}

function prepare(edge: EdgeLink, version: string, log: Log, workers = 1) {
  const gate = new DomainGate(shareOf(workers));
  const openCore: OpenCore = (account, upstream, events) => openCoreSession(account, upstream, gate, events, log);
  const openStore: UnitServices['openStore'] = (folder, user) => storesIn(folder)(user);
  return {
    services: { edge, openStore, openCore, version, log },
    tryLogin: (account: AccountSettings, upstream: UpstreamSettings) => tryLogin(account, upstream, gate, log),
    close: async () => {},
  };
}
