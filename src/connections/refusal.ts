import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

import { REFUSALS, type RefusalBody, type RefusalCode } from '../protocol/refusals.js';

/** How long a refused client may take to read its answer. */
const LINGER_MS = 2000;

/** Seconds after which it is worth trying again. */
const RETRY_AFTER_SECONDS: Readonly<Partial<Record<RefusalCode, number>>> = {
  TOO_MANY_CONNECTIONS: 5,
  FULL: 5,
  DRAINING: 2,
  UNAVAILABLE: 2,
};

/** Refusals of requests that are not the handshake that the server speaks, which the answer then names. */
const HANDSHAKE_PROBLEMS: ReadonlySet<RefusalCode> = new Set([
  'BAD_HANDSHAKE',
  'UNSUPPORTED_SUBPROTOCOL',
  'UPGRADE_REQUIRED',
]);

/** Body of a refusal, for the upgrade and for plain HTTP alike. */
export function refusalBody(code: RefusalCode, message: string = REFUSALS[code].message): RefusalBody {
  return { code, message };
}

/**
 * Answers an upgrade, or a request that cannot be read, with an HTTP status, and ends the socket. What else the client
 * sends is read and dropped, for a bounded time: closing a socket with unread bytes may destroy the answer on its way.
 */
export function refuse(socket: Duplex, code: RefusalCode, message?: string): void {
  const { status } = REFUSALS[code];
  const body = JSON.stringify(refusalBody(code, message));
  const retryAfter = RETRY_AFTER_SECONDS[code];
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
    ...(status === 401 ? ['WWW-Authenticate: Bearer'] : []),
    ...(HANDSHAKE_PROBLEMS.has(code) ? ['Upgrade: websocket', 'Sec-WebSocket-Version: 13'] : []),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}
