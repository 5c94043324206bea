import type { IncomingMessage } from 'node:http';

/** Name or address, and a port: nothing else belongs into a Host (RFC 9110, section 7.2). */
const HOST = /^(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d{1,5})?$/;

/**
 * What is wrong with a handshake, before anything dear is done for it. What is not looked at here, `ws` looks at.
 *
 * Node checks the Host of plain requests only. Version 8, which `ws` would take, names its Origin in a header that
 * the check of the Origin does not see.
 */
export function problemOfHandshake({ httpVersion, headers, rawHeaders }: IncomingMessage): string | undefined {
  if (httpVersion !== '1.1') return 'HTTP/1.1 is required';
  if (countHosts(rawHeaders) !== 1 || !HOST.test(headers.host ?? ''))
    return 'Exactly one valid Host header is required';
  if (headers['sec-websocket-version'] !== '13') return 'Sec-WebSocket-Version must be 13';
  return undefined;
}

/** @param rawHeaders names and values by turns */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}
