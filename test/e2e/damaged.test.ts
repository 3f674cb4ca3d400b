/** A user's archive that is damaged when the program starts: root is there all the same, and nothing is lost in silence. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { askRoster } from '../lib/contacts.ts';
import { isAnswer, isMessage } from '../lib/party.ts';
import { askRoot } from '../lib/proxy.ts';
import { login, type RawClient } from '../lib/raw.ts';
import { Scenarios } from '../lib/world.ts';

const scenarios = new Scenarios();

/** That it says comes back, with words. */
async function assertRefused(app: RawClient, to: string): Promise<void> {
  app.send(`<message to="${to}" type="chat" id="m"><body>lost?</body></message>`);
  app.send(`<iq type="get" id="r"><query xmlns="${NS.roster}"/></iq>`);
  app.send(`<presence to="room@${to.split('@')[1]}/me"><x xmlns="${NS.muc}"/></presence>`);
  const answers = [
    await app.received(({ name, attrs }) => name === 'message' && attrs.id === 'm'),
    await app.received(isAnswer('r')),
    await app.received(({ name, attrs }) => name === 'presence' && attrs.from?.startsWith('room@') === true),
  ];
  for (const answer of answers) {
    assert.is(answer.attrs.type, 'error');
    const error = answer.getChild('error')!;
    assert.ok(error.getChild('service-unavailable', NS.stanzas), String(answer));
    assert.match(error.getChildText('text', NS.stanzas)!, /root knows more/);
  }
}

scenarios.alone(
  'a login whose archive is damaged has root, who says why; with a good file all is as before',
  async (world) => {
    const { proxy, server } = world;
    const alice = await proxy.account(server, 'alice');
    const there = await server.account('bob');
    const bob = await login({ ...there, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
    bob.send('<presence/>');
    await proxy.stop();
    const [user] = proxy.admin.jid.split('@');
    const file = join(proxy.folder, 'data', 'archive', `${user}.sqlite`);
    renameSync(file, `${file}.good`);
    writeFileSync(file, 'not a database '.repeat(500));
    await proxy.start();

    const apps: RawClient[] = [];
    for (const account of [proxy.admin, alice]) {
      const app = await proxy.login(account, { resource: 'phone' });
      apps.push(app);
      app.send('<presence/>');
      const said = await app.received(isMessage({ from: proxy.root }));
      assert.match(
        said.getChildText('body')!,
        /cannot start:\n.*\.sqlite is damaged .*: restore it from a backup, or move it/,
      );
      await assertRefused(app, bob.bare);
    }
    const shown = await askRoot(apps[0]!, proxy.root, 'account show alice');
    assert.match(shown, /waiting[\s\S]*cannot be read now[\s\S]*cannot start now/);
    assert.match(await askRoot(apps[0]!, proxy.root, 'history search lost'), /cannot start:\n.* is damaged/);

    renameSync(`${file}.good`, file);
    for (const app of apps) {
      const end = app.received(({ name }) => name === 'error', { within: 30_000 });
      const said = app.received(isMessage({ from: proxy.root }), { within: 30_000 });
      assert.match((await said).getChildText('body')!, /runs again/);
      assert.ok((await end).getChild('reset', NS.streams), String(await end));
      await app.closed;
    }
    const app = await proxy.login(alice, { resource: 'phone' });
    app.send('<presence/>');
    await askRoster(app);
    app.message(bob.bare, 'here again');
    await bob.received(isMessage({ body: 'here again' }));
    assert.not.ok(bob.all.some((stanza) => stanza.getChildText('body') === 'lost?'));
  },
);

scenarios.run();
