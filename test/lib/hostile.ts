/** Sessions at scripted servers: what goes right, and what must be survived. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DomainGate } from '../../src/upstream/gate.ts';
import { openCoreSession } from '../../src/upstream/supervisor.ts';
import type { FailureKind } from '../../src/wire/failure.ts';
import { type Far, mechanisms, type Play, Scripted } from './scripted.ts';
import { accountOf, MemoryLedger, MemoryLog, optionsOf, quick, Recorder } from './upstream.ts';

export const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl';

export const hasty = { connect: 400, answer: 400, attempt: 3000, idle: 60_000, reply: 60_000 };

export const me = () => accountOf('me@far.example', 'secret');

/** A session that is told to log in there. */
export function openAt(server: Scripted, timing = {}, account = me(), ledger = new MemoryLedger()) {
  const events = new Recorder();
  const log = new MemoryLog();
  const options = optionsOf({ routes: { 'far.example': server.route }, allowPlaintext: true });
  const session = openCoreSession(
    account,
    options,
    new DomainGate(),
    events,
    ledger,
    log,
    quick({ ...hasty, ...timing }),
  );
  session.start();
  return { events, ledger, log, session };
}

/** A server as it should be, until the client closes. */
export const good: Play = async (far) => {
  await far.session();
  await far.closed();
};

export const greeting =
  '<message from="you@far.example/x" to="me@far.example/xmpproxy-t" type="chat"><body>hi</body></message>';

const goodAndSpeaks: Play = async (far) => {
  await far.session(greeting);
  await far.closed();
};

export interface Expected {
  kind: FailureKind;
  text: RegExp;
  /** A stream error of ours that the server must have got. */
  told?: string;
}

/** The first connection plays the script; it must fail as expected, and the second must come and work. */
export function recovers(name: string, play: Play, expected: Expected, timing = {}): void {
  test(name, async () => {
    const broken: Play = async (far) => {
      await play(far);
      if (expected.told !== undefined)
        await far.until(new RegExp(`<stream:error><${expected.told} .*</stream:stream>`));
      await far.closed();
    };
    const server = await Scripted.start(broken, goodAndSpeaks);
    const { events, session } = openAt(server, timing);
    const { failure } = await events.reported('waiting');
    assert.is(failure?.kind, expected.kind, failure?.text);
    assert.match(failure?.text ?? '', expected.text);
    await events.reported('online');
    await events.next('stanza', ({ stanza }) => String(stanza).includes('<body>hi</body>'));
    await session.stop(500);
    await server.finished();
    server.close();
  });
}

export const bindFeature = '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>';

export async function bindResult(far: Far, jid: string, from?: string): Promise<void> {
  const [, id] = await far.until(/<iq [^>]*id="([^"]+)".*<\/iq>/);
  const sender = from === undefined ? '' : `from="${from}"`;
  far.send(
    `<iq type="result" ${sender} id="${id}"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>${jid}</jid></bind></iq>`,
  );
}

export const scramAuth = /<auth [^>]*mechanism="SCRAM-SHA-256"[^>]*>([^<]*)<\/auth>/;
export const base64 = (text: string) => Buffer.from(text).toString('base64');
const nonceIn = (auth: string) => /r=(.*)$/.exec(Buffer.from(auth, 'base64').toString())![1]!;
export async function scramChallenge(far: Far, challenge: (nonce: string) => string): Promise<void> {
  await far.stream(mechanisms('PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'));
  const [, auth] = await far.until(scramAuth);
  far.send(`<challenge xmlns="${sasl}">${base64(challenge(nonceIn(auth!)))}</challenge>`);
}
export const salted = 's=QSXCR+Q6sek8bf92';

export function redirect(host: string): string {
  const streams = 'urn:ietf:params:xml:ns:xmpp-streams';
  return `<stream:error><see-other-host xmlns="${streams}">${host}</see-other-host></stream:error></stream:stream>`;
}
