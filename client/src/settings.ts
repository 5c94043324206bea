import type { Delays } from './back-off.js';
import type { ConnectionOptions } from './connection.js';
import type { ClientOptions, Schemas } from './options.js';
import type { QueueBounds } from './publish-queue.js';

/** The options with their defaults, for those who go by them. */
export interface Settings {
  readonly delays: Delays;
  readonly connection: ConnectionOptions;
  readonly queue: QueueBounds;
  readonly requestTimeoutMs: number;
  readonly publishTimeoutMs: number;
  readonly schemas: Schemas;
}

export function settingsOf<Rooms>(options: ClientOptions<Rooms>): Settings {
  const { token, WebSocket, reconnect = {}, liveness = {}, queue = {} } = options;
  const { connectTimeoutMs = 10_000, requestTimeoutMs = 10_000, publishTimeoutMs = 0 } = options;
  const { maxDelayMs = 30_000, minDelayMs = Math.min(500, maxDelayMs), maxAttempts = Infinity } = reconnect;
  const { maxMessages = 1000, maxBytes = 4_194_304, overflow = 'reject-new' } = queue;
  const delays = { minDelayMs, maxDelayMs };
  return {
    delays,
    connection: {
      ...delays,
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
