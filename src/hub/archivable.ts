/** What of a message its archive goes by, read in one pass; and whether it is a message for the archive (XEP-0313 §6.1.1). */
import { type BareJid, bare, domainOf, type Jid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import type { Stanza } from '../wire/stanza.ts';
import { type Element, serialize, shallow } from '../wire/xml.ts';

export interface Reading {
  body: string | undefined;
  /** XEP-0359: what its sender's app calls it, and what the account's own server does. */
  originId: string | undefined;
  alias: string | undefined;
  /** What the room calls it that it comes from. */
  roomId: string | undefined;
  /** When it was first taken, where somebody says so who would know (XEP-0203); milliseconds. */
  stamp: number | undefined;
  /** It carries ids that only the account's archive may give. */
  isMarked: boolean;
  isArchivable: boolean;
  /** Equal messages have equal ones, and hardly any others do. */
  mark: number;
}

/** What is of one moment only, or about the message: alone it is nothing to keep. */
const passing: ReadonlySet<unknown> = new Set([NS.chatStates, NS.hints, NS.delay, NS.delayed, NS.sid, NS.archived]);

export function readMessage({ tree, type, from }: Stanza, account: BareJid): Reading {
  const room = type === 'groupchat' && from !== undefined ? bare(from as Jid) : undefined;
  const reading: Reading = {
    body: undefined,
    originId: undefined,
    alias: undefined,
    roomId: undefined,
    stamp: undefined,
    isMarked: false,
    isArchivable: false,
    mark: 0,
  };
  let hasContent = false;
  let isForbidden = false;
  let isWanted = false;
  for (const child of tree.children) {
    if (typeof child === 'string') continue;
    const { name, attrs } = child;
    switch (attrs.xmlns) {
      case undefined:
        if (name === 'body') reading.body ??= child.getText();
        if (name !== 'thread') hasContent = true;
        break;
      case NS.sid:
        if (name === 'origin-id') reading.originId ??= attrs.id as string | undefined;
        if (isOwnId(child, account)) {
          reading.alias ??= attrs.id as string | undefined;
          reading.isMarked = true;
        } else if (name === 'stanza-id' && attrs.by === room) reading.roomId ??= attrs.id as string | undefined;
        break;
      case NS.archived:
        if (isOwnId(child, account)) reading.isMarked = true;
        break;
      case NS.hints:
        if (name === 'no-store' || name === 'no-permanent-store') isForbidden = true;
        if (name === 'store') isWanted = true;
        break;
      case NS.delay:
        if (reading.stamp === undefined && isClock(attrs.from, account, from as Jid))
          reading.stamp = dateIn(attrs.stamp);
        break;
      default:
        if (isContent(child)) hasContent = true;
    }
  }
  const isSpoken = type !== 'error' && (type !== 'headline' || reading.body !== undefined);
  reading.isArchivable = isSpoken && !isForbidden && (hasContent || isWanted);
  reading.mark = markOf(reading.body ?? contentOf(tree));
  return reading;
}

/** Whose word counts on when it was taken: its sender's, or that of a server on its way. */
function isClock(clock: unknown, account: BareJid, sender: Jid | undefined): boolean {
  if (clock === undefined || clock === account || clock === domainOf(account)) return true;
  return sender !== undefined && (clock === sender || clock === bare(sender) || clock === domainOf(sender));
}

function isContent({ attrs, children }: Element): boolean {
  if (passing.has(attrs.xmlns) || attrs.xmlns === NS.ibb) return false;
  return attrs.xmlns !== NS.mucUser || children.length > 0; // the mark of a private message in a room
}

/** XEP-0359 §3: nobody else may say what the account's archive calls it. COMPAT: ejabberd 23.01 says it twice. */
export const isOwnId = ({ name, attrs }: Element, account: BareJid): boolean =>
  ((attrs.xmlns === NS.sid && name === 'stanza-id') || (attrs.xmlns === NS.archived && name === 'archived')) &&
  (attrs.by === account || readJid(attrs.by) === account);

/** Without the ids that only the account's archive may give. */
export const unmarked = (tree: Element, account: BareJid): Element =>
  shallow(
    tree,
    tree.children.filter((child) => typeof child === 'string' || !isOwnId(child, account)),
  );

function dateIn(stamp: unknown): number | undefined {
  const at = Date.parse(String(stamp));
  return Number.isNaN(at) ? undefined : at;
}

/** All but what each sending of it may change. */
const contentOf = (tree: Element): string =>
  tree.children.map((child) => (typeof child === 'string' || !isContent(child) ? '' : serialize(child))).join('');

/** FNV-1a over the first thousand characters, and the length. */
function markOf(text: string): number {
  let hash = 0x811c9dc5 ^ text.length;
  const end = Math.min(text.length, 1000);
  for (let index = 0; index < end; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash | 0; // a small integer: V8 keeps it where it stands
}
