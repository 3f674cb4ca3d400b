/**
 * Plays conversations in the manner of Prosody's scansion (test/transcripts/*.scs):
 *
 *     # What it shows.
 *     [Client] Phone
 *     	jid: alice@work.example/phone
 *     	ignores: presence
 *     ---------
 *     Phone connects
 *     Phone sends:
 *     	<presence/>
 *     Phone receives:
 *     	<message from="{any}"><body>hello</body></message>
 *     Phone disconnects
 *
 * Several stanzas under `receives` come in that order, and each is the very next one; what `ignores` names (`presence`,
 * or a name and type as `presence:available`, `iq:set`) is passed over where it was not asked for. `via: server` is a client
 * of the real server, all others are clients of the proxy.
 */
import { parseElement } from '../../src/wire/parser.ts';
import { type Element, serialize } from '../../src/wire/xml.ts';
import { mismatch } from './match.ts';

export interface PartyOfScript {
  name: string;
  /** Full. */
  jid: string;
  via: 'proxy' | 'server';
  ignores: string[];
  /** `carbons: on`: XEP-0280 is enabled as part of `connects`. */
  options: Record<string, string>;
}

/** What plays a party: whoever connects it decides to what. */
export interface Player {
  send(xml: string): void;
  next(): Promise<Element>;
  close(): Promise<void>;
}

interface Step {
  line: number;
  party: string;
  does: 'connects' | 'disconnects' | 'sends' | 'receives';
  stanzas: string;
}

export interface Script {
  parties: Map<string, PartyOfScript>;
  steps: Step[];
}

const verbs = /^(\S+) (connects|disconnects|sends|receives)(:?)$/;

/** Text becomes parties and steps; throws what is wrong, with its line. */
export function readScript(text: string): Script {
  const script: Script = { parties: new Map(), steps: [] };
  let party: PartyOfScript | undefined;
  let begun = false;
  for (const [index, line] of text.split('\n').entries()) {
    const fail = (why: string) => new Error(`line ${index + 1}: ${why}: ${line}`);
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (/^-{3,}$/.test(line)) begun = true;
    else if (!begun) party = readParty(script, party, line, fail);
    else readStep(script, line, index + 1, fail);
  }
  if (script.steps.length === 0) throw new Error('nothing happens in it');
  return script;
}

type Fail = (why: string) => Error;

function readParty({ parties }: Script, party: PartyOfScript | undefined, line: string, fail: Fail): PartyOfScript {
  const name = /^\[Client\] (\S+)$/.exec(line)?.[1];
  if (name !== undefined) {
    const fresh: PartyOfScript = { name, jid: '', via: 'proxy', ignores: [], options: {} };
    parties.set(name, fresh);
    return fresh;
  }
  const [, key, value] = /^\s+(\w+): (.+)$/.exec(line) ?? [];
  if (party === undefined || key === undefined || value === undefined) throw fail('not a party');
  if (key === 'jid') party.jid = value;
  else if (key === 'via' && (value === 'proxy' || value === 'server')) party.via = value;
  else if (key === 'ignores') party.ignores = value.split(/[,\s]+/);
  else party.options[key] = value;
  return party;
}

function readStep({ parties, steps }: Script, line: string, number: number, fail: Fail): void {
  const [, party, does, colon] = verbs.exec(line) ?? [];
  if (party === undefined) {
    const last = steps.at(-1);
    if (!/^\s/.test(line) || last === undefined) throw fail('not a step');
    last.stanzas += `${line.trim()}\n`;
    return;
  }
  if (!parties.has(party)) throw fail('nobody has that name');
  if ((colon === ':') !== (does === 'sends' || does === 'receives'))
    throw fail('stanzas follow `sends:` and `receives:`');
  steps.push({ line: number, party, does: does as Step['does'], stanzas: '' });
}

/** Plays it; fails with the line that was not kept. `rewrite` turns the script's addresses into real ones. */
export async function play(
  text: string,
  connect: (party: PartyOfScript) => Promise<Player>,
  rewrite: (text: string) => string = (same) => same,
): Promise<void> {
  const { parties, steps } = readScript(text);
  const players = new Map<string, Player>();
  try {
    for (const step of steps)
      await takeStep(step, parties.get(step.party)!, players, connect, rewrite).catch((error: Error) => {
        throw new Error(`line ${step.line}, ${step.party} ${step.does}: ${error.message}`);
      });
  } finally {
    await Promise.all([...players.values()].map((player) => player.close()));
  }
}

async function takeStep(
  { does, stanzas }: Step,
  party: PartyOfScript,
  players: Map<string, Player>,
  connect: (party: PartyOfScript) => Promise<Player>,
  rewrite: (text: string) => string,
): Promise<void> {
  if (does === 'connects') {
    players.set(party.name, await connect(party));
    return;
  }
  const player = players.get(party.name);
  if (player === undefined) throw new Error('it is not connected');
  if (does === 'disconnects') {
    players.delete(party.name);
    await player.close();
  } else if (does === 'sends') player.send(rewrite(stanzas));
  else for (const expected of parseAll(rewrite(stanzas))) await expect(expected, player, party);
}

const parseAll = (stanzas: string): Element[] =>
  parseElement(`<all>${stanzas}</all>`).children.filter((child): child is Element => typeof child !== 'string');

/** The next stanza must be it; what the party ignores does not count. */
async function expect(expected: Element, player: Player, { ignores }: PartyOfScript): Promise<void> {
  for (;;) {
    const actual = await player.next();
    const why = mismatch(expected, actual);
    if (why === undefined) return;
    const { name } = actual;
    if (ignores.includes(name) || ignores.includes(`${name}:${actual.attrs.type ?? 'available'}`)) continue;
    throw new Error(`${why}\nexpected: ${serialize(expected)}\nreceived: ${serialize(actual)}`);
  }
}
