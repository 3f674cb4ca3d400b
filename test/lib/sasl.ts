/** SASL on the server's side without a stream around it. */
import * as assert from 'uvu/assert';
import { Authentication, type SaslReply } from '../../src/stream/authentication.ts';
import type { Authority } from '../../src/stream/authority.ts';
import type { ChannelBinding } from '../../src/stream/channel.ts';
import { createDecoys } from '../../src/stream/decoys.ts';
import { Guesses } from '../../src/stream/guesses.ts';
import { makeOffer } from '../../src/stream/offer.ts';
import { NS } from '../../src/wire/ns.ts';
import { parseElement } from '../../src/wire/parser.ts';
import { domain, fakeAuthority, HandClock, silent } from './edge.ts';
import { base64 } from './wire.ts';

export const decoys = createDecoys(Buffer.from('secret of this test'), 1000);
/** A long time: the window of wrong passwords. */
export const window = 600_000;

interface Setup {
  authority?: Partial<Authority>;
  guesses?: Guesses;
  confidential?: boolean;
  bindings?: readonly ChannelBinding[];
  remote?: string;
}

export function begin({
  authority: changes,
  guesses,
  confidential = true,
  bindings = [],
  remote = '192.0.2.1',
}: Setup = {}) {
  const authority = fakeAuthority(changes);
  const authentication = new Authentication({
    authority,
    decoys,
    guesses: guesses ?? new Guesses(20, window, new HandClock()),
    log: silent,
    domain,
    remote,
    attempts: 8,
    offer: confidential ? makeOffer(authority.mechanisms(domain), bindings) : undefined,
  });
  const take = async (text: string): Promise<SaslReply> => authentication.take(parseElement(text));
  const auth = (mechanism: string, content = '') =>
    take(`<auth xmlns="${NS.sasl}" mechanism="${mechanism}">${content}</auth>`);
  const plain = (user: string, password: string, authzid = '') =>
    auth('PLAIN', base64(`${authzid}\0${user}\0${password}`));
  const respond = (content = '') => take(`<response xmlns="${NS.sasl}">${content}</response>`);
  return { take, auth, plain, respond };
}

export const content = ({ text }: SaslReply): string => Buffer.from(parseElement(text).getText(), 'base64').toString();
export const condition = ({ text }: Pick<SaslReply, 'text'>): string => {
  const element = parseElement(text);
  assert.is(element.name, 'failure');
  assert.is(element.attrs.xmlns, NS.sasl);
  return element.getChildElements()[0]!.name;
};
