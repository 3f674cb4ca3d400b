/** Is the server still there, and does it take what we write? */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { serialize, xml } from '../wire/xml.ts';
import type { Timing } from './types.ts';

/** Written and not taken by the server, in bytes: above the first nothing more is read, above the second the stream ends. */
const full = 4 << 20;
const overfull = 64 << 20;

interface Doctor {
  ask(request: string): void;
  dead(why: string): void;
}

export class Watch {
  readonly #host: BareJid;
  readonly #socket: Socket;
  readonly #timing: Timing;
  readonly #doctor: Doctor;
  #heard = 0;
  #probe: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stalled: NodeJS.Timeout | undefined;

  constructor(host: BareJid, socket: Socket, timing: Timing, doctor: Doctor) {
    this.#host = host;
    this.#socket = socket;
    this.#timing = timing;
    this.#doctor = doctor;
  }

  start(): void {
    this.#heard = Date.now();
    this.#look(this.#timing.idle);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#stalled);
  }

  /** Bytes came. */
  heard(): void {
    this.#heard = Date.now();
  }

  /** Bytes went: while too many of them wait, whoever causes them to be written waits, too. */
  wrote(): void {
    const { writableLength } = this.#socket;
    if (writableLength > overfull) this.#doctor.dead('the server takes nothing');
    else if (writableLength > full && this.#stalled === undefined) {
      this.#socket.pause();
      this.#stalled = setTimeout(() => this.#doctor.dead('the server takes nothing'), this.#timing.stalled);
      this.#socket.once('drain', () => {
        clearTimeout(this.#stalled);
        this.#stalled = undefined;
        this.#socket.resume();
      });
    }
  }

  /** Our own request that came back. */
  isProbe({ id, from, to }: { id?: string; from?: string; to?: string }): boolean {
    return this.#probe !== undefined && id === this.#probe && from === this.#host && to === this.#host;
  }

  #look(after: number): void {
    this.#timer = setTimeout(() => {
      const silence = Date.now() - this.#heard;
      if (silence < this.#timing.idle) this.#look(this.#timing.idle - silence);
      else if (this.#stalled !== undefined) this.#look(this.#timing.idle);
      else this.#ask();
    }, after);
  }

  /** The server need not know an address of its own to us; what a component sends to itself comes back to it. */
  #ask(): void {
    const asked = Date.now();
    this.#probe = randomBytes(9).toString('base64url');
    const to = this.#host;
    this.#doctor.ask(serialize(xml('iq', { type: 'get', id: this.#probe, from: to, to }, xml('ping', NS.ping))));
    this.#timer = setTimeout(() => {
      if (this.#heard < asked) this.#doctor.dead('the server is silent');
      else this.#look(this.#timing.idle);
    }, this.#timing.reply);
  }
}
