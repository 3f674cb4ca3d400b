/** Which files are open: those of the last seconds, and not too many. Each costs 180 KiB and five descriptors. */

/** How long a file stays open after its last use, and how often that is looked at: milliseconds. */
const idle = 3000;
const round = 1000;
/** As many as may be open, but for those that are busy. */
const most = 32;

export interface Book {
  /** It cannot be put away now. */
  readonly isBusy: boolean;
  putAway(): Promise<void>;
}

export class Shelf {
  /** The one that was not used for longest comes first; with the time of its last use. */
  readonly #out = new Map<Book, number>();
  #timer: NodeJS.Timeout | undefined;
  /** Told to go, and not gone yet. */
  #leaving = 0;

  /** What can wait had better not be opened now. */
  get isCrowded(): boolean {
    return this.#out.size + this.#leaving >= most;
  }

  /** It is open, and used now. */
  used(book: Book): void {
    this.#out.delete(book);
    this.#out.set(book, performance.now());
    this.#timer ??= setInterval(() => this.tidy(performance.now() - idle), round);
    if (this.#out.size > most) this.tidy(Number.NEGATIVE_INFINITY);
  }

  /** It is closed, or about to be. */
  left(book: Book): void {
    this.#out.delete(book);
    if (this.#out.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Puts away what was not used since then, and what is too much. */
  tidy(since: number): void {
    for (const [book, at] of this.#out) {
      if (at >= since && this.#out.size <= most) return;
      if (!book.isBusy) this.#send(book);
    }
  }

  #send(book: Book): void {
    this.#leaving++;
    void book.putAway().finally(() => {
      this.#leaving--;
    });
  }
}
