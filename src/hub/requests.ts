/** IQ requests of clients (RULES 4): answered here where we know, else sent upstream under an id of ours. */
import { StanzaError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, resultOf, Stanza } from '../wire/stanza.ts';
import { clone, type Element, firstElement } from '../wire/xml.ts';
import type { ArchiveQueries } from './archives.ts';
import { withUsableCandidates } from './bytestreams.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import type { Discovery } from './discovery.ts';
import { concernsMarks } from './displayed.ts';
import type { Forwarded } from './forwarded.ts';
import type { OwnArchive } from './mam.ts';
import type { Marks } from './marks.ts';
import type { Rooms } from './rooms.ts';
import type { Roster } from './roster.ts';
import { exchange, type MediaSessions } from './sessions.ts';
import type { Tracker } from './tracker.ts';

/** How long a request waits for the server to come back: milliseconds. */
const patience = 30_000;

interface Parts {
  tracker: Tracker;
  forwarded: Forwarded;
  roster: Roster;
  rooms: Rooms;
  archives: ArchiveQueries;
  /** What the account's own archive is; undefined: what the server says. */
  archive: OwnArchive | undefined;
  marks: Marks | undefined;
  discovery: Discovery;
  media: MediaSessions;
  enabledCarbons(client: Client): void;
  /** The account's password was changed through us. */
  passwordChanged(password: string): void;
}

/** What a client gets in place of a response; it must not fail. */
type Change = (response?: Stanza) => Stanza | undefined | Promise<Stanza>;

type Local = (
  requests: Requests,
  client: Client,
  request: Stanza,
  payload: Element,
) => Element | undefined | 'answered' | 'upstream';

export class Requests {
  readonly #context: Context;
  readonly #parts: Parts;
  /** Requests that wait for the server, with the timer that ends it. */
  readonly #waiting = new Map<NodeJS.Timeout, () => void>();

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** What is not merely passed on, when it goes to the account or its server. */
  static readonly #local: ReadonlyMap<string, Local> = new Map<string, Local>([
    [`set ${NS.carbons} enable`, (requests, client) => requests.#carbons(client, true)],
    [`set ${NS.carbons} disable`, (requests, client) => requests.#carbons(client, false)],
    [`get ${NS.ping} ping`, () => undefined],
    [`set ${NS.session} session`, () => undefined],
    [`get ${NS.roster} query`, (requests, client, request) => requests.#getRoster(client, request)],
    [`set ${NS.roster} query`, (requests, client, request) => requests.#setRoster(client, request)],
    [`get ${NS.blocking} blocklist`, (requests, client) => requests.#wantsBlocklist(client)],
    [`set ${NS.register} query`, (requests, ...words) => requests.#register(...words)],
    [`get ${NS.mam} query`, (requests, ...words) => requests.#ownArchive(...words)],
    [`set ${NS.mam} query`, (requests, ...words) => requests.#ownArchive(...words)],
    [`get ${NS.mam} prefs`, (requests, ...words) => requests.#ownArchive(...words)],
    [`set ${NS.mam} prefs`, (requests, ...words) => requests.#ownArchive(...words)],
    [`get ${NS.mam} metadata`, (requests, ...words) => requests.#ownArchive(...words)],
    [`get ${NS.mam0} query`, (requests) => requests.#outdated()],
    [`set ${NS.mam0} query`, (requests) => requests.#outdated()],
    [`get ${NS.mam1} query`, (requests) => requests.#outdated()],
    [`set ${NS.mam1} query`, (requests) => requests.#outdated()],
    [`get ${NS.pubsub} pubsub`, (requests, ...words) => requests.#marked(...words)],
    [`set ${NS.pubsub} pubsub`, (requests, ...words) => requests.#marked(...words)],
    [`get ${NS.discoInfo} query`, (requests, client, request) => requests.#describe(client, request)],
  ]);

  take(client: Client, request: Stanza): void {
    const { account, server, clients } = this.#context;
    const peer = request.to === undefined ? undefined : clients.at(request.to);
    if (peer !== undefined) return this.#between(client, peer, request);
    const pong = this.#parts.rooms.pinged(client, request);
    if (pong !== undefined) return this.#answer(client, pong);
    const payload = firstElement(request.tree);
    const known = payload && this.#parts.discovery.answer(request, payload);
    if (known !== undefined) return this.#answer(client, resultOf(request, known));
    const isOurs = request.to === undefined || request.to === account || request.to === server;
    const local =
      isOurs && payload !== undefined
        ? Requests.#local.get(`${request.type} ${payload.attrs.xmlns} ${payload.name}`)
        : undefined;
    if (local === undefined || payload === undefined) return this.upstream(client, request);
    try {
      const answer = local(this, client, request, payload);
      if (answer === 'upstream') this.upstream(client, request);
      else if (answer !== 'answered') this.#answer(client, resultOf(request, answer));
    } catch (reason) {
      this.#answer(client, errorOf(request, StanzaError.from(reason)));
    }
  }

  #answer(client: Client, response: Stanza): void {
    this.#context.outlet.deliver([client.sid], response);
  }

  /** Between two clients of the account it stays here. */
  #between(client: Client, peer: Client, request: Stanza): void {
    this.#parts.forwarded.hand(peer, request.readdress({ to: peer.address, from: client.address }), (response) =>
      this.#answer(client, response.readdress({ from: peer.address })),
    );
  }

  #carbons(client: Client, enabled: boolean): undefined {
    client.carbons = enabled;
    if (enabled) client.knowsCarbons = true;
    this.#context.outlet.facts(client.sid, { carbons: enabled });
    if (enabled) this.#parts.enabledCarbons(client);
    return undefined;
  }

  #getRoster(client: Client, request: Stanza): 'answered' | 'upstream' {
    if (request.to !== undefined && request.to !== this.#context.account) return 'upstream';
    this.#parts.roster.get(client.sid, request);
    return 'answered';
  }

  #setRoster(client: Client, request: Stanza): 'answered' | 'upstream' {
    const answer = this.#parts.roster.setRoot(request);
    if (answer === undefined) return 'upstream';
    this.#answer(client, answer);
    return 'answered';
  }

  #wantsBlocklist(client: Client): 'upstream' {
    client.blocklist = true;
    this.#context.outlet.facts(client.sid, { blocklist: true });
    return 'upstream';
  }

  /** XEP-0313; archives of nodes (XEP-0442) are the server's. */
  #ownArchive(client: Client, request: Stanza, payload: Element): Element | 'answered' | 'upstream' {
    const isOwn = request.to === undefined || request.to === this.#context.account;
    const { archive } = this.#parts;
    return isOwn && archive !== undefined && payload.attrs.node === undefined
      ? archive.take(client, request, payload)
      : 'upstream';
  }

  /** Of the server's archive, whose ids are not ours; it is not announced. */
  #outdated(): 'upstream' {
    if (this.#parts.archive === undefined) return 'upstream';
    throw new StanzaError('service-unavailable', 'The archive is asked as in urn:xmpp:mam:2');
  }

  /** XEP-0490: messages have other names upstream. */
  #marked(client: Client, request: Stanza, payload: Element): 'answered' | 'upstream' {
    const isOwn = request.to === undefined || request.to === this.#context.account;
    const { marks } = this.#parts;
    if (!isOwn || marks === undefined || !concernsMarks(payload)) return 'upstream';
    if (request.type === 'get') this.upstream(client, request, (response) => response && marks.inward(response));
    else void this.#publish(client, request, marks);
    return 'answered';
  }

  async #publish(client: Client, request: Stanza, marks: Marks): Promise<void> {
    const { clients, up } = this.#context;
    const answer = up.online() ? undefined : marks.later(request);
    if (answer !== undefined) return this.#answer(client, answer);
    const renamed = await marks.outward(request);
    if (clients.get(client.sid) === client) this.upstream(client, renamed);
  }

  /** Not known yet: what the server says of itself and of the account is completed with what we offer. */
  #describe(client: Client, request: Stanza): 'answered' {
    this.upstream(client, request, (response) => response && this.#parts.discovery.completed(request, response));
    return 'answered';
  }

  /** XEP-0077 §3: a password change is learned; an account is not ended through a proxy. */
  #register(client: Client, request: Stanza, payload: Element): 'answered' {
    if (payload.getChild('remove') !== undefined)
      throw new StanzaError('not-allowed', 'An account cannot be removed through the proxy');
    const password = payload.getChildText('password');
    this.upstream(client, request, (response) => {
      if (response?.type === 'result' && password) this.#parts.passwordChanged(password);
      return response;
    });
    return 'answered';
  }

  /** To the server, now or when it is back within 30 s; `change` may replace the response. */
  upstream(client: Client, request: Stanza, change: Change = (same) => same): void {
    const { outlet, clients } = this.#context;
    const give = (response: Stanza | undefined): void => {
      if (clients.get(client.sid) === client) outlet.deliver([client.sid], response ?? unanswered(request));
    };
    const done = (response: Stanza | undefined): void => {
      const changed = change(response);
      if (changed instanceof Promise) void changed.then(give);
      else give(changed);
    };
    if (this.#transmit(client, request, done)) return;
    const timer = setTimeout(() => {
      this.#waiting.delete(timer);
      done(undefined);
    }, patience);
    this.#waiting.set(timer, () => {
      if (clients.get(client.sid) === client) this.#transmit(client, request, done);
    });
  }

  #transmit(client: Client, request: Stanza, done: (response: Stanza | undefined) => void): boolean {
    const { tracker, archives, media } = this.#parts;
    const { up } = this.#context;
    if (!up.online()) return false;
    media.fromClient(client.sid, request.tree);
    const query = archives.begin(client.sid, request.tree);
    const to = request.to;
    const id = tracker.add({
      to,
      since: this.#context.now(),
      done: (response) => {
        query?.end();
        done(response && withId(response, request.id));
      },
    });
    const usable = withUsableCandidates(query?.request ?? request.tree, client.address);
    const outgoing = clone(exchange(usable, client.address, up.address()));
    outgoing.attrs.id = id;
    up.send(Stanza.of(outgoing).textFor(to, undefined)); // lost with the stream: the tracker answers
    return true;
  }

  /** The server is there: what waited for it goes now. */
  flush(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [timer, go] of waiting) {
      clearTimeout(timer);
      go();
    }
  }

  close(): void {
    for (const timer of this.#waiting.keys()) clearTimeout(timer);
    this.#waiting.clear();
  }
}

function withId(response: Stanza, id: string | undefined): Stanza {
  const copy = clone(response.tree);
  copy.attrs.id = id;
  return Stanza.of(copy);
}

const unanswered = (request: Stanza): Stanza =>
  errorOf(request, new StanzaError('remote-server-timeout', 'The server did not answer, or is not reachable now'));
