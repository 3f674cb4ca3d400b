/** `account add` */
import type { BareJid } from '../wire/jid.ts';
import { askSecret, lengthOf } from './complete.ts';
import type { Context } from './context.ts';
import { command } from './define.ts';
import { defined } from './defined.ts';
import { UsageError } from './error.ts';
import { isAlone } from './grant.ts';
import { storePassword } from './password.ts';
import { routeText } from './route.ts';
import { count, serverText } from './text.ts';
import { tryAccount } from './trial.ts';

export const add = command({
  summary: 'keep an account online here',
  access: 'user',
  args: {
    jid: { kind: 'jid', label: 'address' },
    password: { kind: 'secret', label: "account's password" },
    label: { kind: 'text', label: 'short name', optional: true },
    trust: { kind: 'fingerprint', label: 'fingerprint', optional: true },
    host: { kind: 'text', label: 'server', optional: true, access: 'admin' },
  },
  words: ['jid', 'password'],
  example: 'account add bob@xmpp.org label=work',
  next: 'I ask for the password, log in there, and tell what to type into your app.',
  check({ jid, label, host }, { registry, grant: { user } }) {
    if (host !== undefined) routeText(host);
    const why =
      (jid && registry.taken({ account: jid, for: user.name })) ??
      (label === undefined ? undefined : registry.taken({ label, for: user.name }));
    if (why !== undefined) throw new UsageError(why);
  },
  target: ({ jid }) => jid,
  async run({ jid, password, label, trust, host }, context) {
    const { registry, pool, grant } = context;
    const { user } = grant;
    const route = host === undefined ? undefined : routeText(host);
    const { contacts, pin } = await tryAccount(context, user.name, { jid, password, route, trust }, undefined);
    const second = await proxyPassword(context);
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
