/**
 * Messages as a file. `json`: one object a line, oldest first within each account, with `account`, `id` (the stanza-id), `at` (XEP-0082),
 * `peer`, `sent`, `type`, `xml` (the stanza), and where there is one `nick`, `body`, `client`, `server-id` (the server's stanza-id).
 * `xml`: XEP-0227 with the archives of XEP-0313.
 */
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ArchivedMessage, Store } from '../archive/types.ts';
import { stanzaIdOf } from '../hub/place.ts';
import type { Ask, UnitQuestions } from '../link/link.ts';
import { type BareJid, domainOf, localOf } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { escapeAttribute } from '../wire/xml.ts';
import { selectionOf } from './history.ts';

/** So many messages are in memory at once. */
const step = 200;

interface Form {
  head: string;
  foot: string;
  /** Around the messages of an account. */
  before(account: BareJid): string;
  after: string;
  message(account: BareJid, message: ArchivedMessage): string;
}

const forms: Record<'json' | 'xml', Form> = {
  json: { head: '', foot: '', before: () => '', after: '', message: jsonOf },
  xml: {
    head: `<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='${NS.pie}'>\n`,
    foot: '</server-data>\n',
    before: (account) =>
      `<host jid='${escapeAttribute(domainOf(account))}'><user name='${escapeAttribute(localOf(account))}'>` +
      `<archive xmlns='${NS.pieMam}'>\n`,
    after: '</archive></user></host>\n',
    message: (_, message) => xmlOf(message),
  },
};

/** The file is for the owner of the process alone, and not there if this fails. */
export async function exportHistory(store: Store, ask: Ask<UnitQuestions, 'exportHistory'>): Promise<number> {
  const { accounts, file, format } = ask;
  const { head, foot, before, after, message } = forms[format];
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'wx', 0o600);
  let count = 0;
  try {
    await handle.writeFile(head);
    for (const account of accounts) {
      await handle.writeFile(before(account));
      for await (const messages of pages(store, account, ask)) {
        await handle.writeFile(messages.map((one) => message(account, one)).join(''));
        count += messages.length;
      }
      await handle.writeFile(after);
    }
    await handle.writeFile(foot);
    await handle.sync();
    return count;
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function* pages(store: Store, account: BareJid, ask: Ask<UnitQuestions, 'exportHistory'>) {
  for (let after = -1; ; ) {
    const { messages, complete } = await store.messages.page(account, { ...selectionOf(ask), after }, step);
    yield messages;
    if (complete) return;
    after = messages.at(-1)!.place;
  }
}

const stamp = (at: number): string => new Date(at).toISOString();

function jsonOf(account: BareJid, message: ArchivedMessage): string {
  const { place, at, peer, resource, isSent, type, alias, client, text, body } = message;
  const line = {
    account,
    id: stanzaIdOf(place),
    at: stamp(at),
    peer,
    nick: type === 'groupchat' ? resource : undefined,
    sent: isSent,
    type,
    body,
    client,
    'server-id': alias,
    xml: text,
  };
  return `${JSON.stringify(line)}\n`;
}

function xmlOf({ place, at, text }: ArchivedMessage): string {
  const message = /^<message[^>]* xmlns=/.test(text) ? text : text.replace('<message', `<message xmlns='${NS.client}'`);
  return (
    `<result xmlns='${NS.mam}' id='${stanzaIdOf(place)}'><forwarded xmlns='${NS.forward}'>` +
    `<delay xmlns='${NS.delay}' stamp='${stamp(at)}'/>${message}</forwarded></result>\n`
  );
}
