/** A line typed on a phone → words, and words → what they name. Typing damage is mended here; a secret is never touched. */
import yargs from 'yargs-parser';
import { UsageError } from './error.ts';

export interface Word {
  text: string;
  /** It stood in quotes: never an option or a key. */
  quoted: boolean;
}

/** As typed → named and not; `true` is a key without a value. */
export interface Given {
  positional: string[];
  named: Map<string, string | true>;
}

const double = '"“”„‟«»';
const single = "'‘’‚‛";
const invisible = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;

/** Zero-width characters and direction marks, which copying brings along. */
export const visible = (text: string): string => text.replace(invisible, '');

/** Without white space around it and without a leading `/` or `!`. */
export const trimLine = (line: string): string =>
  line.replace(/^[\s\u200b-\u200f\u202a-\u202e\u2060-\u206f]*[/!]?\s*/, '').trimEnd();

/**
 * Words are parted by any white space. A quotation mark opens at the start of a word or of a value (`key="…"`), of any
 * shape, and closes where one of its kind (single, double) stands at the end of a word.
 */
export function splitWords(line: string): Word[] {
  const words: Word[] = [];
  const text = trimLine(line);
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at]!)) {
      at++;
      continue;
    }
    const key = /^(?:--|[–—])?[\p{L}-]+=(?=["“”„‟«»'‘’‚‛])/u.exec(text.slice(at))?.[0] ?? '';
    const marks = marksOf(text[at + key.length]!);
    const end = marks === undefined ? endOfWord(text, at) : closing(text, at + key.length + 1, marks);
    const word = marks === undefined ? text.slice(at, end) : key + text.slice(at + key.length + 1, end);
    words.push({ text: word, quoted: marks !== undefined && key === '' });
    at = marks === undefined ? end : end + 1;
  }
  return words;
}

const marksOf = (char: string): string | undefined =>
  double.includes(char) ? double : single.includes(char) ? single : undefined;

function endOfWord(text: string, at: number): number {
  const length = text.slice(at).search(/\s/);
  return length < 0 ? text.length : at + length;
}

function closing(text: string, from: number, marks: string): number {
  for (let at = from; at < text.length; at++)
    if (marks.includes(text[at]!) && (at + 1 === text.length || /\s/.test(text[at + 1]!))) return at;
  throw new UsageError('A quotation mark is not closed. Close it, or use the other kind around it.');
}

export interface Keys {
  /** All keys that may be named. */
  all: readonly string[];
  /** Those that take no value. */
  flags: readonly string[];
  /** Those that need no dashes: flags, and secrets, whose value follows or is asked for. */
  bare: readonly string[];
}

/**
 * The words behind a command's name. Options are found by yargs-parser, which sees each value as its number only: it
 * would unquote and convert them.
 */
export function parseWords(words: readonly Word[], keys: Keys): Given {
  const values = words.map(({ text }) => text);
  const tokens = words.map((word, index) => token(word, index, keys, values));
  const parsed = yargs(tokens, {
    string: [...keys.all],
    configuration: {
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'duplicate-arguments-array': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    },
  });
  const { _: rest, ...options } = parsed;
  const value = (place: unknown): string | true =>
    typeof place === 'string' && place !== '' ? values[Number(place)]! : true;
  return {
    positional: rest.map((place) => values[Number(place)]!),
    named: new Map(Object.entries(options).map(([key, place]) => [key, value(place)])),
  };
}

/** One word as yargs-parser gets it; a value that shared its word with its key takes the word's place in `values`. */
function token({ text, quoted }: Word, index: number, keys: Keys, values: string[]): string {
  if (quoted) return String(index);
  const [, dashes, name = '', , value] = /^(--|[–—])?(\p{L}[\p{L}\d-]*)(=(.*))?$/su.exec(text) ?? [];
  const key = name.toLowerCase();
  if (value !== undefined && (dashes !== undefined || keys.all.includes(key))) {
    values[index] = value;
    return value === '' ? `--${key}=` : `--${key}=${index}`;
  }
  if (dashes === undefined && !keys.bare.includes(key)) return String(index);
  return keys.flags.includes(key) ? `--${key}=` : `--${key}`;
}

/** An address as apps and keyboards write it: `xmpp:` and `mailto:` URIs (RFC 5122), `<…>`, a dot or comma behind it. */
export function mendAddress(text: string): string {
  let address = visible(text)
    .trim()
    .replace(/^<(.*)>$/s, '$1');
  const uri = /^(xmpp|mailto):(?:\/\/[^/]*\/)?/i.exec(address);
  if (uri !== null) address = decode(address.slice(uri[0].length).split(/[?#;]/, 1)[0]!);
  return address.replace(/[.,;:]+$/, '');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
