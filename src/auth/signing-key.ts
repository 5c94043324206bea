import { createSecretKey, type KeyObject } from 'node:crypto';

import type { RookeryOptions } from '../config/rookery.options.js';
import { developmentSecret } from './development-secret.js';

/** Whether the server trusts the tokens of an issuer elsewhere, which alone has the private key. */
export function hasOtherIssuer({ jwksUrl, jwtPublicKey }: RookeryOptions): boolean {
  return jwksUrl !== undefined || jwtPublicKey !== undefined;
}

/** Returns the secret that signs and verifies tokens; in development without one, a secret of this machine. */
export function signingKeyOf(options: RookeryOptions): KeyObject {
  // Prepared once: handed a string, the token library would try to read it as a public key at every verification.
  return createSecretKey(Buffer.from(options.jwtSecret ?? developmentSecret(options)));
}
