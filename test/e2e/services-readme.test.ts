/** What the README says of taking mod_client_proxy's place, done to the letter: its lines of Prosody's configuration, its settings. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readEnvFile } from '../../src/envfile.ts';
import { NS } from '../../src/wire/ns.ts';
import { type Element, serialize, xml } from '../../src/wire/xml.ts';
import { isPresence } from '../lib/party.ts';
import { RunningProxy } from '../lib/proxy.ts';
import { login } from '../lib/raw.ts';
import { startServer } from '../lib/servers.ts';
import { accepting, outer, reply } from '../lib/services.ts';
import { until } from '../lib/world.ts';

const jitsi = 'http://jitsi.org/protocol/focus';
const conference = (attrs: Record<string, string>) => xml('conference', { xmlns: jitsi, ...attrs });

/** The passage, and what is in it. */
function recipe(): { lines: string[]; component: string; words: string } {
  const readme = readFileSync('README.md', 'utf8');
  const [, passage] = /\n(\*\*In place of Prosody's mod_client_proxy\*\*[\s\S]*?)\n###? /.exec(readme) ?? [];
  const [, block] = /```lua\n([\s\S]*?)```/.exec(passage ?? '') ?? [];
  const [, component] = /`(COMPONENT_1=[^`]+)`/.exec(passage ?? '') ?? [];
  const [, words] = /`(target add [^`]+)`/.exec(passage ?? '') ?? [];
  if (!block || !component || !words) throw new Error(`the README's passage is not as it was:\n${passage}`);
  return { lines: block.trimEnd().split('\n'), component, words };
}

test('three lines of Prosody’s configuration, one setting, one word to root: Jitsi’s focus is reached as before', async () => {
  const { lines, component, words } = recipe();
  assert.is(lines.length, 3);
  const focus = /Component "([^"]+)"\s+--/.exec(lines[1]!)![1]!;
  const desk = words.split(' ').at(-1)!;
  // what they take the place of was for the same address and the same account
  assert.match(lines[1]!, `-- was: Component "${focus}" "client_proxy"`);
  assert.match(lines[2]!, `-- was: target_address = "${desk}"`);
  assert.is(words, `target add ${focus} ${desk}`);
  const domain = focus.split('.').slice(1).join('.');
  const server = await startServer('prosody', { domains: [domain, desk.split('@')[1]!], lines });
  // as it stands, in quotes, but for the port
  const [key, value] = /^(\w+)=(.*)$/.exec(component)!.slice(1) as [string, string];
  const ported = value.replace(/:5347$/, `:${server.componentPort}`);
  assert.is.not(ported, value);
  const proxy = await RunningProxy.start({ server, env: { WORKERS: '0', SASL_PLUS: 'off' } });
  await proxy.stop();
  const file = `${key}="${ported}"\n`;
  assert.is(readEnvFile(file).get(key), ported);
  writeFileSync(join(proxy.folder, '.env'), file);
  await proxy.start();
  await proxy.prints(new RegExp(`component online.*${focus}`));
  assert.match(await proxy.rootSays(words), /People reach it at/);

  const account = { jid: desk, password: 'of the focus' };
  await server.register(account);
  const jicofo = await login({ ...account, host: server.host, port: server.port, resource: 'focus' });
  jicofo.interests = [jitsi];
  jicofo.witness = (stanza: Element) => {
    const asked =
      stanza.name === 'iq' && stanza.attrs.type === 'set' ? stanza.getChild('conference', jitsi) : undefined;
    if (asked != null) reply(jicofo, stanza, conference({ room: asked.attrs.room!, ready: 'true', focusjid: desk }));
  };
  accepting(jicofo);
  let shown = '';
  const look = async () => {
    shown = await proxy.rootSays(`target show ${focus}`);
  };
  await until('the focus is there', () => /● focus: well/.test(shown), look);

  const guest = await server.account('guest');
  const user = await login({ ...guest, host: server.host, port: server.port, resource: 'meet' });
  const room = { room: `room@conference.${domain}`, 'machine-uid': 'u1' };
  const invited = await user.iq('set', focus, conference(room));
  assert.equal(outer(invited), ['result', focus, user.jid]);
  const { xmlns, ...said } = invited.getChild('conference', jitsi)!.attrs;
  assert.equal(said, { room: room.room, ready: 'true', focusjid: desk });
  assert.equal(outer(await user.iq('get', focus, xml('ping', NS.ping))), ['result', focus, user.jid]);
  const info = await user.iq('get', focus, xml('query', NS.discoInfo));
  assert.equal(outer(info), ['result', focus, user.jid]);
  const features = info.getChild('query', NS.discoInfo)!.getChildren('feature');
  assert.equal(
    features.map(({ attrs }) => attrs.var),
    [jitsi],
  );
  // presence with what Jitsi adds to it, there and back
  const presence = (to: string, word: string) =>
    serialize(xml('presence', { to }, xml('x', NS.muc), xml('jitsi_participant_codecType', {}, word)));
  user.send(presence(focus, 'vp9'));
  const seen = await jicofo.received(isPresence({ from: `${focus}/${user.jid}`, type: null }));
  assert.is(seen.getChildText('jitsi_participant_codecType'), 'vp9');
  jicofo.send(presence(seen.attrs.from, 'av1'));
  const back = await user.received(isPresence({ from: focus, type: null }));
  assert.equal([back.attrs.to, back.getChildText('jitsi_participant_codecType')], [user.jid, 'av1']);

  await proxy.stop();
  await server.stop();
});

test.run();
