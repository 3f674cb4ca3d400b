/** `set`: one of a person's own settings, in short for `user set`. */
import { command, read } from './define.ts';
import { set as userSet } from './user-set.ts';

export const set = command({
  summary: 'one of your settings',
  access: 'user',
  args: {
    setting: {
      kind: 'choice',
      of: ['backlog', 'retention', 'mirror', 'away', 'autoaway', 'expiry'],
      label: 'setting',
    },
    value: { kind: 'text', label: 'value', rest: true },
  },
  words: ['setting', 'value'],
  example: 'set backlog 20',
  next: '`help user set` tells what each of them is.',
  target: ({ setting }) => setting,
  run({ setting, value }, context) {
    const { values } = read(userSet, new Map([[setting, value]]), context);
    userSet.check?.(values, context);
    return userSet.run(values as Parameters<typeof userSet.run>[0], context);
  },
});
