/** Whether a message speaks to somebody by nick. */

/** The nick as a word of its own, in any case. */
export function mentions(body: string, nick: string): boolean {
  const escaped = nick.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, 'iu').test(body);
}

const perMinute = 10;

/** What root says of mentions in a room that is detached; strangers cannot flood a person by it. */
export class Mentions {
  #minute = 0;
  #count = 0;

  /** In root's words, or undefined where it is none, or one too many. */
  take(who: string, body: string, nick: string, isPrivate: boolean, now: number): string | undefined {
    if (!isPrivate && !mentions(body, nick)) return undefined;
    const minute = Math.floor(now / 60_000);
    if (minute !== this.#minute) this.#count = 0;
    this.#minute = minute;
    return this.#count++ < perMinute ? quoted(isPrivate ? `${who} (private)` : who, body) : undefined;
  }
}

/** What others wrote is quoted line by line, so that it cannot pass for root's own words. */
function quoted(who: string, body: string): string {
  const text = body.length > 500 ? `${body.slice(0, 499)}…` : body;
  const lines = text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => `> ${line}`);
  return `${who}:\n${lines.join('\n')}`;
}
