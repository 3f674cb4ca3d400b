/** Does a component's server take us? Asked before anything about it is kept. */
import { Failed } from './failed.ts';
import { ComponentStream } from './stream.ts';
import { usual } from './timing.ts';
import type { ComponentFailure, ComponentOptions, ComponentPlace } from './types.ts';

/** Connects, proves the secret, closes; undefined if all that went well. */
export async function tryComponent(
  place: ComponentPlace,
  options: ComponentOptions,
): Promise<ComponentFailure | undefined> {
  const stream = new ComponentStream({ place, options, timing: options.timing ?? usual });
  try {
    await stream.start();
  } catch {
    return (await stream.ended).failure;
  }
  stream.end(new Failed('lost', 'tried'), '</stream:stream>');
  return undefined;
}
