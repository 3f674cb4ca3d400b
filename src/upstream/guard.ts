/** Which addresses a name that a stranger may choose must not lead us to (server-side request forgery). */
import { BlockList, isIP, isIPv4 } from 'node:net';

/** IANA's special-purpose registries: what is not reached over the public net. */
const special = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  special.addSubnet(network, prefix, 'ipv4');
// Within 2000::/3: protocol assignments with Teredo and ORCHID, documentation, 6to4 (which hides an IPv4 address).
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  special.addSubnet(network, prefix, 'ipv6');

const global = new BlockList();
global.addSubnet('2000::', 3, 'ipv6');

/** Reached over the public net. */
export function isPublic(address: string): boolean {
  const plain = unmap(address);
  if (isIP(plain) === 0) return false;
  if (isIPv4(plain)) return !special.check(plain, 'ipv4');
  return global.check(plain, 'ipv6') && !special.check(plain, 'ipv6');
}

/** The IPv4 address that a mapped (RFC 4291 §2.5.5.2) or NAT64 (RFC 6052) address stands for, else the address itself. */
function unmap(address: string): string {
  if (isIP(address) !== 6 || address.includes('%')) return address;
  const short = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const tail = /^(?:::ffff:|64:ff9b::)(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/.exec(short);
  if (tail === null) return address;
  const high = Number.parseInt(tail[1] ?? '0', 16);
  const low = Number.parseInt(tail[2]!, 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
