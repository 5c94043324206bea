import { createPublicKey, type KeyObject } from 'node:crypto';

import { SettingsError } from '../config/resolve-options.js';
import type { RookeryOptions } from '../config/rookery.options.js';
import { JwksKeySource } from './jwks.key-source.js';
import { loadJose } from './jose.js';
import type { KeySource } from './key-source.js';
import { signingKeyOf } from './signing-key.js';

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string[] {
  if (type === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
  if (type === 'ec') return [CURVES[details?.namedCurve ?? ''] ?? 'ES256'];
  if (type === 'ed25519' || type === 'ed448') return ['EdDSA'];
  throw new SettingsError(['JWT_PUBLIC_KEY must be an RSA, EC or Ed25519 key']);
}

function readPublicKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new SettingsError(['JWT_PUBLIC_KEY cannot be read: it must be a public key in PEM form']);
  }
}

/**
 * The key source that the options name; in development without one, a secret of this machine.
 *
 * @throws SettingsError
 */
export async function keySourceOf(options: RookeryOptions): Promise<KeySource> {
  if (options.jwksUrl !== undefined) return JwksKeySource.at(new URL(options.jwksUrl), options.jwksCooldownMs);
  if (options.jwtPublicKey !== undefined) {
    const key = readPublicKey(options.jwtPublicKey);
    const algorithms = algorithmsOf(key);
    // A failure to load must stop the start, and not show with the first token.
    if (algorithms.includes('EdDSA')) await loadJose();
    return { algorithms, keyFor: () => key, onlyKey: key };
  }
  const secret = signingKeyOf(options);
  return { algorithms: ['HS256'], keyFor: () => secret, onlyKey: secret, signingKey: secret };
}
