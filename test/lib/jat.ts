/** Service addresses between scripted users and targets, in memory. */
import * as assert from 'uvu/assert';
import { Services } from '../../src/jat/services.ts';
import { type AddressSettings, defaultLimits, defaultSettings, type Notice, type World } from '../../src/jat/types.ts';
import { type BareJid, domainOf, type FullJid, type Jid, parseJid } from '../../src/wire/jid.ts';
import { parseElement } from '../../src/wire/parser.ts';
import { Stanza } from '../../src/wire/stanza.ts';
import { type Element, escapeAttribute, serialize } from '../../src/wire/xml.ts';
import { HandClock, MemoryStore, TestWay } from './jat-world.ts';

export const svc = 'svc.example' as BareJid;
export const desk = 'desk@home.example' as BareJid;
export const romeo = 'romeo@m.example/orchard';
export const seenRomeo = `${svc}/${romeo}`;

export class TestWorld {
  readonly clock = new HandClock();
  readonly store: MemoryStore;
  readonly component = new TestWay('component');
  readonly edge = new TestWay('edge');
  readonly notices: Notice[] = [];
  readonly logged: string[] = [];
  /** Accounts and domains that are at the edge. */
  readonly atEdge = new Set<string>();
  /** What it joins us to throws. */
  isFaulty = false;
  /** What random() gives, over and over. */
  chances = [0];
  readonly services: Services;
  #drawn = 0;

  constructor(store = new MemoryStore()) {
    this.store = store;
    const log = (message: string) => void this.logged.push(message);
    const world: World = {
      clock: this.clock,
      random: () => this.chances[this.#drawn++ % this.chances.length]!,
      log: { debug: log, info: log, warn: log, error: log },
      store,
      key: Buffer.alloc(32, 7),
      way: (_, to) => {
        if (this.isFaulty) throw new Error('fault');
        return this.#isAtEdge(to) ? this.edge : this.component;
      },
      isDirect: (account) => this.#isAtEdge(account),
      notice: (notice) => void this.notices.push(notice),
    };
    this.services = new Services(world);
  }

  #isAtEdge(whom: Jid): boolean {
    return this.atEdge.has(whom.split('/')[0]!) || this.atEdge.has(domainOf(whom));
  }

  /** Both ways stand; the address and its target are there, with these resources. */
  static async of(settings: Partial<AddressSettings> = {}, resources = ['a'], store?: MemoryStore): Promise<TestWorld> {
    const world = new TestWorld(store);
    world.services.opened(world.component);
    world.services.opened(world.edge);
    await world.add(settings);
    for (const { account } of world.status(settings.address).settings.targets) world.accepts(account, settings.address);
    for (const resource of resources) world.there(`${desk}/${resource}`);
    return world.forget();
  }

  async add(settings: Partial<AddressSettings> = {}): Promise<this> {
    await this.services.configure({
      address: svc,
      targets: [{ account: desk, weight: 1 }],
      ...defaultSettings,
      ...settings,
      limits: { ...defaultLimits, ...settings.limits },
    });
    return this;
  }

  /** An account takes our subscription. */
  accepts(account: string = desk, to: string = svc): this {
    return this.says(`<presence type="subscribed" from="${account}" to="${to}"/>`);
  }
  /** A resource of a target says that it is there. */
  there(resource: string, inside = '', to: string = svc): this {
    return this.says(`<presence from="${resource}" to="${to}">${inside}</presence>`);
  }
  leaves(resource: string, to: string = svc): this {
    return this.says(`<presence type="unavailable" from="${resource}" to="${to}"/>`);
  }

  /** A stanza comes in. */
  says(xml: string, way: TestWay = this.component): this {
    this.services.stanza(Stanza.of(parseElement(xml)), way);
    return this;
  }

  /** A ping, or what else is inside; `to` the address. */
  asks(
    id: string,
    attrs: { from?: string; to?: string; type?: 'get' | 'set'; inside?: string; way?: TestWay } = {},
  ): this {
    const { from = romeo, to = svc, type = 'get', inside = '<query xmlns="urn:example:q"/>', way } = attrs;
    return this.says(
      `<iq type="${type}" id="${id}" from="${escapeAttribute(from)}" to="${escapeAttribute(to)}">${inside}</iq>`,
      way,
    );
  }

  answers(
    id: string,
    attrs: { from?: string; to?: string; type?: 'result' | 'error'; inside?: string; way?: TestWay } = {},
  ): this {
    const { from = `${desk}/a`, to = seenRomeo, type = 'result', inside = '', way } = attrs;
    return this.says(
      `<iq type="${type}" id="${id}" from="${escapeAttribute(from)}" to="${escapeAttribute(to)}">${inside}</iq>`,
      way,
    );
  }

  /** What has gone out since the last call, as text. */
  take(way: TestWay = this.component): string[] {
    return way.sent.splice(0).map((stanza) => serialize(sorted(stanza)));
  }
  /** The only one. */
  one(way?: TestWay): string {
    const all = this.take(way);
    assert.is(all.length, 1, `one stanza, not ${all.length}: ${all.join('\n')}`);
    return all[0]!;
  }
  forget(): this {
    this.component.sent.splice(0);
    this.edge.sent.splice(0);
    this.notices.splice(0);
    return this;
  }
  status(address: string = svc) {
    return this.services.status(address as BareJid)!;
  }
}

/** type, id, from, to first, so that texts can be compared. */
function sorted(stanza: Stanza): Element {
  const element = parseElement(stanza.toString());
  const { type, id, from, to, ...others } = element.attrs;
  element.attrs = {};
  for (const [key, value] of Object.entries({ type, id, from, to, ...others }))
    if (value !== undefined) element.attrs[key] = value;
  return element;
}

/** `<iq …/>` as `take()` writes it. */
export const iq = (type: string, id: string, from: string, to: string, inside = ''): string =>
  stanza('iq', { type, id, from, to }, inside);
export const message = (attrs: Record<string, string>, inside = ''): string => stanza('message', attrs, inside);
export const presence = (attrs: Record<string, string>, inside = ''): string => stanza('presence', attrs, inside);

function stanza(name: string, attrs: Record<string, string>, inside: string): string {
  const { type, id, from, to, ...others } = attrs;
  const all = Object.entries({ type, id, from, to, ...others }).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${value}"`],
  );
  return inside === '' ? `<${name}${all.join('')}/>` : `<${name}${all.join('')}>${inside}</${name}>`;
}

export const full = (text: string): FullJid => parseJid(text) as FullJid;

/** An error in it, whatever beside. */
export function isError(text: string | undefined, condition: string, type?: string): void {
  assert.match(text ?? '', new RegExp(`type="error".*<error type="${type ?? '[a-z]+'}"><${condition} `));
}

/** Lets promises of the memory store come to their ends. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** A resource of the target. */
export const at = (resource: string): FullJid => `${desk}/${resource}` as FullJid;
let nextId = 0;

/** Asks, and says which resource (or account) has it; answered unless told otherwise. */
export function asked(
  world: TestWorld,
  { from = romeo, type = 'get' as 'get' | 'set', inside = '<q xmlns="urn:example:q"/>', keep = false } = {},
): string {
  const id = `r${nextId++}`;
  world.asks(id, { from, type, inside });
  const text = world.one();
  const to = / to="([^"]+)"/.exec(text)![1]!;
  assert.match(text, new RegExp(`type="${type}" id="${id}"`));
  if (!keep) {
    world.answers(id, { from: to, to: `${svc}/${from}` });
    world.take();
  }
  return to.replace(`${desk}/`, '');
}

export const times = (count: number, act: (turn: number) => string): string =>
  Array.from({ length: count }, (_, turn) => act(turn)).join('');
