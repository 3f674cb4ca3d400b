/**
 * A component of the real server that is none of the proxy's: to the proxy it is a domain like any other, with as many accounts as
 * a test wants, and while it is away that server says so.
 */
import { openComponent } from '../../src/component/component.ts';
import { parseBare } from '../../src/wire/jid.ts';
import { Party } from './party.ts';
import type { Component, RealServer } from './servers.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };

export class FarDomain extends Party {
  readonly #component;
  #online = () => {};

  constructor(server: RealServer, { host, secret }: Component) {
    super();
    this.jid = host;
    const place = { host: parseBare(host), server: server.host, port: server.farPort, tls: false, secret };
    this.#component = openComponent(
      place,
      { ca: undefined, allowClear: false, log },
      {
        online: () => this.#online(),
        offline() {},
        stanza: (stanza) => this.takeText(stanza.toString()),
        state() {},
      },
    );
  }

  /** Resolves when it is there. */
  async comes(): Promise<void> {
    const there = new Promise<void>((resolve) => {
      this.#online = resolve;
    });
    this.#component.start();
    await there;
  }

  async goes(): Promise<void> {
    await this.#component.stop(2000);
  }

  send(xml: string): void {
    this.#component.send(xml);
  }
}
