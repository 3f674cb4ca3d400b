/** How long what may take, in milliseconds, and what chance and the net say: given in, so that tests need not wait. */
import { type Dns, systemDns } from './resolve.ts';

export interface Timing {
  /** Looking up one name. */
  resolve: number;
  /** TCP and, with direct TLS, TLS to one address. */
  connect: number;
  /** Each step of the negotiation: the server's answer. */
  answer: number;
  /** All of one attempt, over all addresses. */
  attempt: number;
  /** Silence after which the server is asked whether it is there. */
  idle: number;
  /** How long it may take to say so. */
  reply: number;
  /** From a stanza to the request for its acknowledgement. */
  acknowledge: number;
  /** A session that lasted as long has proved that all is well: backoff begins anew. */
  held: number;
  /** First reconnect after such a session: at most. */
  quick: number;
  backoff: { least: number; most: number };
  /** After another session took our place: at least. */
  conflict: number;
  /** All of a trial login. */
  trial: number;
}

export const timing: Timing = {
  resolve: 10_000,
  connect: 10_000,
  answer: 20_000,
  attempt: 90_000,
  idle: 60_000,
  reply: 20_000,
  acknowledge: 250,
  held: 60_000,
  quick: 1000,
  backoff: { least: 1000, most: 600_000 },
  conflict: 60_000,
  trial: 15_000,
};

export interface Environment {
  timing: Timing;
  dns: Dns;
  /** From 0 to below 1. */
  random(): number;
}

export const environment: Environment = { timing, dns: systemDns, random: Math.random };
