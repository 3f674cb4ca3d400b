/** `account trust` */
import { command } from './define.ts';
import { UsageError } from './error.ts';
import { mustOwn } from './owner.ts';
import { fingerprintText, typed } from './text.ts';

export const trust = command({
  summary: 'accept a new certificate',
  access: 'user',
  args: {
    account: { kind: 'account', label: 'account' },
    fingerprint: { kind: 'fingerprint', label: 'fingerprint', optional: true },
  },
  words: ['account', 'fingerprint'],
  example: 'account trust work',
  next: 'I show the old and the new fingerprint and ask for a code. Ask who runs that server which is right.',
  target: ({ account }) => account.jid,
  async run({ account, fingerprint }, { grant, pool, registry }) {
    const { jid, label, pin } = account;
    const state = (await pool.status(grant.user.name)).find((one) => one.jid === jid);
    const shown = state?.status === 'online' ? undefined : state?.failure?.fingerprint;
    if (shown === undefined)
      throw new UsageError(
        `No certificate of ${label} waits for a decision. See \`${typed('account show', [label])}\``,
      );
    if (fingerprint !== undefined && !shown.startsWith(fingerprint))
      throw new UsageError(
        `The server shows another one than you named:\n${fingerprintText(shown)}\nAsk who runs it which is right. Then: \`${typed('account trust', [label])}\``,
      );
    const text = [
      `Trust a new certificate for ${label}`,
      jid,
      pin ? `Old:\n${fingerprintText(pin)}` : 'Until now a CA had to vouch for it.',
      `New:\n${fingerprintText(shown)}`,
    ].join('\n');
    return {
      text,
      async confirm() {
        mustOwn(registry, grant.user.name, jid);
        await registry.setAccount(jid, { pin: shown });
        await pool.refresh(grant.user.name);
        return `Trusted. ${label} connects; \`${typed('account show', [label])}\` tells how it goes.`;
      },
    };
  },
});
