/** Service addresses, as the program and root's commands have them. */
import type { ComponentFailure, ComponentPlace, ComponentState } from '../component/types.ts';
import type { AddressStatus } from '../jat/types.ts';
import type { BareJid, FullJid } from '../wire/jid.ts';

export interface ServiceControl {
  /** The registry has other records: they hold from now on. */
  refresh(): Promise<void>;
  /** Connects as that component and closes again; undefined if that went well. Changes nothing. */
  tryHost(place: ComponentPlace): Promise<ComponentFailure | undefined>;
  /** Component hosts, those of the configuration among them. */
  hosts(): readonly HostState[];
  /** Undefined: there is no such address. */
  status(address: BareJid): AddressStatus | undefined;
  /** No new requests to an account of an address, or to one of its resources; or again. False: there is no such. */
  drain(address: BareJid, account: BareJid | FullJid, drained: boolean): boolean;
}

export interface HostState extends ComponentState {
  /** Where it connects. */
  place: Omit<ComponentPlace, 'secret'>;
  /** `COMPONENT_n` has it. */
  configured: boolean;
}
