/** `user add` */
import { lengthOf } from './complete.ts';
import { command } from './define.ts';
import { UsageError } from './error.ts';
import { serverText, typed } from './text.ts';

const again = (admin: boolean | undefined): string => typed('user add', ['…'], { admin: admin ? 'yes' : undefined });

export const add = command({
  summary: 'let somebody in',
  access: 'admin',
  args: {
    name: { kind: 'text', label: 'name' },
    password: { kind: 'secret', label: 'proxy password for that user' },
    admin: { kind: 'flag', label: 'admin' },
  },
  words: ['name', 'password'],
  example: 'user add bob',
  next: 'I ask for a first password, which you pass on. Bob logs in with it and changes it by `password`.',
  check({ name, admin }, { registry }) {
    const why = name === undefined ? undefined : registry.taken({ user: name });
    if (why !== undefined) throw new UsageError(`${why} Choose another: \`${again(admin)}\``);
  },
  target: ({ name, admin }) => (admin ? `${name} as admin` : name),
  async run({ name, password, admin }, { registry, server }) {
    await registry.addUser({ name, admin, password });
    const added = registry.users.at(-1)?.name ?? name;
    return [
      `${added} is in${admin ? ', as an admin' : ''}. Password stored (${lengthOf(password)}).`,
      `${added} logs in with an XMPP app as`,
      `${added}@${server.domain}`,
      `with that password, ${serverText(server)},`,
      'and writes `help` to root; first `password`, then `account add`.',
    ].join('\n');
  },
});
