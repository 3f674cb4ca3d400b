/** All that root can be told. */
import { account } from './account.ts';
import { client } from './client.ts';
import { component } from './component.ts';
import { help } from './help.ts';
import { history } from './history.ts';
import { password, unlock } from './password.ts';
import { room } from './room.ts';
import { server } from './server.ts';
import { set } from './set.ts';
import { target } from './target.ts';
import type { Tree } from './tree.ts';
import { user } from './user.ts';
import { certificate, whoami } from './whoami.ts';

export const commands: Tree = {
  account,
  room,
  client,
  history,
  user,
  set,
  target,
  component,
  password,
  unlock,
  whoami,
  certificate,
  server,
  help,
};
