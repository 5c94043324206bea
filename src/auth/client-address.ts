import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

import ipaddr from 'ipaddr.js';
import proxyaddr from 'proxy-addr';

import { SettingsError } from '../config/resolve-options.js';

/** An address with brackets, quotes or a port, as some proxies write it; a bare IPv6 address has no port. */
const DECORATED = /^"?(?:\[(?<bracketed>[^\]]*)\]|(?<plain>[\d.]+))(?::\d{1,5})?"?$/;

const IPV6_BITS = 128;
const BITS_OF_PART = 16;

type Trust = (address: string, hop: number) => boolean;

/**
 * Makes the function that tells a client's address: that of the socket, unless trusted proxies name another one. An
 * address has one form, however it was written: no port, no brackets, no zone, lower case, and IPv4 by itself where it
 * is mapped into IPv6. Empty for a socket without an address, such as one in the file system.
 *
 * An entry that is no address (`unknown`, `_hidden`) names nobody: the client then has the address of the proxy that
 * wrote it, so that nobody gets around a limit by inventing names.
 *
 * @param trustProxy `false`, the number of proxies in front, or their addresses separated by commas
 * @throws SettingsError
 */
export function clientAddressReader(trustProxy: string): (request: IncomingMessage) => string {
  const trust = trustFunction(trustProxy);
  // Read at every upgrade, and by most servers from the socket alone.
  if (trust === undefined) return ({ socket }) => addressIn(socket.remoteAddress) ?? '';
  return (request) => {
    const [socketAddress, ...named] = proxyaddr.all(request);
    let address = addressIn(socketAddress) ?? '';
    for (const [hop, entry] of named.entries()) {
      const next = trust(address, hop) ? addressIn(entry) : undefined;
      if (next === undefined) break;
      address = next;
    }
    return address;
  };
}

/**
 * Returns the name by which an address is counted. A subscriber with IPv6 has a whole network of addresses, so that
 * those with one prefix count as one. Link-local addresses all have the same prefix: each of them counts by itself, and
 * so does each IPv4 address behind a translator (RFC 6052).
 *
 * @param address as {@link clientAddressReader} tells it
 * @param prefixLength leading bits of an IPv6 address that count
 */
export function countedAddress(address: string, prefixLength: number): string {
  if (prefixLength >= IPV6_BITS || !address.includes(':')) return address;
  const parsed = ipaddr.IPv6.parse(address);
  if (['linkLocal', 'rfc6052'].includes(parsed.range())) return address;
  const parts = parsed.parts.map((part, index) => {
    const bits = Math.min(Math.max(prefixLength - index * BITS_OF_PART, 0), BITS_OF_PART);
    return part & (0xffff << (BITS_OF_PART - bits));
  });
  return `${new ipaddr.IPv6(parts).toString()}/${prefixLength}`;
}

/** Returns the one form of an address, or undefined where the text is none. */
function addressIn(text = ''): string | undefined {
  // Nearly all of them; what follows would change nothing about it.
  if (isIP(text) === 4) return text;
  const { bracketed, plain } = DECORATED.exec(text)?.groups ?? {};
  const [address = ''] = (bracketed ?? plain ?? text).split('%', 1);
  // The library also takes what only looks like an address, such as `1` or `0x7f.1`.
  if (isIP(address) === 0 || !ipaddr.isValid(address)) return undefined;
  return ipaddr.process(address).toString();
}

/** Undefined where no proxy is trusted. */
function trustFunction(setting: string): Trust | undefined {
  const text = setting.trim();
  if (['', 'false', '0', 'no'].includes(text)) return undefined;
  if (/^\d+$/.test(text)) {
    const hops = Number(text);
    return (_address, hop) => hop < hops;
  }
  try {
    return proxyaddr.compile(text.split(',').map((entry) => entry.trim()));
  } catch (error) {
    throw new SettingsError([`TRUST_PROXY: ${error instanceof Error ? error.message : String(error)}`]);
  }
}
