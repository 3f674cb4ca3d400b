/** The proxy as `src/index.ts` starts it, but that each line on standard input sets the clock: by so many milliseconds. */
import { createInterface } from 'node:readline';

const wall = Date.now;
let shift = 0;
Date.now = () => wall() + shift;
createInterface(process.stdin).on('line', (line) => {
  shift += Number(line);
});
await import('../../src/index.js');
