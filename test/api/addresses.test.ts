import { describe, expect, test } from '@jest/globals';
import { clientAddress, networkOf } from '../../api/http/addresses';

describe('the address of a client', () => {
  test.each([
    ['without proxies: what connects', '9.9.9.9', '1.2.3.4', 0, '9.9.9.9'],
    ['behind one proxy: what it saw', '10.0.0.1', '9.9.9.9', 1, '9.9.9.9'],
    ['behind one proxy: not what the client wrote', '10.0.0.1', '6.6.6.6, 9.9.9.9', 1, '9.9.9.9'],
    ['behind two proxies', '10.0.0.1', '6.6.6.6, 9.9.9.9, 10.0.0.2', 2, '9.9.9.9'],
    ['where a proxy wrote nothing', '10.0.0.1', undefined, 2, '10.0.0.1'],
    ['where fewer proxies wrote', '10.0.0.1', '9.9.9.9', 3, '9.9.9.9'],
    ['with an empty header', '10.0.0.1', ' , ', 1, '10.0.0.1'],
  ])('%s', (_what, socket, header, proxies, address) => {
    expect(clientAddress(socket, header, proxies)).toBe(address);
  });
});

describe('one network', () => {
  test.each([
    ['9.9.9.9', '9.9.9.9'],
    ['::ffff:9.9.9.9', '9.9.9.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002:ffff::1', '2001:db8:1:2::/64'],
    ['2001:db8::7', '2001:db8:0:0::/64'],
    ['2001:db8::2:3:4:5:6', '2001:db8:0:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.33', '64:ff9b:0:0::/64'],
    ['unknown', 'unknown'],
  ])('%s is of %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
