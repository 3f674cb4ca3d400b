/** The harness of scripts/faults finds what it is there to find: each kind of finding from evidence that has it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Arrival } from './faults/arrivals.ts';
import { audit, auditAll, type Evidence, type Findings } from './faults/audit.ts';
import type { App, Sent, Skills } from './faults/client.ts';

const alice = 'alice@work.example';
const bob = 'bob@home.example';
const none: Skills = { managed: false, archive: false, carbons: false };

type Party = { -readonly [K in 'name' | 'skills' | 'sent' | 'arrivals' | 'ends']: App[K] };
const party = (name: string, skills: Partial<Skills> = {}): Party => ({
  name,
  skills: { ...none, ...skills },
  sent: [],
  arrivals: [],
  ends: [],
});

const idOf = (body: string): string => body.replace(' ', '-');
const authorOf = (body: string): string => (body.startsWith('in') ? bob : alice);

const came = (body: string, more: Partial<Arrival> = {}): Arrival => {
  const [id, author] = [idOf(body), authorOf(body)];
  return { body, author, id, stanzaId: `place-${id}`, way: 'live', isDelayed: false, at: 1000, stream: 0, ...more };
};
const said = (body: string, more: Partial<Sent> = {}): Sent => {
  return { body, id: idOf(body), at: 500, acknowledgedAt: 600, refused: false, times: 1, ...more };
};

/** How many of each kind, where there are any. */
type Counts = Record<string, number>;

/** A round in which all went well: one message of the peer's and two of `managed`, seen by all. */
class Round {
  readonly archiveApp = party('archive', { archive: true, carbons: true });
  readonly managed = party('managed', { managed: true, carbons: true });
  readonly plain = party('plain');
  readonly peer = party('peer', { managed: true });
  archive = ['in 1', 'managed 2', 'in 3', 'managed 4'].map((body) => came(body, { way: 'archive' }));
  serverOfAlice: Arrival[] = this.archive.map((one) => ({ ...one, stanzaId: `theirs-${one.id}` }));
  serverOfBob = this.serverOfAlice;
  kind: Pick<Evidence, 'serverDied' | 'isForgetful' | 'overtakes' | 'full'> = {
    serverDied: false,
    isForgetful: false,
    overtakes: false,
    full: [],
  };

  constructor() {
    this.peer.sent.push(said('in 1'), said('in 3'));
    this.managed.sent.push(said('managed 2'), said('managed 4'));
    this.archiveApp.arrivals.push(...this.archive);
    this.managed.arrivals.push(came('in 1'), came('in 3'));
    this.plain.arrivals.push(came('in 1'), this.copy('managed 2'), came('in 3'), this.copy('managed 4'));
    this.peer.arrivals.push(came('managed 2'), came('managed 4'));
  }

  /** What an app without carbons is given of it. */
  copy(body: string): Arrival {
    return came(body, { body: `→ ${body}`, author: bob, id: `copy-${idOf(body)}`, stanzaId: undefined });
  }

  get #evidence(): Evidence {
    const apps = [this.archiveApp, this.managed, this.plain] as unknown as App[];
    const { archive, serverOfAlice, serverOfBob, kind } = this;
    const peer = this.peer as unknown as App;
    return { ...kind, alice, bob, apps, peer, archive, serverOfAlice, serverOfBob, since: 0 };
  }

  found(): Counts {
    return whatIs(audit(this.#evidence));
  }

  foundAtTheEnd({ kept = [], forgotten = [] }: { kept?: string[]; forgotten?: string[] } = {}): Counts {
    return whatIs(auditAll({ ...this.#evidence, kept: new Set(kept), forgotten: new Set(forgotten) }));
  }
}

/** Without what is none, and numbers in place of words. */
function whatIs(findings: Findings): Counts {
  const counts = Object.entries(findings).map(([key, value]) => [
    key,
    typeof value === 'number' ? value : value.length,
  ]);
  return Object.fromEntries(counts.filter(([key, count]) => count !== 0 && key !== 'messages'));
}

test('a round in which all went well', () => {
  assert.equal(new Round().found(), {});
  assert.equal(new Round().foundAtTheEnd(), {});
});

const swap = (list: Arrival[], one: number, other: number): void => {
  [list[one], list[other]] = [list[other]!, list[one]!];
};

test("the archive's own series have to rise", () => {
  const round = new Round();
  swap(round.archive, 1, 3); // of an app: nobody else can be the cause
  assert.ok(round.found().misordered! > 0);
  const ofPeer = new Round();
  for (const list of [ofPeer.archive, ofPeer.managed.arrivals, ofPeer.archiveApp.arrivals]) list.reverse();
  assert.ok(ofPeer.found().misordered! > 0);
});

test('what the server has in that order, or gives out of order, is its own', () => {
  const as = (change: (round: Round) => void): Counts => {
    const round = new Round();
    for (const list of [round.archive, round.archiveApp.arrivals]) swap(list, 0, 2);
    swap(round.managed.arrivals, 0, 1);
    swap(round.plain.arrivals, 0, 2);
    change(round);
    return round.found();
  };
  assert.equal(
    as(() => {}),
    { misordered: 1 },
  );
  assert.equal(
    as((round) => swap(round.serverOfAlice, 0, 2)),
    { serverMisorders: 1 },
  );
  assert.equal(
    as((round) => Object.assign(round.kind, { overtakes: true })),
    { serverMisorders: 1 },
  );
});

test('what other apps said comes in the order of the archive, as carbons and as copies', () => {
  const copies = new Round();
  swap(copies.plain.arrivals, 1, 3);
  assert.equal(copies.found(), { misordered: 2 });
  const carbons = new Round();
  carbons.archive.push(came('plain 5'), came('archive 6'));
  const [five, six] = [came('plain 5', { way: 'carbon' }), came('archive 6', { way: 'carbon' })];
  carbons.managed.arrivals.push(six, five);
  assert.equal(carbons.found(), { misordered: 1 });
});

test('pages of the archive may be older than what came alive, but have an order', () => {
  const alive = came('plain 5', { way: 'carbon' });
  const round = new Round();
  round.archive.push(alive);
  round.archiveApp.arrivals.unshift(alive);
  assert.equal(round.found(), {});
  swap(round.archiveApp.arrivals, 2, 3);
  assert.equal(round.found(), { misordered: 1 });
});

const again = (round: Round, app: 'managed' | 'plain', first: Partial<Arrival>, ends: number[]): Counts => {
  Object.assign(round[app].arrivals[0]!, first);
  round[app].ends = ends;
  round[app].arrivals.push(came('in 1', { stream: 1, isDelayed: true, at: 9000 }));
  return round.found();
};

for (const app of ['managed', 'plain'] as const) {
  test(`what ${app} had acknowledged well before the break need not come again`, () => {
    assert.equal(again(new Round(), app, { confirmed: { at: 1500, stream: 0 } }, [3000]), { needless: 1 });
    assert.equal(again(new Round(), app, { confirmed: { at: 2500, stream: 0 } }, [3000]), { repeats: 1 });
    assert.equal(again(new Round(), app, {}, [3000]), { repeats: 1 });
    assert.equal(again(new Round(), app, { confirmed: { at: 1500, stream: 1 } }, [1200]), { needless: 1 });
    assert.equal(again(new Round(), app, { stream: 1 }, []), { needless: 1 }, 'on one stream');
    assert.equal(again(new Round(), app, {}, [60_000]), { needless: 1 }, 'never asked for');
  });

  test(`an acknowledgement of ${app} that a full disk did not take does not count`, () => {
    const round = new Round();
    round.kind = { ...round.kind, full: [{ from: 1400, to: 5000 }] };
    assert.equal(again(round, app, { confirmed: { at: 1500, stream: 0 } }, [6000]), { repeats: 1 });
    const later = new Round();
    later.kind = { ...later.kind, full: [{ from: 1400, to: 5000 }] };
    assert.equal(again(later, app, { confirmed: { at: 1500, stream: 0 } }, [8000]), { needless: 1 });
  });
}

test('a copy of one message under another id is a double', () => {
  const round = new Round();
  round.plain.arrivals.push({ ...round.copy('managed 2'), id: 'another', stream: 1 });
  assert.equal(round.found(), { doubled: 1 });
});

test("what the peer said twice and the server has twice, or forgot, is the server's", () => {
  const round = (times: number, change: (round: Round) => void): Counts => {
    const one = new Round();
    Object.assign(one.peer.sent[0]!, { times });
    one.archive.push(came('in 1', { stanzaId: 'another' }));
    change(one);
    return one.found();
  };
  const dies = (one: Round) => Object.assign(one.kind, { serverDied: true });
  assert.equal(
    round(2, () => {}),
    { doubled: 1 },
  );
  assert.equal(round(1, dies), { doubled: 1 });
  assert.equal(round(2, dies), { serverDoubles: 1 });
  assert.equal(
    round(2, (one) => one.serverOfAlice.push(came('in 1', { stanzaId: 'theirs-too' }))),
    { serverDoubles: 1 },
  );
});

test("at the end the peer's messages are looked for, too, but for what a killed server lost", () => {
  const without = (died: boolean, atServer = true): Round => {
    const round = new Round();
    round.archive.shift();
    if (!atServer) round.serverOfAlice.shift();
    round.kind = { ...round.kind, serverDied: died };
    return round;
  };
  assert.equal(without(false).foundAtTheEnd(), { lost: 1 });
  assert.equal(without(true).foundAtTheEnd(), { lost: 1 });
  assert.equal(without(true, false).foundAtTheEnd(), { serverLosses: 1 });
  assert.equal(without(true, false).foundAtTheEnd({ kept: ['in-1'] }), { lost: 1 }, 'it was here');
  assert.equal(without(true).foundAtTheEnd({ forgotten: ['in-1'] }), { serverLosses: 1 });
});

test.run();
