/** Where a client's stanza goes: to root, to our own domain, or to the user's unit. */
import type { Speaker } from '../link/door.ts';
import { said } from '../stream/log.ts';
import { type BareJid, domainOf } from '../wire/jid.ts';
import type { Mux } from '../wire/mux.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, isRequest, resultOf, type Stanza } from '../wire/stanza.ts';
import { firstElement } from '../wire/xml.ts';
import type { ServiceDesk } from './desk.ts';
import { type RootContext, tellRoot } from './root.ts';
import type { Session } from './session.ts';

export interface RouteContext extends RootContext {
  domain: BareJid;
  /** What our own domain answers. */
  routes: Mux<Speaker>;
  desk: ServiceDesk | undefined;
}

export function route(context: RouteContext, session: Session, stanza: Stanza): void {
  const { to } = stanza;
  if (to !== undefined && isAt(to, context.door.address)) return tellRoot(context, session, stanza);
  if (context.desk?.takes(session, stanza)) return context.desk.stanza(session, stanza);
  const answer = answerOfStream(session, stanza);
  if (answer !== undefined) session.tell(answer);
  else if (to !== undefined && isAt(to, context.domain) && session.facts.view !== 'single')
    answerAsDomain(context, session, stanza);
  else session.give(stanza);
}

/** That bare address, or one of its resources. */
const isAt = (to: string, bare: string): boolean =>
  to.startsWith(bare) && (to.length === bare.length || to[bare.length] === '/');

/** Requests that are about the stream itself. */
function answerOfStream({ facts }: Session, stanza: Stanza): Stanza | undefined {
  if (stanza.name !== 'iq' || stanza.type !== 'set') return undefined;
  if (stanza.to !== undefined && stanza.to !== domainOf(facts.bare)) return undefined;
  const ns = firstElement(stanza.tree)?.attrs.xmlns;
  if (ns === NS.session) return resultOf(stanza); // RFC 3921 §3: of no effect, and some clients will not go on without it
  return ns === NS.bind ? errorOf(stanza, 'not-allowed') : undefined; // RFC 6120 §7.7.2.3: one resource a stream
}

function answerAsDomain({ domain, routes, sessions, log }: RouteContext, session: Session, stanza: Stanza): void {
  if (isRequest(stanza) && stanza.to === domain) {
    const failed = (reason: unknown) => log.error('request failed', { reason: said(reason) });
    routes.answer(stanza, session.speaker, failed).then((answer) => sessions.get(session.sid)?.tell(answer));
  } else if (isRequest(stanza) || (stanza.name === 'message' && stanza.type !== 'error'))
    session.tell(errorOf(stanza, 'service-unavailable'));
}
