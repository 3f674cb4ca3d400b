/** `account del` */
import { command } from './define.ts';
import { mustOwn } from './owner.ts';
import { count, typed } from './text.ts';

export const del = command({
  summary: 'remove it from this proxy',
  access: 'user',
  args: { account: { kind: 'account', label: 'account' } },
  words: ['account'],
  example: 'account del work',
  next: 'I name what is lost and ask for a code. The account at its own server stays as it is.',
  target: ({ account }) => account.jid,
  async run({ account: { jid, label } }, { grant, pool, registry, sessions }) {
    const user = grant.user.name;
    const state = (await pool.status(user)).find((one) => one.jid === jid);
    const contacts = state === undefined ? '' : ` (${count(state.contacts, 'contact')})`;
    const text = [
      `This removes ${label}`,
      jid,
      'from this proxy: its password, settings, what waits to be sent or read,',
      `the kept contact list${contacts}. At its own server nothing changes.`,
      `Milder: \`${typed('account off', [label])}\``,
    ].join('\n');
    return {
      text,
      async confirm() {
        mustOwn(registry, user, jid);
        await registry.removeAccount(jid);
        return {
          text: `${label} is removed. Take it out of your apps, or set their server back.`,
          // The unit ends the account's own logins, and this may be one of them.
          async after() {
            sessions.end({ account: jid }, 'The account was removed from this proxy');
            await pool.refresh(user);
            await pool.forget(user, jid);
          },
        };
      },
    };
  },
});
