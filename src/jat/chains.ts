/**
 * Requests that have been asked, found by id and by whom they are between. A table of our own: of a Map that has as much taken
 * out as put in V8 makes a new one every few requests, and one that has grown old keeps what it had until the next full
 * collection, with the text of all that had come along with it.
 */
export interface Linked<T> {
  /** While it is asked: with which id, or what stands for that; of whom, and as whom. */
  name: string | undefined;
  to?: string | undefined;
  from?: string | undefined;
  /** Behind it in its chain. */
  next?: T | undefined;
}

/** A power of two; users have to share what an address may have open, so no chain is long. */
const count = 1024;

export class Chains<T extends Linked<T>> {
  readonly #first: (T | undefined)[] = new Array(count).fill(undefined);

  find(to: string, from: string, name: string): T | undefined {
    let each = this.#first[chainOf(name)];
    while (each !== undefined && !(each.name === name && each.to === to && each.from === from)) each = each.next;
    return each;
  }

  add(item: T, to: string, from: string, name: string): void {
    const chain = chainOf(name);
    item.name = name;
    item.to = to;
    item.from = from;
    item.next = this.#first[chain];
    this.#first[chain] = item;
  }

  /** What is in no chain stays as it is. */
  remove(item: T): void {
    if (item.name === undefined) return;
    const chain = chainOf(item.name);
    const first = this.#first[chain];
    if (first === item) this.#first[chain] = item.next;
    else {
      let before = first!;
      while (before.next !== item) before = before.next!;
      before.next = item.next;
    }
    item.name = undefined;
    item.next = undefined; // what is over holds nothing
  }
}

function chainOf(name: string): number {
  let hash = 0;
  for (let at = 0; at < name.length; at++) hash = (Math.imul(hash, 31) + name.charCodeAt(at)) | 0;
  return (hash ^ (hash >>> 15)) & (count - 1);
}
