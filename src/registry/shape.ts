/** Strict reading of JSON: what is not as described is refused with its place. */

/** `place` is for the message alone: `users[2 "bob"].accounts[0].jid`. */
export type Reader<T> = (value: unknown, place: string) => T;
export class Misshapen extends Error {}

const refuse = (place: string, wanted: string): never => {
  throw new Misshapen(`${place || 'the file'} is not ${wanted}`);
};

export const text: Reader<string> = (value, place) => (typeof value === 'string' ? value : refuse(place, 'text'));
export const flag: Reader<boolean> = (value, place) =>
  typeof value === 'boolean' ? value : refuse(place, 'true or false');
export const whole: Reader<number> = (value, place) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : refuse(place, 'a whole number');

export const oneOf =
  <const T extends string>(...values: readonly T[]): Reader<T> =>
  (value, place) =>
    values.includes(value as T) ? (value as T) : refuse(place, values.join(' or '));

/** Text that passes a check; `wanted` completes "is not …". */
export const checked =
  <T extends string>(wanted: string, passes: (value: string) => boolean): Reader<T> =>
  (value, place) =>
    typeof value === 'string' && passes(value) ? (value as T) : refuse(place, wanted);

/** An item is named in messages by what `name` reads from it. */
export const list =
  <T>(item: Reader<T>, name: string): Reader<T[]> =>
  (value, place) => {
    if (!Array.isArray(value)) return refuse(place, 'a list');
    return value.map((entry: unknown, at) => {
      const called = (entry as Record<string, unknown> | null)?.[name];
      return item(entry, `${place}[${at}${typeof called === 'string' ? ` ${JSON.stringify(called)}` : ''}]`);
    });
  };

type Readers = Record<string, Reader<unknown>>;
type Read<R extends Readers> = { [K in keyof R]: ReturnType<R[K]> };

/** A record with these fields, some of which may be absent, and no others. */
export const record =
  <R extends Readers, O extends Readers>(required: R, optional: O): Reader<Read<R> & Partial<Read<O>>> =>
  (value, place) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(place, 'a record');
    const given = value as Record<string, unknown>;
    const at = (name: string) => (place === '' ? name : `${place}.${name}`);
    for (const name of Object.keys(given))
      if (!Object.hasOwn(required, name) && !Object.hasOwn(optional, name)) refuse(at(name), 'a field we know');
    const result: Record<string, unknown> = {};
    for (const [name, read] of Object.entries(required)) {
      if (!Object.hasOwn(given, name)) throw new Misshapen(`${at(name)} is missing`);
      result[name] = read(given[name], at(name));
    }
    for (const [name, read] of Object.entries(optional))
      if (Object.hasOwn(given, name)) result[name] = read(given[name], at(name));
    return result as Read<R> & Partial<Read<O>>;
  };
