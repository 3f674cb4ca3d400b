/**
 * What passes between a server and its component. XEP-0114 has no acknowledgements: a request or an answer that is under way when
 * the connection ends is nobody's, and this is how one knows which these are.
 */
import type { Eavesdropper } from '../lib/pipe.ts';

const wholeIq = /<iq\b([^>]*?)(?:\/>|>[\s\S]*?<\/iq>)/g;
const attribute = (text: string, name: string): string =>
  new RegExp(`(?:^|\\s)${name}=(?:"([^"]*)"|'([^']*)')`).exec(text)?.slice(1).join('') ?? '';

/** Of users that a test made: their localparts begin with that. */
export class Wire {
  readonly #user: string;
  readonly #unread = new Map<string, string>();
  readonly #reached = new Set<string>();
  readonly #answered = new Set<string>();
  readonly #lost = new Set<string>();

  constructor(user: string) {
    this.#user = user;
  }

  /** Did that request come to the component's side whole? */
  hasReached(id: string): boolean {
    return this.#reached.has(id);
  }

  /** Did its answer come to the server whole? */
  hasLeft(id: string): boolean {
    return this.#answered.has(id);
  }

  /** Was it, or its answer, under way when a connection ended? */
  isLost(id: string): boolean {
    return this.#lost.has(id);
  }

  readonly hears: Eavesdropper = (connection, from, chunk, isLost) => {
    const key = `${connection} ${from}`;
    const text = (this.#unread.get(key) ?? '') + chunk.toString('latin1');
    let read = 0;
    for (const found of text.matchAll(wholeIq)) {
      read = found.index + found[0].length;
      this.#note(from, found[1]!, isLost);
    }
    const rest = text.slice(read);
    const begun = rest.search(/<iq\b|<[^>]{0,3}$/);
    this.#unread.set(key, begun < 0 ? '' : rest.slice(begun));
  };

  /** The same id is on the way to the app and back, too: by whom it is for it is known which of these this is. */
  #note(from: 'near' | 'far', attrs: string, isLost: boolean): void {
    const type = attribute(attrs, 'type');
    const isRequest = type === 'get' || type === 'set';
    const asks = from === 'far' && isRequest && attribute(attrs, 'from').startsWith(this.#user);
    const answers = from === 'near' && !isRequest && attribute(attrs, 'to').startsWith(this.#user);
    if (!asks && !answers) return;
    const id = attribute(attrs, 'id');
    if (isLost) this.#lost.add(id);
    else if (asks) this.#reached.add(id);
    else this.#answered.add(id);
  }
}
