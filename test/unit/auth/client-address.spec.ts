import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

import { SettingsError } from '../../../src/config/resolve-options.js';
import { clientAddressReader } from '../../../src/auth/client-address.js';

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
    expect(addressOf(requestFrom('10.0.0.1', 'nonsense'))).toBe('nonsense');
  });

  it.each(['garbage', '10.0.0.0/99', 'loopback, garbage'])(
    'cannot be set up with %j, and names the setting',
    (setting) => {
      expect(() => clientAddressReader(setting)).toThrow(SettingsError);
      expect(() => clientAddressReader(setting)).toThrow('TRUST_PROXY');
    },
  );
});
