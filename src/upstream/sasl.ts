/** Proving who we are (RFC 6120 §6): the best mechanism both sides know, strongest first. */
import { NS } from '../wire/ns.ts';
import { type Element, xml } from '../wire/xml.ts';
import { conditionOf, Failed, printable } from './failed.ts';
import { type Credentials, type Hash, type SaltCache, Scram } from './scram.ts';

/** What the exchange goes over. */
interface Channel {
  write(text: string): void;
  read(): Promise<Element>;
}

const hashes: Record<string, Hash> = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-1': 'sha1' };

/** Resolves when the server has accepted us and, with SCRAM, has proved itself. The channel must keep a password secret (PLAIN). */
export async function authenticate(
  channel: Channel,
  features: Element,
  credentials: Credentials,
  cache: SaltCache,
): Promise<void> {
  const offered = features.getChild('mechanisms', NS.sasl)?.getChildren('mechanism') ?? [];
  const names = offered.map((mechanism) => mechanism.getText().trim());
  const best = Object.keys(hashes).find((name) => names.includes(name));
  if (best !== undefined) return scram(channel, best, new Scram(hashes[best]!, credentials, cache));
  if (!names.includes('PLAIN'))
    throw new Failed('mechanisms', printable(`the server offers ${names.join(', ') || 'no way to log in'}`));
  channel.write(auth('PLAIN', `\0${credentials.username}\0${credentials.password}`));
  await answer(channel, 'success');
}

async function scram(channel: Channel, name: string, exchange: Scram): Promise<void> {
  channel.write(auth(name, exchange.first()));
  const challenge = await answer(channel, 'challenge');
  channel.write(xml('response', NS.sasl, encode(await exchange.final(decode(challenge)))).toString());
  const last = await answer(channel, 'challenge', 'success');
  exchange.verify(decode(last));
  if (last.name === 'success') return;
  channel.write(xml('response', NS.sasl).toString()); // RFC 4422 §5: a last challenge in place of additional data
  await answer(channel, 'success');
}

const auth = (mechanism: string, initial: string): string =>
  xml('auth', { xmlns: NS.sasl, mechanism }, encode(initial)).toString();
const encode = (text: string): string => Buffer.from(text).toString('base64');
const decode = (element: Element): string => Buffer.from(element.getText(), 'base64').toString();

async function answer(channel: Channel, ...expected: string[]): Promise<Element> {
  const element = await channel.read();
  if (element.attrs.xmlns === NS.sasl && element.name === 'failure') throw refusal(element);
  if (element.attrs.xmlns === NS.sasl && expected.includes(element.name)) return element;
  throw new Failed('stream', printable(`<${element.name}/> in place of <${expected.join('/> or <')}/>`));
}

/** RFC 6120 §6.5: which conditions will not go away by trying again. */
const final = ['not-authorized', 'account-disabled', 'credentials-expired', 'invalid-authzid'];

function refusal(element: Element): Failed {
  const { condition, text } = conditionOf(element);
  if (final.includes(condition)) return new Failed('refused', text);
  if (condition === 'encryption-required') return new Failed('no-tls', text);
  return new Failed('stream', text);
}
