/** Hubs that open one store after the other. */
import { openMemoryStore } from '../../src/archive/store.ts';
import type { Store } from '../../src/archive/types.ts';
import type { Attachment } from '../../src/hub/attendance.ts';
import { type TestClient, World } from './hub.ts';

/** A client that was there before its hub. */
export const restored = { presence: '<presence><priority>3</priority><show>dnd</show></presence>', interested: true };

/** Lives of one account: hubs that open one store after the other; all are closed at the end. */
export class Lives {
  readonly store: Store;
  readonly #worlds: World[] = [];
  constructor(store: Store) {
    this.store = store;
  }
  async next(known: Partial<Attachment> = restored): Promise<{ world: World; phone: TestClient }> {
    const world = await World.open({}, this.store);
    this.#worlds.push(world);
    return { world, phone: world.client('phone', known) };
  }
  async close(): Promise<void> {
    for (const { hub } of this.#worlds) hub.close();
    await this.store.close();
  }
}

export const inLives = (run: (lives: Lives) => Promise<void>) => async (): Promise<void> => {
  const lives = new Lives(await openMemoryStore());
  try {
    await run(lives);
  } finally {
    await lives.close();
  }
};
