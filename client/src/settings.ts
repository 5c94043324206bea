import type { Delays } from './back-off.js';
import type { ConnectionOptions } from './connection.js';
import type { ClientOptions, Schemas } from './options.js';
import type { QueueBounds } from './publish-queue.js';

/** The options with their defaults, for those who go by them. */
export interface Settings {
  /** Between attempts of one request over a connection: shorter ones than between connections. */
  readonly delays: Delays;
  readonly connection: ConnectionOptions;
  readonly queue: QueueBounds;
  readonly requestTimeoutMs: number;
  readonly publishTimeoutMs: number;
  readonly schemas: Schemas;
}

/** Longest delay before a request is repeated that failed because the server could not reach its broker. */
const MAX_REPEAT_MS = 5000;

export function settingsOf<Rooms>(options: ClientOptions<Rooms>): Settings {
  const { token, WebSocket, reconnect = {}, liveness = {}, queue = {} } = options;
  const { connectTimeoutMs = 10_000, requestTimeoutMs = 10_000, publishTimeoutMs = 0 } = options;
  const { maxDelayMs = 30_000, minDelayMs = Math.min(500, maxDelayMs), maxAttempts = Infinity } = reconnect;
  const { maxMessages = 1000, maxBytes = 4_194_304, overflow = 'reject-new' } = queue;
  return {
    delays: { minDelayMs: Math.min(minDelayMs, 500), maxDelayMs: Math.min(maxDelayMs, MAX_REPEAT_MS) },
    connection: {
      minDelayMs,
      maxDelayMs,
      maxAttempts,
      connectTimeoutMs,
      livenessMs: liveness.intervalMs,
      livenessTimeoutMs: liveness.timeoutMs ?? 5000,
      renewable: typeof token === 'function',
      token,
      WebSocket,
    },
    queue: { maxMessages, maxBytes, overflow },
    requestTimeoutMs,
    publishTimeoutMs,
    schemas: options.rooms ?? {},
  };
}
