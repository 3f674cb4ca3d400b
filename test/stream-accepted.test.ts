/** Accepted sockets that read into one buffer behave as sockets do. */
import { once } from 'node:events';
import { connect, createServer, type Server, Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readInClear } from '../src/stream/accepted.ts';

interface Pair {
  near: Socket;
  far: Socket;
  /** What has come in, and who waits for more. */
  text(): string;
  until(wanted: string): Promise<void>;
}

const listening = async (): Promise<Server> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};

async function pairOf(server: Server): Promise<Pair> {
  const { port } = server.address() as { port: number };
  const far = connect(port, '127.0.0.1').resume();
  const [near] = (await once(server, 'connection')) as [Socket];
  let text = '';
  let told = () => {};
  readInClear(near, (chunk) => {
    text += chunk.toString();
    told();
  });
  const until = async (wanted: string): Promise<void> => {
    while (text !== wanted) await new Promise<void>((resolve) => (told = resolve));
  };
  return { near, far, text: () => text, until };
}

const done = (server: Server, ...sockets: Socket[]): void => {
  for (const socket of sockets) socket.destroy();
  server.close();
};

test('this Node reads accepted sockets into it', async () => {
  const server = await listening();
  const { near, far, until } = await pairOf(server);
  far.write('one');
  await until('one');
  assert.is(near.listenerCount('data'), 0);
  assert.is(near.readableLength, 0);
  done(server, near, far);
});

test('what two send at once stays apart, however much it is', async () => {
  const server = await listening();
  const [one, two] = [await pairOf(server), await pairOf(server)];
  const [ones, twos] = ['1'.repeat(300_000), '2'.repeat(300_000)];
  one.far.write(ones);
  two.far.write(twos);
  await Promise.all([one.until(ones), two.until(twos)]);
  done(server, one.near, one.far, two.near, two.far);
});

test('who is paused takes nothing until it goes on', async () => {
  const server = await listening();
  const [one, other] = [await pairOf(server), await pairOf(server)];
  one.far.write('a');
  await one.until('a');
  one.near.pause();
  one.far.write('b');
  other.far.write('c');
  await other.until('c');
  other.far.write('d'); // a turn later: what could come has come
  await other.until('cd');
  assert.is(one.text(), 'a');
  one.near.resume();
  await one.until('ab');
  done(server, one.near, one.far, other.near, other.far);
});

test('the far side ends, and both are closed', async () => {
  const server = await listening();
  const { near, far, until } = await pairOf(server);
  const closed = once(near, 'close');
  far.end('last');
  await Promise.all([until('last'), once(near, 'end'), closed]);
  done(server, near, far);
});

test('a socket of which Node tells nothing reads as ever', async () => {
  const socket = new Socket();
  const chunks: string[] = [];
  readInClear(socket, (chunk) => chunks.push(chunk.toString()));
  socket.emit('data', Buffer.from('x'));
  assert.equal(chunks, ['x']);
});

test.run();
