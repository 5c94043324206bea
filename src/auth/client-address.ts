import type { IncomingMessage } from 'node:http';

import proxyaddr from 'proxy-addr';

import { SettingsError } from '../config/resolve-options.js';

/**
 * Makes the function that tells a client's address: that of the socket, unless trusted proxies name another one.
 *
 * @param trustProxy `false`, the number of proxies in front, or their addresses separated by commas
 * @throws SettingsError
 */
export function clientAddressReader(trustProxy: string): (request: IncomingMessage) => string {
  const trust = trustFunction(trustProxy);
  // Read at every upgrade, and by most servers from the socket alone.
  if (trust === trustNone) return ({ socket }) => socket.remoteAddress ?? '';
  return (request) => proxyaddr(request, trust);
}

function trustNone(): boolean {
  return false;
}

function trustFunction(setting: string): (address: string, hop: number) => boolean {
  const text = setting.trim();
  if (['', 'false', '0', 'no'].includes(text)) return trustNone;
  if (/^\d{1,2}$/.test(text)) {
    const hops = Number(text);
    return (_address, hop) => hop < hops;
  }
  try {
    return proxyaddr.compile(text.split(',').map((entry) => entry.trim()));
  } catch (error) {
    throw new SettingsError([`TRUST_PROXY: ${error instanceof Error ? error.message : String(error)}`]);
  }
}
