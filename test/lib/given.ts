/** Messages with places, at an edge with nothing behind it; and what the unit hears of them. */
import { Stanza } from '../../src/wire/stanza.ts';
import { xml } from '../../src/wire/xml.ts';
import type { World } from './edge.ts';
import { Wire } from './wire.ts';

/** The unit delivers archived messages: their places are their bodies, with so much more text. */
export function give({ edge }: World, sid: number, from: number, to = from, more = ''): void {
  for (let place = from; place <= to; place++) {
    const body = xml('body', {}, `${place}${more}`);
    edge.link.deliver([sid], Stanza.of(xml('message', { from: 'bob@home.example/x' }, body)), place);
  }
}

/** What was acknowledged. */
export const places = ({ unit }: World): number[] =>
  unit.told.flatMap((told) => (told.what === 'acknowledged' ? [told.place] : []));
export const flow = ({ unit }: World): boolean[] =>
  unit.told.flatMap((told) => (told.what === 'flow' ? [told.isOpen] : []));

/** Takes everything, and says nothing by itself. */
export async function mute(world: World): Promise<{ wire: Wire; sid: number }> {
  const wire = await Wire.bound(world.starttls);
  return { wire, sid: (await world.unit.hears('attach')).sid };
}
