import { KeyObject, webcrypto } from 'node:crypto';

import { Logger } from '@nestjs/common';
import type { FetchImplementation } from 'jose';

import { loadJose, type Jose } from './jose.js';
import type { KeySource } from './key-source.js';
import { TokenError, TokenUnavailableError } from './token-verifier.js';

/** How long a fetched key set is taken for current; after that it is fetched anew beside the work. */
const MAX_AGE_MS = 10 * 60_000;
const FETCH_TIMEOUT_MS = 5000;
const MAX_BYTES = 256 * 1024;

/**
 * Keys from the issuer's key set. A `kid` only looks up the set that was fetched from the one address configured:
 * `jku`, `jwk` and `x5u` in a token are never read. While the address does not answer, the keys last fetched are good.
 */
export class JwksKeySource implements KeySource {
  readonly algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

  private readonly logger = new Logger(JwksKeySource.name);
  private readonly set: ReturnType<Jose['createRemoteJWKSet']>;
  private readonly prepared = new WeakMap<webcrypto.CryptoKey, KeyObject>();
  private lastAttempt = -Infinity;
  private fetchedAt = -Infinity;

  /** Makes a source that fetches the set when a key is first asked for. */
  static async at(url: URL, cooldownMs: number): Promise<JwksKeySource> {
    return new JwksKeySource(await loadJose(), url, cooldownMs);
  }

  private constructor(
    private readonly jose: Jose,
    url: URL,
    private readonly cooldownMs: number,
  ) {
    this.set = jose.createRemoteJWKSet(url, {
      timeoutDuration: FETCH_TIMEOUT_MS,
      // Both are watched below. The library counts them by the wall clock, which may go back, and would refuse old keys
      // while the address does not answer.
      cooldownDuration: Infinity,
      cacheMaxAge: Infinity,
      [jose.customFetch]: this.fetch,
    });
  }

  async keyFor(header: { alg?: string; kid?: string }): Promise<KeyObject> {
    try {
      if (this.fetchedAt === -Infinity) await this.reload();
      else this.refreshWhenOld();
      return this.prepare(await this.find(header));
    } catch (error) {
      const { errors } = this.jose;
      if (
        error instanceof errors.JWKSNoMatchingKey ||
        error instanceof errors.JWKSMultipleMatchingKeys ||
        error instanceof errors.JOSENotSupported
      ) {
        throw new TokenError('The token’s key is not known', { fault: 'TOKEN_WRONG_KEY' });
      }
      // Under a name of its own: the library's errors look alike whether the token or the key set is to blame.
      throw new TokenUnavailableError(
        `The key set cannot be had: ${error instanceof Error ? error.message : String(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  /** Looks a key up, and once more in a new set where it is in none that was fetched a moment ago. */
  private async find(header: { alg?: string; kid?: string }): Promise<webcrypto.CryptoKey> {
    const lookUp = () => this.set({ ...header, alg: header.alg ?? '' }, { payload: '', signature: '' });
    try {
      return await lookUp();
    } catch (error) {
      const isFresh = performance.now() - this.fetchedAt < this.cooldownMs;
      if (isFresh || !(error instanceof this.jose.errors.JWKSNoMatchingKey)) throw error;
      await this.reload();
      return lookUp();
    }
  }

  private async reload(): Promise<void> {
    await this.set.reload();
    this.fetchedAt = performance.now();
  }

  private prepare(key: webcrypto.CryptoKey): KeyObject {
    let prepared = this.prepared.get(key);
    if (prepared === undefined) this.prepared.set(key, (prepared = KeyObject.from(key)));
    return prepared;
  }

  private refreshWhenOld(): void {
    if (performance.now() - this.lastAttempt < MAX_AGE_MS) return;
    // Beside the work: the keys at hand are good until better ones are here.
    this.reload().catch(() => undefined);
  }

  /** At most one attempt in a cool-down, failed ones included; no redirects; a bounded answer. */
  private readonly fetch: FetchImplementation = async (url, options) => {
    const now = performance.now();
    if (now - this.lastAttempt < this.cooldownMs) throw new Error('The key set was asked for a moment ago');
    this.lastAttempt = now;
    try {
      return await this.fetchNow(url, options);
    } catch (error) {
      this.logger.warn(`The key set cannot be fetched: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  };

  private async fetchNow(...[url, options]: Parameters<FetchImplementation>): Promise<Response> {
    const response = await fetch(url, { ...options, redirect: 'error' });
    if (!response.ok) throw new Error(`it was answered with ${response.status}`);
    const body = await response.arrayBuffer();
    if (body.byteLength > MAX_BYTES) throw new Error('The key set is too large');
    return new Response(body, { status: response.status, headers: response.headers });
  }
}
