/** What was not given is asked for, one thing a message. */
import type { Context } from './context.ts';
import { type Arg, type Collected, type Command, type Reading, readValue } from './define.ts';
import { UsageError } from './error.ts';

/** All values; rejects when the dialog ends without them. `back` returns to the question before. */
export async function complete(
  declaration: Command,
  { values, missing }: Reading,
  context: Context,
): Promise<Collected> {
  const complete = { ...values };
  let remark = '';
  for (let at = 0; at < missing.length; ) {
    const key = missing[at]!;
    const arg = declaration.args[key]!;
    declaration.check?.(complete, context);
    const secret = arg.kind === 'secret';
    const fits = (text: string): boolean => isWord(text) || canRead(arg, text, context);
    const text = await context.ask({ text: remark + prompt(arg, context), secret, fits });
    remark = '';
    if (!secret && isBack(text)) {
      at = Math.max(0, at - 1);
      delete complete[missing[at]!];
      continue;
    }
    if (!secret && isSkip(text)) {
      remark = 'I cannot do it without that.\n';
      continue;
    }
    try {
      complete[key] = readValue(arg, text, context);
      at++;
    } catch (reason) {
      if (!(reason instanceof UsageError)) throw reason;
      remark = `${reason.message}\n`;
    }
  }
  declaration.check?.(complete, context);
  return complete;
}

const isBack = (text: string): boolean => /^\s*back\s*$/i.test(text);
const isSkip = (text: string): boolean => /^\s*skip\s*$/i.test(text);
const isWord = (text: string): boolean => isBack(text) || isSkip(text);

function canRead(arg: Arg, text: string, context: Context): boolean {
  try {
    readValue(arg, text, context);
    return true;
  } catch {
    return false;
  }
}

/** A question for one argument. */
export function prompt(arg: Arg, { grant, numbers }: Pick<Context, 'grant' | 'numbers'>): string {
  if (arg.kind === 'secret') return askSecret(arg.label);
  if (arg.kind === 'choice') return `Which ${arg.label}: ${arg.of.join(', ')}? (or \`cancel\`)`;
  if (arg.kind !== 'account') return `Which ${arg.label}? (or \`cancel\`)`;
  const list = grant.user.accounts.map(({ jid, label }) => `${numbers.of(grant.user, jid)} ${label}`).join(', ');
  return `Which account? ${list} (or \`cancel\`)`;
}

/** How every secret is asked for. */
export const askSecret = (label: string): string =>
  `Send the ${label} as your next message. I neither copy nor log it. \`cancel\` stops.`;

/** `14 characters`: all that is ever said about a secret. */
export function lengthOf(secret: string): string {
  const length = [...secret].length;
  return length === 1 ? '1 character' : `${length} characters`;
}
