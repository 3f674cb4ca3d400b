/** What is archived of a message, as a stanza. */
import { parseElement } from '../wire/parser.ts';
import { Stanza } from '../wire/stanza.ts';
import { unescaped } from '../wire/xml.ts';

/** The addresses come first in what was archived here. */
const head = /^<message to="([^"]*)" from="([^"]*)"/;

/** From a message's text, without parsing it where that can be. */
export function stanzaFrom(text: string, outer: { id: string | undefined; type: string }): Stanza {
  const found = head.exec(text);
  // what came from the server's archive, in earlier versions, said its namespace itself
  if (found === null || text.slice(0, text.indexOf('>')).includes(' xmlns="')) return Stanza.of(parseElement(text));
  const [start, to, from] = found;
  return Stanza.fromParts(
    'message',
    { ...outer, to: unescaped(to!), from: unescaped(from!) },
    text.slice(start.length),
  );
}
