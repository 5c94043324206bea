import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

import { SettingsError } from '../../../src/config/resolve-options.js';
import { clientAddressReader, countedAddress } from '../../../src/auth/client-address.js';

/** A request that came from an address, with what proxies wrote on it. */
function requestFrom(address: string, forwarded?: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: address });
  const request = new IncomingMessage(socket);
  if (forwarded !== undefined) request.headers['x-forwarded-for'] = forwarded;
  return request;
}

describe('the address of a client', () => {
  it.each(['false', '0', 'no', '', ' false '])('is that of its socket when no proxy is trusted (%j)', (setting) => {
    const addressOf = clientAddressReader(setting);
    expect(addressOf(requestFrom('192.0.2.1'))).toBe('192.0.2.1');
    expect(addressOf(requestFrom('192.0.2.1', '203.0.113.7'))).toBe('192.0.2.1');
    expect(addressOf(requestFrom('127.0.0.1', '203.0.113.7'))).toBe('127.0.0.1');
  });

  it('is what the last proxies say, as many as there are', () => {
    const forwarded = '198.51.100.66, 203.0.113.7, 10.0.0.2';
    expect(clientAddressReader('1')(requestFrom('10.0.0.1', forwarded))).toBe('10.0.0.2');
    expect(clientAddressReader('2')(requestFrom('10.0.0.1', forwarded))).toBe('203.0.113.7');
    expect(clientAddressReader('1')(requestFrom('10.0.0.1'))).toBe('10.0.0.1');
  });

  it('is what trusted proxies say, and nothing that was forged before it came to them', () => {
    const addressOf = clientAddressReader('loopback, 10.0.0.0/8');
    expect(addressOf(requestFrom('127.0.0.1', '198.51.100.66, 203.0.113.7, 10.0.0.2'))).toBe('203.0.113.7');
    expect(addressOf(requestFrom('::ffff:127.0.0.1', '203.0.113.7'))).toBe('203.0.113.7');
    expect(addressOf(requestFrom('192.0.2.1', '203.0.113.7'))).toBe('192.0.2.1');
  });

  it.each([
    [
      '203.0.113.7',
      ['203.0.113.7:5678', ' 203.0.113.7 ', '"203.0.113.7:80"', '::ffff:203.0.113.7', '::FFFF:cb00:7107'],
    ],
    ['203.0.113.7', ['[::ffff:203.0.113.7]:443', '0:0:0:0:0:ffff:cb00:7107']],
    ['2001:db8::1', ['[2001:db8::1]:443', '[2001:db8::1]', '"[2001:DB8::1]:443"', '2001:0db8:0:0:0:0:0:0001']],
    ['fe80::1', ['fe80::1%eth0', '[fe80::1%25eth0]:443']],
  ])('is %s, however a proxy writes it', (address, spellings) => {
    for (const spelling of spellings) {
      expect([spelling, clientAddressReader('1')(requestFrom('10.0.0.1', spelling))]).toEqual([spelling, address]);
      expect(clientAddressReader('loopback')(requestFrom('127.0.0.1', spelling))).toBe(address);
    }
  });

  it('is told in the same form without a proxy', () => {
    const addressOf = clientAddressReader('false');
    expect(addressOf(requestFrom('::ffff:192.0.2.1'))).toBe('192.0.2.1');
    expect(addressOf(requestFrom('fe80::1%eth0'))).toBe('fe80::1');
    expect(addressOf(requestFrom('2001:db8::1'))).toBe('2001:db8::1');
    expect(addressOf(new IncomingMessage(new Socket()))).toBe('');
  });

  it('is found past trusted proxies that write ports', () => {
    const addressOf = clientAddressReader('loopback, 10.0.0.0/8, 2001:db8::/32');
    const forwarded = '198.51.100.66:1, 203.0.113.7:5678, [2001:DB8::9]:443, 10.0.0.2:80';
    expect(addressOf(requestFrom('::ffff:127.0.0.1', forwarded))).toBe('203.0.113.7');
  });

  it.each(['unknown', '_hidden', 'nonsense', '1', '0x7f.1', '010.0.0.1', '1.2.3.4:x', '[1.2.3.4', '1.2.3', ''])(
    'is that of the proxy where the proxy writes %j, which is no address',
    (entry) => {
      expect(clientAddressReader('loopback')(requestFrom('127.0.0.1', entry))).toBe('127.0.0.1');
      expect(clientAddressReader('2')(requestFrom('10.0.0.1', `203.0.113.7, ${entry}, 10.0.0.2`))).toBe(
        // An empty entry is none at all.
        entry === '' ? '203.0.113.7' : '10.0.0.2',
      );
    },
  );

  it.each(['garbage', '10.0.0.0/99', 'loopback, garbage'])(
    'cannot be set up with %j, and names the setting',
    (setting) => {
      expect(() => clientAddressReader(setting)).toThrow(SettingsError);
      expect(() => clientAddressReader(setting)).toThrow('TRUST_PROXY');
    },
  );
});

describe('the name by which an address is counted', () => {
  it('is the prefix of an IPv6 address', () => {
    expect(countedAddress('2001:db8:1:2:3:4:5:6', 64)).toBe('2001:db8:1:2::/64');
    expect(countedAddress('2001:db8:1:2::1', 64)).toBe('2001:db8:1:2::/64');
    expect(countedAddress('2001:db8:1:3::1', 64)).toBe('2001:db8:1:3::/64');
    expect(countedAddress('2001:db8:1:2ff::1', 56)).toBe('2001:db8:1:200::/56');
    expect(countedAddress('ffff::', 1)).toBe('8000::/1');
    expect(countedAddress('2001:db8::7', 127)).toBe('2001:db8::6/127');
  });

  it.each(['203.0.113.7', '', 'fe80::1', '64:ff9b::cb00:7107'])(
    'is the whole address of %j, whose neighbours are other clients',
    (address) => {
      expect(countedAddress(address, 64)).toBe(address);
    },
  );

  it('is the whole address where the prefix is', () => {
    expect(countedAddress('2001:db8::7', 128)).toBe('2001:db8::7');
  });
});
