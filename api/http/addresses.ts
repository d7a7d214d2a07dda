import { isIPv4, isIPv6 } from 'node:net';

/**
 * The address of a client behind `trustedProxies` reverse proxies, each of which appends the address that it
 * sees to X-Forwarded-For. What the client itself wrote there comes before, and is never reached. Requests get
 * the same from Express.
 */
export function clientAddress(
  socketAddress: string,
  forwardedFor: string | undefined,
  trustedProxies: number,
): string {
  const forwarded = (forwardedFor ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const seen = [socketAddress, ...forwarded.reverse()];
  return seen[Math.min(trustedProxies, seen.length - 1)] ?? socketAddress;
}

/**
 * The network that counts as one client: an address of IPv4, or 64 bits of IPv6, since a single customer has that
 * many addresses.
 */
export function networkOf(address: string): string {
  const [bare = ''] = address.split('%');
  const mapped = /^::ffff:([\d.]+)$/i.exec(bare)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  if (!isIPv6(bare)) return bare;
  const [head = '', tail] = bare.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  // A part in dots counts for two groups, but stands in the last half, which is left out.
  const after =
    tail === undefined ? [] : groups(tail).flatMap((each) => (each.includes('.') ? ['0', '0'] : each));
  const gap = tail === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...Array.from({ length: Math.max(0, gap) }, () => '0'), ...after];
  const network = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}
