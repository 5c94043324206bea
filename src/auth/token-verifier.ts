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

/** The token is not good. The message is for the client and never holds any of the token. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
}

/** The token cannot be judged at the moment, whatever it is worth: what it takes cannot be reached. */
export class TokenUnavailableError extends Error {
  override readonly name = 'TokenUnavailableError';
}
