/** `account add` */
import type { BareJid } from '../wire/jid.ts';
import { askSecret, lengthOf } from './complete.ts';
import type { Context } from './context.ts';
import { command, type Values } from './define.ts';
import { defined } from './defined.ts';
import { UsageError } from './error.ts';
import { isAlone } from './grant.ts';
import { storePassword } from './password.ts';
import { routeText } from './route.ts';
import { count, serverText, typed } from './text.ts';
import { tryAccount } from './trial.ts';

const args = {
  jid: { kind: 'jid', label: 'address' },
  password: { kind: 'secret', label: "account's password" },
  label: { kind: 'text', label: 'short name', optional: true },
  trust: { kind: 'fingerprint', label: 'fingerprint', optional: true },
  host: { kind: 'text', label: 'server', optional: true, access: 'admin' },
} as const;

export const add = command({
  summary: 'keep an account online here',
  access: 'user',
  args,
  words: ['jid', 'password'],
  example: 'account add bob@xmpp.org label=work',
  next: 'I ask for the password, log in there, and tell what to type into your app.',
  check(values, context) {
    if (values.host !== undefined) routeText(values.host);
    mustBeFree(values, context);
  },
  target: ({ jid }) => jid,
  async run(values, context) {
    const { jid, password, label, trust, host } = values;
    const { registry, pool, grant } = context;
    const { user } = grant;
    const route = host === undefined ? undefined : routeText(host);
    const about = { label: undefined, given: { label, trust, host } };
    const { contacts, pin } = await tryAccount(context, user.name, { jid, password, route, trust }, about);
    const second = await proxyPassword(context);
    mustBeFree(values, context); // that took a while, and a proxy password is not to be set for nothing
    if (second !== undefined) await storePassword(context, user, second);
    await registry.addAccount(user.name, { jid, password, ...defined({ label, route, pin }) });
    await pool.refresh(user.name);
    return [
      `Connected: ${count(contacts, 'contact')}.`,
      `Password stored (${lengthOf(password)}).`,
      ...(second === undefined ? [] : [`Proxy password stored (${lengthOf(second)}).`]),
      ...nextStep(context, jid),
    ].join('\n');
  },
});

function mustBeFree(values: Partial<Values<typeof args>>, { registry, grant: { user } }: Context): void {
  const { jid, label, trust, host } = values;
  const why = jid === undefined ? undefined : registry.taken({ account: jid, for: user.name });
  if (why !== undefined) throw new UsageError(`${why} ${insteadOf(registry.ownerOf(jid!), user.name)}`);
  const whyNot = label === undefined ? undefined : registry.taken({ label, for: user.name });
  const another = typed('account add', jid === undefined ? [] : [jid], { label: '…', trust, host });
  if (whyNot !== undefined) throw new UsageError(`${whyNot} Give another: \`${another}\``);
}

/** What to do about an address that cannot be had. */
function insteadOf(owner: ReturnType<Context['registry']['ownerOf']>, name: string): string {
  if (owner === undefined) return 'Name one of another server: `account add alice@example.org`';
  if (owner.user.name !== name) return 'Ask who runs this proxy.';
  return `See \`${typed('account show', [owner.account.label])}\``;
}

/** One account alone needs no proxy password; with a second there must be one that proves both. */
async function proxyPassword({ registry, grant, ask }: Context): Promise<string | undefined> {
  const user = registry.user(grant.user.name);
  if (user === undefined || !isAlone(user)) return undefined;
  return ask({
    secret: true,
    text: `That login works. With a second account you need a proxy password.\n${askSecret('proxy password')}`,
  });
}

/** Any app can show the account now: log in to it as before, but here. */
function nextStep({ registry, numbers, server }: Context, jid: BareJid): string[] {
  const owner = registry.ownerOf(jid);
  const name =
    owner === undefined ? '' : `It is account ${numbers.of(owner.user, owner.account.jid)}, ${owner.account.label}. `;
  return [
    `${name}Next: in your app, log in as`,
    jid,
    `with that account's own password, but set ${serverText(server)}.`,
    `Should the app ask about a certificate: \`certificate\` here, in this app, tells the right one.`,
  ];
}
