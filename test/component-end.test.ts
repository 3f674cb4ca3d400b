/** The last words of a component whose server closes its side. */

import { createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openComponent } from '../src/component/component.ts';
import { parseBare } from '../src/wire/jid.ts';
import { within } from './lib/process.ts';

const host = parseBare('svc.far.example');
const log = { debug() {}, info() {}, warn() {}, error() {} };
test('a server that closes its side: what was taken by then is written, the rest is refused', async () => {
  let heard = '';
  let far!: Socket;
  let gone = () => {};
  const closed = new Promise<void>((resolve) => {
    gone = resolve;
  });
  const server = createServer((socket) => {
    far = socket;
    socket.on('error', () => {}).on('close', gone);
    socket.on('data', (chunk) => {
      const before = heard;
      heard += chunk;
      if (!before.includes('<stream:stream') && heard.includes('<stream:stream'))
        socket.write(
          `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='${host}' id='1'>`,
        );
      if (!before.includes('</handshake>') && heard.includes('</handshake>')) socket.write('<handshake/>');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let begin = () => {};
  const online = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const { port } = server.address() as { port: number };
  const component = openComponent(
    { host, server: '127.0.0.1', port, tls: false, secret: 's' },
    { ca: undefined, allowClear: false, log },
    { online: begin, offline() {}, state() {}, stanza() {} },
  );
  component.start();
  await within(5000, () => 'not online', online);
  far.end();
  let taken = 0;
  await within(
    5000,
    () => 'goes on',
    (async () => {
      while (component.send(`<iq id="${taken + 1}"/>`)) {
        taken++;
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    })(),
  );
  await within(5000, () => 'open', closed);
  const last = Number([...heard.matchAll(/<iq id="(\d+)"\/>/g)].at(-1)?.[1] ?? 0);
  await component.stop(100);
  server.close();
  assert.is(last, taken);
});
test.run();
