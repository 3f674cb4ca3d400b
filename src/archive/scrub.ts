/**
 * SQLite overwrites what is deleted, but not what it has moved: when rows go from one page to another, copies stay in the space
 * between a page's cells. In a file that is closed, that space is overwritten here (Database File Format, §1.6).
 */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';

/** So many pages are looked at before others have their turn. */
const slice = 256;

/** Types of pages that hold a tree's cells, with the length of their heads. */
const heads = new Map([
  [2, 12],
  [5, 12],
  [10, 8],
  [13, 8],
]);

/** Overwrites that space in the pages from that one on (they count from 0); says where to go on, undefined at the end. */
export function scrub(file: string, from: number): number | undefined {
  const descriptor = openSync(file, 'r+');
  try {
    const head = Buffer.alloc(100);
    readSync(descriptor, head, 0, 100, 0);
    const size = pageSize(head);
    const pages = Buffer.alloc(slice * size);
    const length = readSync(descriptor, pages, 0, pages.length, from * size);
    let isChanged = false;
    for (let index = 0; (index + 1) * size <= length; index++) {
      const number = from + index;
      if (isMap(head, size, number) || !scrubPage(pages.subarray(index * size, (index + 1) * size), number)) continue;
      writeSync(descriptor, pages, index * size, size, number * size);
      isChanged = true;
    }
    if (isChanged) fsyncSync(descriptor);
    return length < pages.length ? undefined : from + slice;
  } finally {
    closeSync(descriptor);
  }
}

const pageSize = (head: Buffer): number => (head.readUInt16BE(16) === 1 ? 65_536 : head.readUInt16BE(16));

/** Pages that say where other pages belong (auto_vacuum); their first octet may look like a tree's. */
function isMap(head: Buffer, size: number, number: number): boolean {
  if (head.readUInt32BE(52) === 0) return false;
  return number > 0 && (number - 1) % (Math.floor((size - head.readUInt8(20)) / 5) + 1) === 0;
}

/** True if there was something. */
function scrubPage(page: Buffer, number: number): boolean {
  const start = number === 0 ? 100 : 0;
  const head = heads.get(page.readUInt8(start));
  if (head === undefined) return false;
  const from = start + head + 2 * page.readUInt16BE(start + 3);
  const to = page.readUInt16BE(start + 5) || 65_536;
  if (from >= to || to > page.length) return false;
  const gap = page.subarray(from, to);
  if (gap.every((octet) => octet === 0)) return false;
  gap.fill(0);
  return true;
}
