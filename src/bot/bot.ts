/** root: the contact through which everything is administered. */
import { Admins } from '../commands/admins.ts';
import { Attempts } from '../commands/attempts.ts';
import { commands } from '../commands/commands.ts';
import type { Log, World } from '../commands/context.ts';
import { Locks, pause } from '../commands/locks.ts';
import { Numbers } from '../commands/numbers.ts';
import { dateText, duration } from '../commands/text.ts';
import type { ComponentState } from '../component/types.ts';
import type { Notice } from '../jat/types.ts';
import type { Door, DoorOutlet, Speaker } from '../link/door.ts';
import type { AccountState } from '../link/link.ts';
import { type BareJid, parseBare } from '../wire/jid.ts';
import type { Route } from '../wire/mux.ts';
import type { Stanza } from '../wire/stanza.ts';
import { Alerts } from './alerts.ts';
import { createAnswers, type Info } from './answers.ts';
import { Confirmations } from './confirmations.ts';
import { Conversation, type Parts } from './conversation.ts';
import { Dialogs } from './dialogs.ts';
import { hear } from './message.ts';
import { Notes } from './notes.ts';
import { Relays } from './relays.ts';
import { Troubles } from './troubles.ts';
import type { Act } from './turn.ts';
import { healthOf, sendReceipt, wantsReceipt } from './voice.ts';

export interface BotParts
  extends Pick<World, 'registry' | 'pool' | 'sessions' | 'services' | 'server' | 'clock' | 'proves'> {
  outlet: DoorOutlet;
  log: Log;
  /** What every address of ours answers (disco, ping, version, …); `info` is what root is. */
  routes(info: () => Info): readonly Route<Speaker>[];
  /** Is that a refusal in words for the person who asked (the registry's)? */
  isRefusal(reason: unknown): reason is Error;
}

export interface Bot extends Door {
  /** An account's status changed: people are told of what they must act on. */
  account(user: string, state: AccountState): void;
  /** A component's state, or what is the matter with a service address, changed: admins are told. */
  component(state: ComponentState): void;
  service(notice: Notice): void;
  /** What serves that user is not started any more: admins are told; the user hears it of each account. */
  switchedOff(user: string, reason: string): void;
  /** A user's archive cannot be used, for that reason, or can be again: null. Admins and the user are told. */
  archive(user: string, reason: string | null): void;
  /** What serves that user cannot start, for that reason, till `archive` says that all is well: admins are told, the user's apps as they come. */
  unopened(user: string, reason: string): void;
  /** Nothing serves that user any more, and nothing shall. */
  dropped(user: string): void;
  /** What is kept for service addresses cannot be used, for that reason, or can be again: null. Admins are told. */
  serviceFile(reason: string | null): void;
  /** The machine's clock was, by so many milliseconds: admins are told. */
  clockSetBack(by: number): void;
  /** What was said to an account that no app of it hears (a detached room). */
  relay(user: string, account: BareJid, text: string): void;
  /** Timers are cleared, dialogs dropped; nothing is said any more. */
  close(): void;
}

/** Logins that a user may try in vain within `pause`. */
const mostFailed = 20;

const explanations = {
  encrypted: 'I cannot read encrypted messages; please switch encryption off for this chat.',
  long: 'That is too long for me. `help` shows what I can do.',
};

const switchedOffText = (user: string, reason: string): string =>
  `What serves ${user} broke again and again, so I do not start it any more.
(${reason})
The log has more. It is tried again when an account of ${user} is changed, or when xmpproxy starts.`;

const clockText = (by: number, now: number): string =>
  `This machine's clock was set back by ${duration(by)}; now it says ${dateText(now)} UTC.
Messages keep their order and none is lost, but for as long as that new ones bear dates that are over already.
If the time is wrong: check clock and NTP of the machine (\`timedatectl\`).`;

export function createBot({ outlet, log, routes, isRefusal, ...lasting }: BotParts): Bot {
  const { clock, server, registry } = lasting;
  const root = parseBare(`root@${server.domain}`);
  const say = (login: BareJid, text: string) => outlet.say(login, text);
  const notes = new Notes({ registry, domain: server.domain, say });
  const relays = new Relays({ registry, domain: server.domain, say });
  const world: World = {
    ...lasting,
    tree: commands,
    numbers: new Numbers(),
    locks: new Locks(clock),
    failed: new Attempts(clock, mostFailed, pause),
    admins: new Admins(registry),
    tell: (name, text) => notes.tell(name, text),
  };
  const dialogs = new Dialogs(clock);
  const confirmations = new Confirmations<Act>(clock);
  const parts: Parts = { world, outlet, root, log, dialogs, confirmations, heard: new Set(), isRefusal };
  const conversations = new Map<number, Conversation>();
  const answers = createAnswers(routes);
  const alerts = new Alerts({ registry, clock, domain: server.domain, say });

  const admins = () => registry.users.filter(({ admin }) => admin);
  const troubles = new Troubles({
    clock,
    hosts: () => lasting.services.hosts(),
    tell: (text, user) => {
      const names = new Set([...admins().map(({ name }) => name), ...(user === undefined ? [] : [user])]);
      for (const name of names) world.tell(name, text);
    },
    tellOthers: (text, user) => {
      for (const { name } of admins()) if (name !== user) world.tell(name, text);
    },
    tellApps: (text, user) => {
      for (const { sid, bare } of lasting.sessions.of(user)) outlet.say(bare, text, sid);
    },
    changed: () => {
      for (const { name } of admins()) showHealth(`${name}@${server.domain}` as BareJid);
    },
  });
  /** Root's presence tells admins how things are; hubs have told that it is there. */
  const showHealth = (login: BareJid, only?: number): void => {
    outlet.send(login, healthOf(root, troubles.status), only);
  };

  const conversationOf = (speaker: Speaker): Conversation => {
    const known = conversations.get(speaker.sid) ?? new Conversation(parts, speaker);
    conversations.set(speaker.sid, known);
    return known;
  };

  return {
    address: root,
    message(speaker, stanza) {
      const heard = hear(stanza);
      if (heard.kind === 'nothing') return { mirror: false };
      if (wantsReceipt(stanza)) sendReceipt(outlet, root, speaker, stanza);
      if (heard.kind === 'line') return { mirror: conversationOf(speaker).hear(heard.text) };
      outlet.say(speaker.bare, explanations[heard.kind], speaker.sid);
      return { mirror: false };
    },
    iq: (speaker: Speaker, stanza: Stanza) =>
      answers.answer(stanza, speaker, (reason) =>
        log.error('a request to root failed', { login: speaker.bare, cause: String(reason) }),
      ),
    arrived(speaker) {
      alerts.arrived(speaker);
      notes.arrived(speaker);
      relays.arrived(speaker);
      const isAdmin = speaker.view !== 'identity' && registry.user(speaker.user)?.admin === true;
      if (isAdmin && troubles.status !== undefined) showHealth(speaker.bare, speaker.sid);
      const unopened = troubles.unopenedOf(speaker.user);
      if (unopened === undefined) return;
      if (!isAdmin) outlet.send(speaker.bare, healthOf(root, undefined), speaker.sid);
      outlet.say(speaker.bare, unopened, speaker.sid);
    },
    unheard: (speaker, messages) =>
      alerts.unheard(
        speaker,
        messages.map(({ tree }) => tree.getChildText('body') ?? ''),
      ),
    gone(sid) {
      conversations.get(sid)?.end();
      conversations.delete(sid);
      dialogs.gone(sid);
      confirmations.gone(sid);
      world.locks.close(sid);
    },
    account: (user, state) => alerts.account(user, state),
    relay: (user, account, text) => relays.tell(user, account, text),
    component: (state) => troubles.component(state),
    service: (notice) => troubles.service(notice),
    serviceFile: (reason) => troubles.serviceFile(reason),
    archive: (user, reason) => troubles.archive(user, reason),
    unopened: (user, reason) => troubles.unopened(user, reason),
    dropped: (user) => troubles.dropped(user),
    clockSetBack(by) {
      for (const { name } of admins()) world.tell(name, clockText(by, clock.now()));
    },
    switchedOff(user, reason) {
      for (const { name } of admins()) world.tell(name, switchedOffText(user, reason));
    },
    close() {
      for (const conversation of conversations.values()) conversation.end();
      conversations.clear();
      dialogs.close();
      alerts.close();
      troubles.close();
    },
  };
}
