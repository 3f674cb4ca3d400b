/** Units of one thread: the main thread (WORKERS=0) or a worker's. */
import { storesIn } from '../archive/store.ts';
import type { Log } from '../hub/context.ts';
import type { AccountSettings, EdgeLink, UnitHost, UpstreamSettings } from '../link/link.ts';
import { DomainGate } from '../upstream/gate.ts';
import { openCoreSession } from '../upstream/supervisor.ts';
import { tryLogin } from '../upstream/trial.ts';
import type { OpenCore } from './account.ts';
import { Unit } from './unit.ts';

export function createHost(edge: EdgeLink, version: string, log: Log): UnitHost {
  const gate = new DomainGate();
  const openCore: OpenCore = (account, upstream, events) => openCoreSession(account, upstream, gate, events, log);
  return {
    open: (settings) =>
      Unit.open(settings, { edge, openStore: (folder, user) => storesIn(folder)(user), openCore, version, log }),
    tryLogin: (account: AccountSettings, upstream: UpstreamSettings) => tryLogin(account, upstream, gate, log),
    close: async () => {},
  };
}
