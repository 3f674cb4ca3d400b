/** A worker whose units tell all they hear, and die of what they are told to die of. */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import type { EdgeLink, UnitLink, UnitSettings } from '../../src/link/link.ts';
import { serveUnits } from '../../src/link/unit-port.ts';
import { end } from '../../src/pool/held.ts';
import { errorOf, resultOf, Stanza } from '../../src/wire/stanza.ts';
import { xml } from '../../src/wire/xml.ts';

/** The worker stands still while the first number is 1; units of `shut` cannot be opened while the second is. */
const { gate } = workerData as { gate: Int32Array };

const ways: Record<string, () => void> = {
  throw: () =>
    setImmediate(() => {
      throw new Error('thrown in a worker');
    }),
  exit: () => process.exit(3),
  memory() {
    const hoard: string[][] = [];
    for (;;) hoard.push(new Array(100_000).fill('').map((_, index) => `${index} ${hoard.length}`));
  },
  stand: () => void Atomics.wait(gate, 0, 1),
  never() {},
};

function open(edge: EdgeLink, settings: UnitSettings): UnitLink {
  const { user } = settings;
  if (user === 'broken') throw new Error('its archive is damaged');
  if (user === 'shut' && Atomics.load(gate, 1) === 1) throw new Error('the disk is full');
  if (user === 'deadly') process.exit(4);
  const tell = (sid: number, what: string) => {
    const told = JSON.stringify({ user, thread: threadId, what });
    edge.deliver([sid], Stanza.of(xml('message', { from: 'unit' }, xml('body', {}, told))));
  };
  /** Sessions of which nothing is stored any more. */
  const unsafe = new Set<number>();
  return {
    attach: (sid, facts) => tell(sid, `attach ${JSON.stringify(facts)}`),
    resumable: (sid, from) => tell(sid, `resumable ${from}`),
    detach(sid, isClean) {
      tell(0, `detach ${sid} ${isClean}`);
      if (!unsafe.has(sid)) edge.stored(sid, end);
    },
    passed: (sid, position) => tell(sid, `passed ${position}`),
    acknowledged: (sid, place) => tell(sid, `acknowledged ${place}`),
    flow: (sid, isOpen) => tell(sid, `flow ${isOpen}`),
    stanza(sid, stanza, position, _order, past) {
      const { name, id = '', type = '' } = stanza;
      if (stanza.to === 'unsafe@example' || stanza.to === 'refused@example') unsafe.add(sid);
      if (type !== 'result') tell(sid, `${past ?? 'stanza'} ${name} ${id}`);
      if (type === 'get' && id !== 'silent') edge.deliver([sid], resultOf(stanza));
      if (stanza.to === 'refused@example') edge.deliver([sid], errorOf(stanza, 'resource-constraint'));
      if (!unsafe.has(sid)) edge.stored(sid, position);
      ways[stanza.tree.getChildText('body') ?? '']?.();
    },
    activity: (sid, inactive) => tell(sid, `activity ${inactive}`),
    async ask(what, ask) {
      if (what === 'forget') ways[(ask as { account: string }).account]?.();
      return (what === 'status' ? [] : null) as never;
    },
  };
}

const port = parentPort!;
serveUnits(
  port,
  (edge) => ({
    open: async (settings) => open(edge, settings),
    tryLogin: async () => ({ contacts: 1 }),
    close: async () => {},
  }),
  (reason) => port.postMessage({ level: 'error', message: 'failed', fields: { reason: String(reason) } }),
);
