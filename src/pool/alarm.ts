/** What the log and root are told of a user's archive: that it cannot be written, and that it can be again. */
import type { Store, Trouble } from '../archive/types.ts';
import type { Log } from '../hub/context.ts';
import type { EdgeLink } from '../link/link.ts';

export interface AlarmParts {
  user: string;
  store: Store;
  edge: EdgeLink;
  log: Log;
  changed(trouble: Trouble | undefined): void;
}

export class Alarm {
  readonly #parts: AlarmParts;

  constructor(parts: AlarmParts) {
    this.#parts = parts;
    parts.store.onTrouble = (trouble) => {
      this.#tell(trouble);
      parts.changed(trouble);
    };
  }

  /** Root may know of trouble that is over: the unit before could not be opened, or ended in the midst of it. */
  begin(): void {
    const { trouble } = this.#parts.store;
    if (trouble === undefined) this.#tellRoot(null);
    else this.#tell(trouble);
  }

  #tell(trouble: Trouble | undefined): void {
    const { user, log } = this.#parts;
    if (trouble === undefined) log.info('the archive can be written again', { user });
    else log.error('the archive cannot be written', { user, reason: trouble.reason });
    this.#tellRoot(trouble?.reason ?? null);
  }

  #tellRoot(reason: string | null): void {
    const { user, edge, log } = this.#parts;
    edge.ask('archive', { user, reason }).catch((error: unknown) => {
      log.error('root could not be told', { user, error: String(error) });
    });
  }
}
