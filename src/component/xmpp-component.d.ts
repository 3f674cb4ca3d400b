/** The little of @xmpp/component 0.13.1 that the adapter uses; the package has no types of its own. */
declare module '@xmpp/component' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';
  import type { Element } from 'ltx';

  interface ComponentEntity extends EventEmitter {
    /** Milliseconds; 0: none. */
    timeout: number;
    /** What the library makes of it listens to `start` (the header) and `end`. */
    Parser: new () => EventEmitter;
    reconnect: { stop(): void };
    open(options: { domain: string }): Promise<Element>;
    _attachSocket(socket: Socket): void;
    _detachSocket(): void;
    _detachParser(): void;
  }
  export function component(options: { service: string; domain: string; password: string }): ComponentEntity;
}
