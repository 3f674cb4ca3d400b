/** What scripts/faults does: a harness by its name, for as long as asked, on one server or on both. */
import parse from 'yargs-parser';
import { type JatFault, runJat } from '../test/faults/jat.ts';
import { runMessages } from '../test/faults/messages.ts';
import type { Fault } from '../test/faults/world.ts';
import type { Kind } from '../test/lib/servers.ts';

interface Order {
  kind: Kind;
  seed: number;
  goesOn(round: number): boolean;
  /** Kinds of faults; all where left out. */
  only: string[] | undefined;
  log(text: string): void;
}

/** Each prints what it found; true if nothing is amiss. */
const harnesses: Record<string, (order: Order) => Promise<boolean>> = {
  async messages({ only, ...order }) {
    const found = await runMessages({ ...order, ...(only && { faults: only as Fault[] }) });
    const { rounds, faults, messages, lost, doubled, misordered, needless, repeats } = found;
    const counts = {
      rounds,
      faults,
      messages,
      repeats,
      "server's losses": found.serverLosses.length,
      "server's misorders": found.serverMisorders,
      "server's doubles": found.serverDoubles,
    };
    const amiss = { lost, doubled, misordered, 'needless repeats': needless };
    const words = [
      ...Object.entries(counts).map(([name, count]) => `${count} ${name}`),
      ...Object.entries(amiss).map(([name, list]) => `${list.length} ${name}`),
    ];
    print(`${order.kind}, seed ${order.seed}: ${words.join(', ')}`);
    return Object.values(amiss).every((list) => list.length === 0);
  },
  async jat({ only, ...order }) {
    const found = await runJat({ ...order, ...(only && { faults: only as JatFault[] }) });
    const { rounds, faults, requests, answers, ended, cut, unanswered, doubled, wrong } = found;
    const kinds = Object.entries(answers).map(([what, count]) => `${count} ${what}`);
    print(
      `${order.kind}, seed ${order.seed}: ${rounds} rounds, ${faults} faults, ${requests} requests (${kinds.join(', ')}; ` +
        `${ended} ended with their streams, ${cut} on a line that was cut), ${unanswered.length} unanswered, ${doubled.length} doubled, ${wrong.length} wrong`,
    );
    return unanswered.length + doubled.length + wrong.length === 0;
  },
};

const print = (text: string): boolean => process.stdout.write(`${text}\n`);

const words = parse(process.argv.slice(2), {
  string: ['server', 'only'],
  number: ['minutes', 'seed'],
  boolean: ['verbose'],
});
const name = String(words._[0] ?? 'messages');
const harness = harnesses[name];
if (harness === undefined) {
  process.stderr.write(`No harness "${name}"; there are ${Object.keys(harnesses).join(', ')}.\n`);
  process.exit(2);
}
const kinds = (words.server === undefined ? ['prosody', 'ejabberd'] : [words.server]) as Kind[];
const minutes: number = words.minutes ?? 30;
const seed: number = words.seed ?? Math.floor(Date.now() / 1000) % 1_000_000;
const start = Date.now();
let isGood = true;
for (const [index, kind] of kinds.entries()) {
  const end = start + (minutes * 60_000 * (index + 1)) / kinds.length;
  const log = (text: string) => {
    const isNews = /^(lost|doubled|misordered|needless)/.test(text);
    if (words.verbose === true || isNews) print(`${((Date.now() - start) / 1000).toFixed(1)} ${kind}: ${text}`);
  };
  const only = words.only?.split(',');
  isGood = (await harness({ kind, seed, goesOn: () => Date.now() < end, only, log })) && isGood;
}
process.exit(isGood ? 0 : 1);
