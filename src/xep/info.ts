/** What we answer about ourselves: ping (XEP-0199), version (XEP-0092), time (XEP-0202), last activity (XEP-0012). */
import type { Route } from '../wire/mux.ts';
import { NS } from '../wire/ns.ts';
import { xml } from '../wire/xml.ts';

export const ping: Route<unknown> = { type: 'get', ns: NS.ping, name: 'ping', handle: () => undefined };

/** Name and version, nothing of the machine. */
export const version = <Context>(number: (context: Context) => string): Route<Context> => ({
  type: 'get',
  ns: NS.version,
  name: 'query',
  handle: (_request, context) =>
    xml('query', NS.version, xml('name', {}, 'xmpproxy'), xml('version', {}, number(context))),
});

export const time: Route<unknown> = {
  type: 'get',
  ns: NS.time,
  name: 'time',
  handle: () =>
    xml('time', NS.time, xml('tzo', {}, '+00:00'), xml('utc', {}, new Date().toISOString().replace(/\.\d+Z$/, 'Z'))),
};

/** `seconds`: of idleness, or of uptime where a server is asked; throws for who may not know. */
export const last = <Context>(seconds: (context: Context, from: string | undefined) => number): Route<Context> => ({
  type: 'get',
  ns: NS.last,
  name: 'query',
  handle: ({ stanza }, context) =>
    xml('query', { xmlns: NS.last, seconds: String(Math.max(0, Math.floor(seconds(context, stanza.from)))) }),
});
