/** A command is declared once; parser, permission, help and (later) the ad-hoc form follow from the declaration. */
import type { AccountRecord, User } from '../registry/types.ts';
import type { BareJid } from '../wire/jid.ts';
import type { Context, Reply } from './context.ts';
import { UsageError } from './error.ts';
import { type Access, allowed, type Grant } from './grant.ts';
import { readAccount, readAddress, readChoice, readFingerprint, readFlag, readNumber, readUser } from './kinds.ts';
import { nearest } from './nearest.ts';
import type { Numbers } from './numbers.ts';

/** What an argument can be: its field type in XEP-0004, and how text becomes it. */
export const kinds = {
  text: { field: 'text-single', read: (text: string): string => text },
  secret: { field: 'text-private', read: (text: string): string => text },
  jid: { field: 'jid-single', read: (text: string): BareJid => readAddress(text) },
  fingerprint: { field: 'text-single', read: (text: string): string => readFingerprint(text) },
  user: { field: 'text-single', read: (text: string, scope: Scope): Readonly<User> => readUser(text, scope) },
  account: {
    field: 'text-single',
    read: (text: string, scope: Scope): Readonly<AccountRecord> => readAccount(text, scope),
  },
  choice: {
    field: 'list-single',
    read: (text: string, _scope: Scope, of: readonly string[]): string => readChoice(text, of),
  },
  flag: { field: 'boolean', read: (text: string): boolean => readFlag(text) },
  number: { field: 'text-single', read: (text: string): number => readNumber(text) },
} as const;
export type Kind = keyof typeof kinds;

/** Whom the text of an argument can name. */
export interface Scope {
  grant: Grant;
  registry: { readonly users: readonly Readonly<User>[] };
  numbers: Numbers;
}

interface Common {
  /** What it is, as asked for: `Which {label}?`, `Send the {label} …`. */
  label: string;
  optional?: true;
  /** Who may give it; absent for the others. */
  access?: Access;
  /** Takes all the words that are left. */
  rest?: true;
}
export type Arg = Common & ({ kind: Exclude<Kind, 'choice'> } | { kind: 'choice'; of: readonly string[] });
export type Args = Record<string, Arg>;

type Value<A extends Arg> = A extends { kind: 'choice'; of: readonly (infer Choice)[] }
  ? Choice
  : ReturnType<(typeof kinds)[A['kind']]['read']>;
export type Values<A extends Args> = {
  [K in keyof A]: Value<A[K]> | (A[K] extends { optional: true } ? undefined : never);
};

export interface Command<A extends Args = Args> {
  summary: string;
  access: Access;
  args: A;
  /** Those that are given by their place. */
  words?: readonly (keyof A & string)[];
  example: string;
  /** What happens next. */
  next: string;
  /** Refuses what cannot go well, before anything is asked for. */
  check?(values: Partial<Values<A>>, context: Context): void;
  /** What was changed, for the log; a command without it changes nothing. Never a secret. */
  target?(values: Values<A>, context: Context): string;
  run(values: Values<A>, context: Context): Reply | Promise<Reply>;
}

/** Checks the declaration's types; past this line `read` is what makes values fit them. */
export const command = <const A extends Args>(declaration: Command<A>): Command => declaration as unknown as Command;

/** The arguments that a person may give. */
export const argsFor = ({ args }: Command, { level }: Pick<Grant, 'level'>): [string, Arg][] =>
  Object.entries(args).filter(([, { access = 'all' }]) => allowed(access, level));

/** Values of a command of any shape. */
export type Collected = Partial<Values<Args>>;

export interface Reading {
  values: Collected;
  /** Required and not given, or named to be asked for. */
  missing: string[];
}

/** Chat words and form fields both come through here: one meaning, one set of refusals. `true`: named without a value. */
export function read(declaration: Command, given: ReadonlyMap<string, string | true>, scope: Scope): Reading {
  const args = argsFor(declaration, scope.grant);
  refuseUnknown(declaration, args, [...given.keys()]);
  const values: Collected = {};
  const missing: string[] = [];
  for (const [key, arg] of args) {
    const text = given.get(key) ?? '';
    if (text === true && arg.kind === 'secret') missing.push(key);
    else if (text === true) values[key] = noValue(key, arg);
    else if (text !== '') values[key] = readValue(arg, text, scope);
    else {
      values[key] = implied(arg, scope);
      if (values[key] === undefined && !arg.optional) missing.push(key);
    }
  }
  return { values, missing };
}

/** One argument's text as its value; the refusal says which argument. */
export function readValue(arg: Arg, text: string, scope: Scope): Collected[string] {
  return kinds[arg.kind].read(text, scope, arg.kind === 'choice' ? arg.of : []);
}

function noValue(key: string, arg: Arg): boolean {
  if (arg.kind === 'flag') return true;
  throw new UsageError(`\`${key}\` needs a value: \`${key}=…\``);
}

/** Who has one account means that one; who has none need not be asked. */
function implied(arg: Arg, { grant }: Scope): Collected[string] {
  if (arg.kind === 'flag') return false;
  if (arg.kind !== 'account') return undefined;
  const accounts = grant.user.accounts.filter(({ jid }) => grant.only === undefined || jid === grant.only);
  if (accounts.length === 0 && !arg.optional) throw new UsageError(noAccount);
  return accounts.length === 1 ? accounts[0] : undefined;
}

export const noAccount = 'No account yet. Add one: `account add alice@example.org`';

/** The unknown key itself is not repeated: it may be a password that looks like one. */
function refuseUnknown(declaration: Command, args: [string, Arg][], given: string[]): void {
  for (const key of given) {
    if (args.some(([known]) => known === key)) continue;
    if (Object.hasOwn(declaration.args, key)) throw new UsageError(`\`${key}\` is not for this login to set.`);
    const close = nearest(
      key,
      args.map(([known]) => known),
    );
    throw new UsageError(`I do not know that option.${close === undefined ? '' : ` Did you mean \`${close}=\`?`}`);
  }
}
