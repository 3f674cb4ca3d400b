/** What a component sends in one turn, or while it reads, leaves in one write: each is a system call, and a packet. */
import { Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openComponent } from '../src/component/component.ts';
import type { Component } from '../src/component/types.ts';
import { parseBare } from '../src/wire/jid.ts';
import { within } from './lib/process.ts';
import { type Far, Scripted } from './lib/scripted.ts';

const host = parseBare('svc.far.example');
const log = { debug() {}, info() {}, warn() {}, error() {} };
const header = `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='${host}' id='1'>`;
const message = (id: number) => `<message from='a@b.example/r' to='x@${host}' id='${id}'/>`;
const answer = (id: number | string | undefined) => `<message from="x@${host}" to="a@b.example/r" id="${id}"/>`;

/** Every text that a socket to that port is given to write, from now on. */
function writes(port: number): { texts: string[]; end(): void } {
  const texts: string[] = [];
  const { write } = Socket.prototype;
  Socket.prototype.write = function (this: Socket, ...args: Parameters<Socket['write']>) {
    if (this.remotePort === port) texts.push(String(args[0]));
    return write.apply(this, args);
  } as Socket['write'];
  return {
    texts,
    end: () => {
      Socket.prototype.write = write;
    },
  };
}

/** Plays `act` with a component that is online and answers each message. */
async function play(act: (component: Component, far: Far) => Promise<void>): Promise<string[]> {
  let stand = (_: Far) => {};
  const standing = new Promise<Far>((resolve) => {
    stand = resolve;
  });
  const server = await Scripted.start(async (far) => {
    await far.until(/<stream:stream [^>]*>/);
    far.send(header);
    await far.until(/<handshake>.*<\/handshake>/);
    far.send('<handshake/>');
    stand(far);
    await far.closed();
  });
  let begin = () => {};
  const online = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const component = openComponent(
    { host, server: '127.0.0.1', port: server.port, tls: false, secret: 's' },
    { ca: undefined, allowClear: false, log },
    { online: begin, offline() {}, state() {}, stanza: ({ id }) => void component.send(answer(id)) },
  );
  component.start();
  const far = await within(5000, () => 'nobody connects', standing);
  await within(5000, () => 'not online', online);
  const { texts, end } = writes(server.port);
  await act(component, far).finally(end);
  await component.stop(200);
  server.close();
  return texts;
}

test('stanzas that are sent in one turn are one write', async () => {
  const ids = [1, 2, 3, 4, 5];
  const texts = await play(async (component, far) => {
    for (const id of ids) assert.is(component.send(answer(id)), true);
    await far.until(/id="5"\/>/);
  });
  assert.equal(texts, [ids.map(answer).join('')]);
});

test('… and what is sent in another turn is another', async () => {
  const texts = await play(async (component, far) => {
    component.send(answer(1));
    await far.until(/id="1"\/>/);
    component.send(answer(2));
    await far.until(/id="2"\/>/);
  });
  assert.equal(texts, [answer(1), answer(2)]);
});

test('answers to stanzas that came together are one write', async () => {
  const ids = [1, 2, 3, 4, 5];
  const texts = await play(async (_, far) => {
    far.send(ids.map(message).join(''));
    await far.until(/id="5"\/>/);
  });
  assert.equal(texts, [ids.map(answer).join('')]);
});

test.run();
