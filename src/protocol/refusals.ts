/**
 * Refusals before the upgrade, and of requests that cannot be read: an HTTP status and a JSON body `{code, message}`.
 * PROTOCOL.md lists the same; a test holds the two together.
 */
export const REFUSALS = {
  BAD_HANDSHAKE: { status: 400, message: 'Not a valid WebSocket handshake' },
  UNSUPPORTED_SUBPROTOCOL: { status: 400, message: 'None of the offered subprotocols is supported' },
  TOKEN_MISSING: { status: 401, message: 'A token is required' },
  TOKEN_INVALID: { status: 401, message: 'The token is not valid' },
  ORIGIN_NOT_ALLOWED: { status: 403, message: 'This Origin is not allowed' },
  NOT_FOUND: { status: 404, message: 'No WebSocket endpoint here' },
  BAD_REQUEST: { status: 400, message: 'Not a valid HTTP request' },
  REQUEST_TIMEOUT: { status: 408, message: 'The request took too long' },
  HEADERS_TOO_LARGE: { status: 431, message: 'The request has too many header bytes' },
  UPGRADE_REQUIRED: { status: 426, message: 'This address speaks WebSocket only' },
  TOO_MANY_CONNECTIONS: { status: 429, message: 'Too many connections from this address or user' },
  FULL: { status: 503, message: 'The server is full' },
  UNAVAILABLE: { status: 503, message: 'Not possible at the moment' },
  DRAINING: { status: 503, message: 'The server is shutting down' },
} as const satisfies Record<string, { status: number; message: string }>;

export type RefusalCode = keyof typeof REFUSALS;

/** Body of a refusal. */
export interface RefusalBody {
  readonly code: RefusalCode;
  readonly message: string;
}
