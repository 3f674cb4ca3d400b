/** IP addresses as texts. */
import { BlockList, isIP, isIPv4 } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Of this machine; an IPv4 address also as an IPv6 socket has it (RFC 4291 §2.5.5.2). */
export const isLoopback = (address: string): boolean =>
  isIP(address) !== 0 && !address.includes('%') && loopback.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
