/** Is an element what a transcript says? Order of attributes and blank text do not matter; `{any}` fits everything. */
import { type Element, serialize } from '../../src/wire/xml.ts';

/** Undefined when it fits, else where it does not. Attributes that were not named may be there, children may not. */
export function mismatch(expected: Element, actual: Element, at = ''): string | undefined {
  const path = `${at}/${expected.name}`;
  if (expected.name !== actual.name) return `${path}: it is <${actual.name}/>`;
  return attributeMismatch(expected, actual, path) ?? contentMismatch(expected, actual, path);
}

function attributeMismatch(expected: Element, actual: Element, path: string): string | undefined {
  if (namespaceOf(expected) !== namespaceOf(actual)) return `${path}: its namespace is ${namespaceOf(actual)}`;
  for (const [key, value] of Object.entries(expected.attrs as Record<string, string>)) {
    const found = actual.attrs[key] as string | undefined;
    if (key !== 'xmlns' && (found === undefined || !fits(value, found)))
      return `${path}: ${key} is ${found ?? 'absent'}`;
  }
  return undefined;
}

const namespaceOf = (element: Element): string | undefined => element.getNS();

function contentMismatch(expected: Element, actual: Element, path: string): string | undefined {
  const [wanted, found] = [content(expected), content(actual)];
  const open = wanted.at(-1) === '{any}'; // whatever follows is welcome
  if (open) wanted.pop();
  for (const [index, child] of wanted.entries()) {
    const there = found[index];
    if (there === undefined) return `${path}: ${show(child)} is missing`;
    if (typeof child === 'string' || typeof there === 'string') {
      if (typeof child !== 'string' || typeof there !== 'string' || !fits(child, there))
        return `${path}: there is ${show(there)}`;
      continue;
    }
    const deeper = mismatch(child, there, path);
    if (deeper !== undefined) return deeper;
  }
  return found.length > wanted.length && !open
    ? `${path}: ${show(found[wanted.length]!)} should not be there`
    : undefined;
}

const content = (element: Element): (Element | string)[] =>
  element.children
    .map((child) => (typeof child === 'string' ? child.trim() : child))
    .filter((child): child is Element | string => child !== '');

const show = (child: Element | string): string => (typeof child === 'string' ? `"${child}"` : serialize(child));

/** `{any}` stands for any text, alone or within more text. */
function fits(expected: string, actual: string): boolean {
  if (!expected.includes('{any}')) return expected === actual;
  const parts = expected.split('{any}').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(actual);
}
