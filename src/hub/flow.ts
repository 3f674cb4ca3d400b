/** Which clients can take more now (the edge says so): what is not urgent, pages of the archive and replay, waits for it. */

export class Flow {
  /** Clients that take nothing now, with who waits for each. */
  readonly #closed = new Map<number, (() => void)[]>();

  set(sid: number, open: boolean): void {
    if (open) this.gone(sid);
    else if (!this.#closed.has(sid)) this.#closed.set(sid, []);
  }

  isOpen(sid: number): boolean {
    return !this.#closed.has(sid);
  }

  /** Undefined: it takes more. Else resolves when it does, or is gone. */
  opened(sid: number): Promise<void> | undefined {
    const waiting = this.#closed.get(sid);
    return waiting && new Promise((resolve) => void waiting.push(resolve));
  }

  /** Nobody waits for it any more. */
  gone(sid: number): void {
    const waiting = this.#closed.get(sid) ?? [];
    this.#closed.delete(sid);
    for (const resolve of waiting) resolve();
  }
}
