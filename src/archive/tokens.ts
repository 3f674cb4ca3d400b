/** A message's names as words of the index `named`. Equal hashes of different names are told apart by the message itself. */

/** FNV-1a. */
function hash(text: string): string {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return (sum >>> 0).toString(36);
}

export const aliasToken = (alias: string): string => hash(alias);

/** Of a stanza's own id or an origin-id: unique at most among what one peer is told or tells. */
export const idToken = (peer: string, id: string): string => hash(`${peer} ${id}`);

export interface Named {
  peer: string;
  name: string | null | undefined;
  origin: string | null | undefined;
  alias: string | null | undefined;
}

/** Empty for a message without names. */
export function tokensOf({ peer, name, origin, alias }: Named): string[] {
  const tokens: string[] = [];
  if (name != null) tokens.push(idToken(peer, name));
  if (origin != null && origin !== name) tokens.push(idToken(peer, origin));
  if (alias != null) tokens.push(aliasToken(alias));
  return tokens;
}
