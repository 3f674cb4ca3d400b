/** What a journal's files have that the tables lack: read by the program after the one that wrote them. */
import { readFileSync } from 'node:fs';
import type { Opened } from './opened.ts';
import { type Entered, readLine } from './record.ts';

/** The end of a commit. */
export const mark = '.';
export const lineFeed = 10;

const noted = "SELECT value FROM kept WHERE account = '' AND kind = 'journal'";
/** What a program that ended had written, and the tables have not. */
export interface Left {
  /** It was durable. */
  marked: Entered[];
  unmarked: Entered[];
}

/** The tables have what is before that octet of that generation. */
export interface Point {
  generation: number;
  octet: number;
}

export function pointOf(opened: Opened): Point {
  const value = opened.statement(noted).pluck().get() as string | undefined;
  const [generation = 1, octet = 0] = value?.split(' ').map(Number) ?? [];
  return { generation, octet };
}

/** Oldest first; `newest` is the last generation that is there. */
export function leftIn(names: readonly string[], point: Point): { left: Left; newest: number } {
  const left: Left = { marked: [], unmarked: [] };
  let newest = 0;
  const found = names.map(readLeft).filter((one) => one !== undefined);
  for (const { generation, octets } of found.sort((one, other) => one.generation - other.generation)) {
    newest = generation;
    if (generation < point.generation) continue;
    readInto(left, octets.subarray(generation === point.generation ? point.octet : 0));
  }
  return { left, newest };
}

/** Undefined where there is nothing of ours. */
function readLeft(name: string): { generation: number; octets: Buffer } | undefined {
  let octets: Buffer;
  try {
    octets = readFileSync(name);
  } catch {
    return undefined;
  }
  const generation = Number(octets.toString('latin1', 0, Math.max(0, octets.indexOf(lineFeed))));
  return generation > 0 ? { generation, octets } : undefined;
}

/** Up to where the end of the program, or of the machine, broke it off. */
function readInto(left: Left, octets: Buffer): void {
  let records: Entered[] = [];
  for (const line of octets.toString('utf8').split('\n').slice(0, -1)) {
    if (line === mark) {
      for (const record of records) left.marked.push(record);
      records = [];
    } else if (line.startsWith('[')) {
      const record = readOrNot(line);
      if (record === undefined) break;
      records.push(record);
    }
  }
  left.unmarked.push(...records);
}

export function readOrNot(line: string): Entered | undefined {
  try {
    return readLine(line);
  } catch {
    return undefined;
  }
}
