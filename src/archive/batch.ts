/** What becomes durable together. */
import type { Opened } from './opened.ts';
import type { Entered } from './record.ts';

export type Work = (opened: Opened) => unknown;

export interface Step {
  work: Work;
  /** Whoever asked is told if it cannot be done at all; undefined where it was done once. */
  fail: ((error: Error) => void) | undefined;
}

export class Batch {
  readonly steps: (Step | Entered)[] = [];
  /** By key: what is written at the commit. */
  readonly notes = new Map<string, () => Entered>();
  readonly done: Promise<void>;
  /** So many steps are in the open transaction. */
  entered = 0;
  /** There are steps that are no records. */
  hasWork = false;
  /** Some of those were not done when they were added. */
  hasLate = false;
  resolve!: () => void;
  reject!: (error: Error) => void;

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.done.catch(() => {}); // nobody may wait for it
  }
}

/** A value that cannot be had is a fault of ours, and no reason to keep others waiting. */
export function notesOf({ notes }: Batch): Entered[] {
  const records: Entered[] = [];
  for (const [key, note] of notes) {
    try {
      records.push(note());
    } catch (error) {
      notes.delete(key);
      queueMicrotask(() => {
        throw error;
      });
    }
  }
  return records;
}

/** One step behind those that were not done at once, so that all resolve in their order. */
export const inOrder = (batch: Batch): Promise<void> => (batch.hasLate ? batch.done.then(() => {}) : batch.done);

/** It was not done yet, so it may turn out that it cannot be. */
export function later(batch: Batch, step: Step): Promise<void> {
  batch.steps.push(step);
  batch.hasWork = true;
  batch.hasLate = true;
  return new Promise((resolve, reject) => {
    step.fail = reject;
    batch.done.then(resolve, reject);
  });
}
