/** The way to root and back: root is in no unit, so what is said to it is taken out here. */
import { randomBytes } from 'node:crypto';
import type { Door, DoorOutlet } from '../link/door.ts';
import { type Log, said } from '../stream/log.ts';
import { outgoing } from '../stream/outgoing.ts';
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, isRequest, Stanza } from '../wire/stanza.ts';
import { clone, xml } from '../wire/xml.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

export interface RootContext {
  door: Door;
  sessions: Sessions;
  log: Log;
}

/** A stanza that a client sends to root. */
export function tellRoot(context: RootContext, session: Session, stanza: Stanza): void {
  if (stanza.name === 'presence') greet(context.door.address, session, stanza.type);
  else if (stanza.name === 'message') say(context, session, stanza);
  else if (isRequest(stanza)) ask(context, session, stanza); // root asks nothing: no answer is for it
}

function say({ door, sessions, log }: RootContext, session: Session, stanza: Stanza): void {
  if (stanza.type === 'error') return;
  try {
    if (door.message(session.speaker, stanza).mirror) mirror(door.address, sessions, session, stanza);
  } catch (reason) {
    rootFailed(log, reason);
  }
}

function ask({ door, sessions, log }: RootContext, session: Session, stanza: Stanza): void {
  door
    .iq(session.speaker, stanza)
    .catch((reason) => {
      rootFailed(log, reason);
      return errorOf(stanza, 'internal-server-error');
    })
    .then((answer) => sessions.get(session.sid)?.tell(answer));
}

const rootFailed = (log: Log, reason: unknown): void => log.error('root failed', { reason: said(reason) });

/** root is in every roster already, and available; who asks all the same is told so. */
function greet(root: BareJid, session: Session, type: string | undefined): void {
  if (type === 'subscribe') session.tell(Stanza.of(xml('presence', { type: 'subscribed', from: root })));
  if (type === 'subscribe' || type === 'probe') session.tell(Stanza.of(xml('presence', { from: root })));
}

/** A client's initial presence: what waited for it is said after what its unit sends at once. */
export function arrive({ door, sessions, log }: RootContext, session: Session): void {
  process.nextTick(() => {
    if (sessions.get(session.sid) !== session) return;
    try {
      door.arrived(session.speaker);
    } catch (reason) {
      rootFailed(log, reason);
    }
  });
}

/** RULES 6: the login's other clients see what was said, as a carbon (XEP-0280) or in words. */
export function mirror(peer: BareJid, sessions: Pick<Sessions, 'of'>, session: Session, stanza: Stanza): void {
  const { address, bare } = session.facts;
  const body = stanza.tree.getChildText('body');
  if (!body || !isSpoken(stanza)) return;
  const carbons: Session[] = [];
  const others: Session[] = [];
  for (const other of sessions.of(bare))
    if (other !== session && other.facts.presence !== undefined) (other.facts.carbons ? carbons : others).push(other);
  if (carbons.length > 0) {
    const message = clone(stanza.tree);
    Object.assign(message.attrs, { xmlns: NS.client, from: address });
    const sent = xml('sent', NS.carbons, xml('forwarded', NS.forward, message));
    spread(carbons, Stanza.of(xml('message', { from: bare, type: stanza.type }, sent)));
  }
  spread(others, chat(peer, `→ ${body}`));
}

/** XEP-0280 §6.1. */
const isSpoken = ({ type }: Stanza): boolean => type === undefined || type === 'chat' || type === 'normal';

/** What root says. */
export function outletOf({ sessions }: Pick<RootContext, 'sessions'>, root: () => BareJid): DoorOutlet {
  const listeners = (bare: BareJid, only?: number, asker?: number): Session[] => {
    if (only === undefined)
      return [...sessions.of(bare)].filter(({ sid, facts }) => facts.presence !== undefined || sid === asker);
    const one = sessions.get(only);
    return one === undefined ? [] : [one];
  };
  const send: DoorOutlet['send'] = (bare, stanza, only, asker) => {
    const message = stanza.from === undefined ? stanza.readdress({ from: root() }) : stanza;
    const found = listeners(bare, only, asker);
    spread(found, message);
    return found.some(({ connected }) => connected);
  };
  return { send, say: (bare, text, only, asker) => send(bare, chat(root(), text), only, asker) };
}

const chat = (from: string, text: string): Stanza =>
  Stanza.of(xml('message', { type: 'chat', from, id: randomBytes(9).toString('base64url') }, xml('body', {}, text)));

export function spread(sessions: readonly Session[], stanza: Stanza): void {
  if (sessions.length === 0) return;
  const out = outgoing(stanza);
  for (const session of sessions) session.send(out);
}
