/** Time, as the parts see it that a test moves by hand. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the epoch, and never less than before. */
  now(): number;
  /** Runs it once, later. */
  after(milliseconds: number, run: () => void): Timer;
}
