/** `account del` */
import { command } from './define.ts';
import { quote } from './text.ts';

export const del = command({
  summary: 'remove it from this proxy',
  access: 'user',
  args: { account: { kind: 'account', label: 'account' } },
  words: ['account'],
  example: 'account del work',
  next: 'I name what is lost and ask for a code. The account at its own server stays as it is.',
  target: ({ account }) => account.jid,
  async run({ account: { jid, label } }, { grant, pool, registry, sessions }) {
    const state = (await pool.status(grant.user.name)).find((one) => one.jid === jid);
    const contacts = state === undefined ? '' : ` of ${state.contacts}`;
    const text = [
      `This removes ${label}`,
      jid,
      'from this proxy: its password, settings, what waits to be sent or read,',
      `the kept contact list${contacts}. At its own server nothing changes.`,
      `Milder: \`account off ${quote(label)}\``,
    ].join('\n');
    return {
      text,
      async confirm() {
        await registry.removeAccount(jid);
        await pool.refresh(grant.user.name);
        await pool.forget(grant.user.name, jid);
        return {
          text: `${label} is removed. Take it out of your apps, or set their server back.`,
          after: () => sessions.end({ account: jid }, 'The account was removed from this proxy'),
        };
      },
    };
  },
});
