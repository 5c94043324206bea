import type { RookeryOptions } from '../config/rookery.options.js';

/** What a token should say. */
export interface TokenRequest {
  readonly userId: string;
  /** Patterns; left out, the token gets the default grants. */
  readonly rooms?: readonly string[];
  readonly admin?: boolean;
  /** @default 12 hours */
  readonly lifetimeSeconds?: number;
}

const HALF_A_DAY_SECONDS = 12 * 3600;

/** Header of every token that is made here. */
export const TOKEN_HEADER = { alg: 'HS256', typ: 'JWT' } as const;

/** Returns the claims of a token that is issued now, as the server’s settings want them. */
export function claimsOf(
  { userId, rooms, admin = false, lifetimeSeconds = HALF_A_DAY_SECONDS }: TokenRequest,
  { jwtUserClaim, jwtIssuer, jwtAudience }: RookeryOptions,
): Record<string, unknown> {
  const issuedAt = Math.floor(Date.now() / 1000);
  return {
    [jwtUserClaim]: userId,
    ...(rooms === undefined ? {} : { rooms }),
    ...(admin ? { scope: 'admin' } : {}),
    iat: issuedAt,
    exp: issuedAt + lifetimeSeconds,
    ...(jwtAudience === undefined ? {} : { aud: jwtAudience }),
    ...(jwtIssuer === undefined ? {} : { iss: jwtIssuer }),
  };
}
