import { lookup as lookUp } from 'node:dns';
import { BlockList, isIPv4, type LookupFunction } from 'node:net';

/** Address ranges that are not public, by IANA's registries of special-purpose addresses. */
const SPECIAL = new BlockList();
for (const [net, prefix] of [
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
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  SPECIAL.addSubnet(net, prefix, 'ipv4');

/** Of IPv6, only global unicast addresses are public, and of those none that embed another address. */
const GLOBAL = new BlockList();
GLOBAL.addSubnet('2000::', 3, 'ipv6');
for (const [net, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  SPECIAL.addSubnet(net, prefix, 'ipv6');

/** Whether an IP address is public. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !SPECIAL.check(address, 'ipv4');
  return GLOBAL.check(address, 'ipv6') && !SPECIAL.check(address, 'ipv6');
}

/**
 * Resolves a name, and fails with ENOTPUBLIC where any of its addresses is not public: a name must not lead
 * into our own network.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = error ? [] : addresses;
    if (error || !first) return callback(error ?? noAddress('ENOTFOUND'), '');
    if (!addresses.every(({ address }) => isPublicAddress(address)))
      return callback(noAddress('ENOTPUBLIC'), '');
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function noAddress(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}
