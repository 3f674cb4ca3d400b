/** Numbered messages both ways while things go wrong at random; after each round everything is looked for everywhere. */
import { Chance } from '../lib/random.ts';
import type { Kind } from '../lib/servers.ts';
import { readArchive } from './arrivals.ts';
import { audit, auditAll, type Findings, nothing } from './audit.ts';
import type { App } from './client.ts';
import { areApart, type Fault, FaultyWorld, faults } from './world.ts';

export interface Options {
  kind: Kind;
  seed: number;
  /** Whether another round follows. */
  goesOn(round: number): boolean;
  /** What may go wrong; everything, where it is left out. */
  faults?: readonly Fault[];
  log(text: string): void;
}

export interface Result extends Findings {
  rounds: number;
  faults: number;
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** How long all has to be in its place after a round: milliseconds. */
const patience = 60_000;

export async function runMessages({ kind, seed, goesOn, log, ...options }: Options): Promise<Result> {
  const chance = new Chance(seed);
  const world = await FaultyWorld.open({ kind, chance, log });
  const total: Result = { ...nothing(), rounds: 0, faults: 0 };
  const beginning = Date.now();
  /** Of the round before: archives are read from there on. */
  let before = beginning;
  let start = beginning;
  const kept = new Set<string>();
  try {
    await settled(world.everybody, log);
    for (; goesOn(total.rounds); total.rounds++) {
      log(`round ${total.rounds + 1}`);
      const since = Date.now();
      [before, start] = [start, since];
      const deaths = world.serverDeaths.length;
      total.faults += await play(world, chance, options.faults ?? faults);
      const look = () => lookAt(world, { since, before }, world.serverDeaths.length > deaths, kept);
      add(total, await judge(world, look, log));
      if (total.lost.length + total.doubled.length + total.misordered.length > 20) break;
    }
    await judgeAll(world, { beginning, kept }, total, log);
  } finally {
    await world.close();
  }
  return total;
}

/** Some seconds of traffic with some faults in it. */
async function play(world: FaultyWorld, chance: Chance, which: readonly Fault[]): Promise<number> {
  let isOver = false;
  const traffic = talk(world, chance, () => isOver);
  const count = chance.between(1, 4);
  let done = 0;
  try {
    for (; done < count; done++) {
      await pause(chance.between(100, 2500));
      const first = chance.of(which);
      const others = which.filter((other) => areApart(first, other));
      if (others.length === 0 || chance.next() < 0.6) await world.happen(first);
      else {
        await together(world, chance, first, partnerOf(first, others, chance));
        done++;
      }
    }
    await pause(chance.between(200, 1500));
  } finally {
    isOver = true;
    await traffic;
  }
  return done;
}

/** A full disk goes with a death more often than by chance: what is not written then has to be known from elsewhere. */
function partnerOf(first: Fault, others: readonly Fault[], chance: Chance): Fault {
  const deaths = others.filter((other) => other === 'proxy' || other === 'worker');
  return chance.of(first === 'disk' && deaths.length > 0 && chance.next() < 0.7 ? deaths : others);
}

/** The second begins before the first is mended; both are, whatever becomes of the other. */
async function together(world: FaultyWorld, chance: Chance, first: Fault, second: Fault): Promise<void> {
  const mended = [world.happen(first), pause(chance.between(50, 1000)).then(() => world.happen(second))];
  for (const end of await Promise.allSettled(mended)) if (end.status === 'rejected') throw end.reason;
}

let number = 0;

async function talk({ apps, peer, alice, bob }: FaultyWorld, chance: Chance, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    number++;
    peer.say(alice.jid, `in ${number}`);
    const app = chance.of(apps);
    app.say(bob.jid, `${app.name} ${number}`);
    await pause(chance.of([5, 20, 50, 150]));
  }
}

/** Everybody is connected and has all it sent acknowledged. */
async function settled(everybody: readonly App[], log: Options['log']): Promise<void> {
  const deadline = Date.now() + patience;
  while (!everybody.every(({ isSettled }) => isSettled) && Date.now() < deadline) {
    for (const app of everybody) app.ask();
    await pause(100);
  }
  const late = everybody.filter(({ isSettled }) => !isSettled).map(({ name }) => name);
  if (late.length > 0) log(`no end in sight for what is to be acknowledged: ${late.join(', ')}`);
}

/** When the round began, and when the one before it: milliseconds since the epoch. */
interface Times {
  since: number;
  before: number;
}

/** Waits until nothing is missing any more, or patience ends. */
async function judge(world: FaultyWorld, look: () => Promise<Findings>, log: (text: string) => void) {
  await settled(world.everybody, log);
  const deadline = Date.now() + patience;
  for (;;) {
    const isLast = Date.now() > deadline; // what it finds missing was so then
    const findings = await look().catch((error: Error) => error);
    const isClean = !(findings instanceof Error) && findings.lost.length === 0;
    if (isClean || isLast) {
      if (findings instanceof Error) throw findings;
      const { lost, doubled, misordered, needless } = findings;
      for (const [what, list] of Object.entries({ lost, doubled, misordered, needless }))
        for (const line of list) log(`${what}: ${line}`);
      return findings;
    }
    const missing = findings instanceof Error ? findings.message : findings.lost[0]!;
    log(`waiting for what is not there yet: ${missing.slice(0, 300)}`);
    await pause(1000);
  }
}

async function lookAt(world: FaultyWorld, { since, before }: Times, serverDied: boolean, kept: Set<string>) {
  const start = new Date(before - 1000).toISOString();
  const { server, proxy, alice, bob, apps, peer } = world;
  const isForgetful = server.kind === 'ejabberd';
  const direct = { host: server.host, port: server.port, ca: server.ca };
  const archive = await readArchive(alice, proxy.endpoint(), start);
  for (const { id } of archive) if (id !== undefined) kept.add(id);
  const serverOfAlice = await readArchive(alice, direct, start);
  const serverOfBob = await readArchive(bob, direct, start);
  return audit({
    alice: alice.jid,
    bob: bob.jid,
    apps,
    peer,
    archive,
    serverOfAlice,
    serverOfBob,
    serverDied,
    isForgetful,
    overtakes: server.kind === 'ejabberd',
    full: world.full,
    since,
  });
}

/** At the end: the archive has all there ever was, and once. */
async function judgeAll(
  { alice, bob, apps, peer, proxy, server, serverDeaths }: FaultyWorld,
  { beginning, kept }: { beginning: number; kept: ReadonlySet<string> },
  total: Result,
  log: Options['log'],
) {
  const since = new Date(beginning - 1000).toISOString();
  const archive = await readArchive(alice, proxy.endpoint(), since);
  const direct = { host: server.host, port: server.port, ca: server.ca };
  const serverOfAlice = await readArchive(alice, direct, since);
  const told = [...total.lost, ...total.doubled].join();
  const idOf = (line: string) => /\((\S+)\)/.exec(line)![1]!;
  const isNews = (line: string) => !told.includes(`(${idOf(line)})`);
  const forgotten = new Set(total.serverLosses.map(idOf));
  const serverDied = serverDeaths.length > 0;
  const evidence = { apps, peer, bob: bob.jid, archive, serverOfAlice, serverDied, kept, forgotten };
  const { lost, doubled, serverLosses } = auditAll(evidence);
  total.serverLosses.push(...serverLosses.filter((line) => !forgotten.has(idOf(line))));
  for (const line of lost.filter(isNews)) log(`lost: ${line}`);
  for (const line of doubled.filter(isNews)) log(`doubled: ${line}`);
  total.lost.push(...lost.filter(isNews));
  total.doubled.push(...doubled.filter(isNews));
}

function add(total: Result, findings: Findings): void {
  total.messages += findings.messages;
  total.repeats += findings.repeats;
  total.serverMisorders += findings.serverMisorders;
  total.serverDoubles += findings.serverDoubles;
  for (const key of ['lost', 'doubled', 'misordered', 'needless', 'serverLosses'] as const)
    total[key].push(...findings[key]);
}
