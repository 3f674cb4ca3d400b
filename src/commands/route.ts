/** Where an admin says that a server is; without a port, the usual one. */
import { readRoute } from '../wire/route.ts';
import { UsageError } from './error.ts';
import { visible } from './words.ts';

export function routeText(text: string): string {
  const plain = visible(text)
    .trim()
    .toLowerCase()
    .replace(/\/$/, '')
    .replace(/^xmpp:\/\//, '');
  for (const route of [plain, `${plain}:${plain.startsWith('xmpps://') ? 5223 : 5222}`])
    if (readRoute(route) !== undefined) return route;
  throw new UsageError('`host` is `name:port`, or `xmpps://name:port` for direct TLS.');
}
