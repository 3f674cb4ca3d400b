/** Something that will be there, or will not: a promise that others settle. */
export class Promised<T> {
  isSettled = false;
  readonly promise: Promise<T>;
  #settle!: { resolve(value: T): void; reject(reason: Error): void };

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.promise.catch(() => {}); // nobody may wait for it
  }

  resolve(value: T): void {
    this.isSettled = true;
    this.#settle.resolve(value);
  }

  reject(reason: Error): void {
    this.isSettled = true;
    this.#settle.reject(reason);
  }
}
