/** What a hub before this one gave to some, and is about to stand in the archive: others have yet to get it. */
export class Recalled {
  /** The highest place of it; 0: there is none. */
  highest = 0;
  /** Resolves when all of it is there, or cannot be. */
  there: Promise<unknown> = Promise.resolve();

  expect(place: number, there: Promise<void>): void {
    this.highest = Math.max(this.highest, place);
    this.there = Promise.allSettled([this.there, there]);
  }
}
