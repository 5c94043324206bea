/**
 * Close codes that the server sends. The range tells a client what to do: 1000–1012 are those of RFC 6455 and its
 * registry, 4400–4499 mean "do not come back as you are", 4500–4599 "come back with back-off".
 */
export const CLOSE_CODES = {
  GOING_AWAY: 1001,
  PROTOCOL_VIOLATION: 1002,
  INVALID_DATA: 1007,
  POLICY_VIOLATION: 1008,
  MESSAGE_TOO_LARGE: 1009,
  INTERNAL_ERROR: 1011,
  SERVICE_RESTART: 1012,
  PROTOCOL_ERRORS: 4400,
  TOKEN_EXPIRED: 4401,
  KICKED: 4403,
  RATE_LIMITED: 4429,
  SLOW_CONSUMER: 4508,
} as const;

export type CloseCode = (typeof CLOSE_CODES)[keyof typeof CLOSE_CODES];
