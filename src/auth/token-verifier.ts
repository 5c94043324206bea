import type { TokenFault } from '../telemetry/refusal-label.js';
import type { Principal } from './principal.js';

/**
 * Makes a principal of a token. Provide your own by `RookeryModule.forRoot(options, { tokenVerifier: MyVerifier })`,
 * for opaque tokens or another issuer's format.
 */
export interface TokenVerifier {
  /**
   * At once, or later, where something has to be asked: an upgrade waits `UPGRADE_TIMEOUT_MS` for it.
   *
   * @throws TokenError for a token that is not good
   * @throws TokenUnavailableError where it cannot be judged at the moment, and can later
   * @throws any other error where it could not be judged, which is answered as a fault of the server
   */
  verify(token: string): Principal | Promise<Principal>;
}
export const TokenVerifier = Symbol('TokenVerifier');

/** Details of a bad token, for the log and the metrics. */
export interface TokenErrorDetails {
  /** @default 'TOKEN_INVALID' */
  readonly fault?: TokenFault;
  /** User id, only where the signature has proven it, as of a token that has expired. */
  readonly userId?: string | undefined;
}

/**
 * The token is not good. The message is for the client and the log, and never holds any of the token.
 *
 * @example
 * throw new TokenError('The session has ended', { fault: 'TOKEN_EXPIRED', userId: session.user });
 */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly fault: TokenFault;
  readonly userId: string | undefined;

  constructor(message?: string, { fault = 'TOKEN_INVALID', userId }: TokenErrorDetails = {}) {
    super(message);
    this.fault = fault;
    this.userId = userId;
  }
}

/** The token cannot be judged at the moment, whatever it is worth: what it takes cannot be reached. */
export class TokenUnavailableError extends Error {
  override readonly name = 'TokenUnavailableError';
}
