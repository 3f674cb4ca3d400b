/** One line of a session, obeyed: found, permitted, completed, run, answered. */
import { complete } from '../commands/complete.ts';
import type { Answer, Context, Log, Question, Reply, World } from '../commands/context.ts';
import { type Args, type Command, type Reading, read, type Values } from '../commands/define.ts';
import { UsageError } from '../commands/error.ts';
import { allowed, type Grant, grantOf } from '../commands/grant.ts';
import { notFound } from '../commands/help.ts';
import { givenIn } from '../commands/line.ts';
import { find } from '../commands/tree.ts';
import { groupHelp } from '../commands/usage.ts';
import { splitWords } from '../commands/words.ts';
import type { Speaker } from '../link/door.ts';
import { type Confirmations, validFor } from './confirmations.ts';
import { greeting, isGreeting } from './greeting.ts';

/** What waits for `yes` and a code. */
export interface Act {
  name: string;
  command: Command;
  target: string | undefined;
  run: () => Promise<Reply>;
}

/** What a turn needs of its conversation. */
export interface Turn {
  world: World;
  speaker: Speaker;
  log: Log;
  confirmations: Confirmations<Act>;
  /** Nobody has spoken from this login before. */
  first: boolean;
  /** Secrets that came with this line or were asked for. */
  secrets: string[];
  say(text: string): void;
  ask(question: Question): Promise<string>;
}

/** What this session may do now; throws if its user is no more. */
export function grantNow({ registry, locks }: World, speaker: Speaker): Grant {
  const user = registry.user(speaker.user);
  if (user === undefined) throw new UsageError('You are not a user here any more.');
  const owned = speaker.view !== 'identity' || user.accounts.some(({ jid }) => jid === speaker.bare);
  if (!owned) throw new UsageError('This account is not kept here any more.');
  return grantOf(speaker, user, locks.isOpen(speaker.sid));
}

export async function obey(turn: Turn, line: string): Promise<Answer> {
  const { world, speaker } = turn;
  const grant = grantNow(world, speaker);
  const words = splitWords(line);
  switch (words[0]?.text.toLowerCase()) {
    case 'yes':
      return confirm(turn, grant, (words[1]?.text ?? '').replace(/\D/g, ''));
    case 'start':
      return { text: greeting(grant, world.server) };
    case 'cancel':
      return { text: 'Nothing to cancel.' };
  }
  const found = find(world.tree, words, grant.level);
  if (found.kind === 'command') return run(turn, grant, found.name, found.command, found.rest);
  if (found.kind === 'group') return { text: groupHelp(found.name, found.group, grant.level) };
  if (isGreeting(line.trim()) || (turn.first && found.kind === 'unknown'))
    return { text: greeting(grant, world.server) };
  throw notFound(found, grant);
}

async function run(
  turn: Turn,
  grant: Grant,
  name: string,
  command: Command,
  words: Parameters<typeof givenIn>[1],
): Promise<Answer> {
  const { world, speaker, ask, say } = turn;
  const context: Context = { ...world, speaker, grant, ask, say };
  const values = (await complete(command, readLine(turn, context, name, command, words), context)) as Values<Args>;
  const now = grantNow(world, speaker);
  if (now.level !== grant.level) throw new UsageError('What this login may do has changed meanwhile. Say it again.');
  const target = command.target?.(values, context);
  const reply = answerOf(await command.run(values, { ...context, grant: now }));
  if (reply.confirm === undefined) {
    record(turn, name, target);
    return reply;
  }
  const code = turn.confirmations.add(speaker.sid, { name, command, target, run: reply.confirm });
  return { text: `${reply.text}\nReply \`yes ${code}\` within ${validFor / 60_000} minutes.` };
}

/** What the line gives; a refusal names help where it names no other command. */
function readLine(
  { secrets }: Turn,
  context: Context,
  name: string,
  command: Command,
  words: Parameters<typeof givenIn>[1],
): Reading {
  try {
    const given = givenIn(command, words, context.grant.level);
    for (const [key, text] of given)
      if (command.args[key]?.kind === 'secret' && text !== true && text !== '') secrets.push(text);
    return read(command, given, context);
  } catch (reason) {
    if (!(reason instanceof UsageError) || /`[a-z]+ [a-z]+[^`]*`/.test(reason.message)) throw reason;
    throw new UsageError(`${reason.message} \`help ${name}\` tells how it is written.`);
  }
}

/** The right is asked for again: it may be gone since the code was given. */
async function confirm(turn: Turn, grant: Grant, code: string): Promise<Answer> {
  const taken = turn.confirmations.take(turn.speaker.sid, code);
  if (taken === 'nothing') return { text: 'Nothing to confirm.' };
  if (taken === 'wrong')
    throw new UsageError('That is not the code. Nothing was done. Check it, or say the command again for a new one.');
  const { name, command, target, run } = taken.act;
  if (!allowed(command.access, grant.level)) throw new UsageError('This login may not do that any more.');
  const reply = answerOf(await run());
  record(turn, name, target);
  return reply;
}

/** One line for each act that changed something. */
function record({ log, speaker }: Turn, command: string, target: string | undefined): void {
  if (target !== undefined) log.info('administration', { actor: speaker.user, login: speaker.bare, command, target });
}

const answerOf = (reply: Reply): Answer => (typeof reply === 'string' ? { text: reply } : reply);
