/**
 * In-band registration (XEP-0077) in a view that goes by the proxy password: that is the password it changes. The account's
 * own is changed in the account's own view.
 */
import { StanzaError } from '../wire/error.ts';
import { type BareJid, localOf } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { isRequest, type Stanza } from '../wire/stanza.ts';
import { clone, type Element, firstElement, xml } from '../wire/xml.ts';

/** Sets the user's proxy password; the answer says why not, in words. */
export type SetPassword = (password: string) => Promise<{ refusal: string | null }>;

/** The payload of a registration request to the login itself or its server; undefined for anything else. */
export function registrationIn(request: Stanza, own: BareJid, server: BareJid): Element | undefined {
  const isOurs = request.to === undefined || request.to === own || request.to === server;
  const payload = isRequest(request) && isOurs ? firstElement(request.tree) : undefined;
  return payload?.attrs.xmlns === NS.register && payload.name === 'query' ? payload : undefined;
}

/** The result's payload; throws StanzaError. */
export async function register(
  type: string | undefined,
  payload: Element,
  own: BareJid,
  setPassword: SetPassword,
): Promise<Element | undefined> {
  if (type === 'get') return registered(own);
  if (payload.getChild('remove') !== undefined)
    throw new StanzaError('not-allowed', 'A login cannot be removed this way');
  const password = payload.getChildText('password');
  if (!password || (payload.getChildText('username') ?? localOf(own)) !== localOf(own))
    throw new StanzaError('bad-request');
  const { refusal } = await setPassword(password);
  if (refusal !== null) throw new StanzaError('not-acceptable', refusal);
  return undefined;
}

/** XEP-0077 §3.1.1: what a registered entity is told. */
const registered = (own: BareJid): Element =>
  xml('query', NS.register, xml('registered'), xml('username', {}, localOf(own)), xml('password'));

/** What the account's server says of itself (XEP-0030), with the password change that we offer. */
export function offering(tree: Element, server: BareJid): Element {
  const query = tree.attrs.from === server && tree.attrs.type === 'result' ? firstElement(tree) : undefined;
  if (query?.attrs.xmlns !== NS.discoInfo || query.attrs.node) return tree;
  if (query.getChildren('feature').some(({ attrs }) => attrs.var === NS.register)) return tree;
  const copy = clone(tree);
  firstElement(copy)!.append(xml('feature', { var: NS.register }));
  return copy;
}
