/** Passwords as SCRAM takes them (RFC 5802 §2.2), on both sides of the proxy. */

/**
 * SASLprep (RFC 4013 §§2.1, 2.2): what is mapped to nothing, spaces, then NFKC. What it forbids is left to whoever takes the
 * password to refuse.
 */
export function prepareSecret(password: string): string {
  return password
    .replace(/\u034f|[\u180b-\u180d]|[\ufe00-\ufe0f]|[\u00ad\u1806\u200b\u2060\ufeff]|\u200c|\u200d/gu, '')
    .replace(/\p{Zs}/gu, ' ')
    .normalize('NFKC');
}
