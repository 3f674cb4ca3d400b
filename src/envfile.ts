/** `.env`: one KEY=value a line. */

/** What cannot be read is refused: a line that is passed over in silence is a setting that does not hold. */
export class EnvFileError extends Error {}

/** Keys and values; `# …` is a comment, quotes around a whole value are taken off, an empty value counts as none. */
export function readEnvFile(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const [at, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, key, rest] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/.exec(line) ?? [];
    if (key === undefined || rest === undefined) throw new EnvFileError(`line ${at + 1} is not KEY=value`);
    if (values.has(key)) throw new EnvFileError(`line ${at + 1}: ${key} stands there twice`);
    const value = readValue(rest.trim());
    if (value === undefined) throw new EnvFileError(`line ${at + 1}: the quotes of ${key} do not match`);
    values.set(key, value);
  }
  return values;
}

function readValue(text: string): string | undefined {
  const quote = text[0];
  if (quote !== '"' && quote !== "'") return text.replace(/(^|\s+)#.*$/, '');
  const [, value] = /^(?:"([^"]*)"|'([^']*)')\s*(?:#.*)?$/.exec(text)?.filter((part) => part !== undefined) ?? [];
  return value;
}

/** The file with that value: in the key's line, or where it stands as a comment, else at the end. */
export function putIntoEnvFile(text: string, key: string, value: string): string {
  const line = `${key}=${value}`;
  for (const own of [new RegExp(`^[ \\t]*${key}[ \\t]*=.*$`, 'm'), new RegExp(`^#[ \\t]*${key}=.*$`, 'm')])
    if (own.test(text)) return text.replace(own, () => line);
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`;
}
