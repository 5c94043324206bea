import type { Grants } from './grants.js';

/** Who is on the other side, as the token says. */
export interface Principal {
  readonly userId: string;
  readonly grants: Grants;
  /** Scope `admin`: the operators' REST, and every action in every room. */
  readonly admin: boolean;
  /** When the token ends, in milliseconds since 1970; absent where it does not (a trusted network). */
  readonly expiresAt?: number;
  /** When the token was issued, in milliseconds since 1970; absent where it does not say. */
  readonly issuedAt?: number;
  /** The token's `jti`. */
  readonly tokenId?: string;
}
