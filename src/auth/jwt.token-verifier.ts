import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';

import { RookeryOptions } from '../config/rookery.options.js';
import { MAX_USER_ID_LENGTH, isPrintable } from '../protocol/room-name.js';
import { TOKEN_FAULTS } from '../telemetry/refusal-label.js';
import { GrantError, GrantTemplate, defaultGrantsOf } from './grants.js';
import { loadJose } from './jose.js';
import type { KeySource } from './key-source.js';
import type { Principal } from './principal.js';
import { NOT_VALID, verdictOfJose, verdictOfJsonWebToken, type Verdict } from './token-fault.js';
import { TokenError, type TokenVerifier } from './token-verifier.js';

export const JwtKeySource = Symbol('JwtKeySource');

type Claims = Readonly<Record<string, unknown>>;

const MAX_TOKEN_LENGTH = 16_384;
/** Header, payload, signature, and one more to tell that there are too many. */
const MAX_PARTS = 4;

/** Both numbers of a signature, side by side (RFC 7518, section 3.4). */
const EC_SIGNATURE_BYTES: Readonly<Record<string, number>> = { ES256: 64, ES384: 96, ES512: 132 };

/** JSON Web Tokens, by RFC 7519 and the advice of RFC 8725. */
@Injectable()
export class JwtTokenVerifier implements TokenVerifier {
  private readonly defaultGrants: GrantTemplate;

  constructor(
    private readonly options: RookeryOptions,
    private readonly jwt: JwtService,
    @Inject(JwtKeySource) private readonly keys: KeySource,
  ) {
    this.defaultGrants = defaultGrantsOf(options);
  }

  verify(token: string): Principal | Promise<Principal> {
    const alg = this.checkHeader(token);
    if (alg === 'EdDSA' || this.keys.onlyKey === undefined) return this.verifyLater(token, alg);
    let claims: Claims;
    try {
      claims = this.jwt.verify<Claims & object>(token);
    } catch (error) {
      throw this.asTokenError(error, token);
    }
    return this.principalOf(claims);
  }

  private async verifyLater(token: string, alg: string): Promise<Principal> {
    let claims: Claims;
    try {
      claims = alg === 'EdDSA' ? await this.verifyEdDsa(token) : await this.jwt.verifyAsync<Claims & object>(token);
    } catch (error) {
      throw this.asTokenError(error, token);
    }
    return this.principalOf(claims);
  }

  /** What the libraries do not look at: size, shape, algorithm before any key is fetched, critical extensions. */
  private checkHeader(token: string): string {
    if (token.length > MAX_TOKEN_LENGTH) throw malformed('The token is too long');
    const [header, payload, signature = '', ...more] = token.split('.', MAX_PARTS);
    const { alg, crit } = partOf(header);
    // The library below @nestjs/jwt takes a payload of `null` for an object.
    partOf(payload);
    if (more.length > 0) throw malformed();
    if (typeof alg !== 'string' || !this.keys.algorithms.includes(alg)) {
      throw new TokenError('The token’s algorithm is not accepted', { fault: 'TOKEN_ALGORITHM' });
    }
    // A signature of another length makes the library below @nestjs/jwt fail in a way that is not about tokens.
    const bytes = EC_SIGNATURE_BYTES[alg];
    if (bytes !== undefined && Buffer.from(signature, 'base64url').length !== bytes) {
      throw malformed(NOT_VALID);
    }
    if (crit !== undefined) throw new TokenError('The token asks for an extension that is not supported');
    return alg;
  }

  /** The library below @nestjs/jwt does not know EdDSA. */
  private async verifyEdDsa(token: string): Promise<Claims> {
    const { jwtIssuer, jwtAudience, jwtClockSkewMs } = this.options;
    const { errors, jwtVerify } = await loadJose();
    try {
      const { payload } = await jwtVerify(token, async (header) => this.keys.keyFor(header), {
        algorithms: ['EdDSA'],
        clockTolerance: jwtClockSkewMs / 1000,
        ...(jwtIssuer === undefined ? {} : { issuer: jwtIssuer }),
        ...(jwtAudience === undefined ? {} : { audience: jwtAudience }),
      });
      return payload;
    } catch (error) {
      throw error instanceof errors.JOSEError ? this.tokenError(verdictOfJose(error), token) : error;
    }
  }

  private asTokenError(error: unknown, token: string): unknown {
    if (error instanceof TokenError || !(error instanceof Error)) return error;
    const verdict = verdictOfJsonWebToken(error);
    return verdict === undefined ? error : this.tokenError(verdict, token);
  }

  private tokenError({ fault, isProven }: Verdict, token: string): TokenError {
    const userId = isProven ? this.userOf(partOf(token.split('.', MAX_PARTS)[1])) : undefined;
    const message = fault === 'TOKEN_EXPIRED' ? TOKEN_FAULTS[fault] : NOT_VALID;
    return new TokenError(message, { fault, userId });
  }

  private userOf(claims: Claims): string | undefined {
    const user = claims[this.options.jwtUserClaim];
    // Other numbers have lost digits when they were read: two users would have one name.
    const userId = Number.isSafeInteger(user) ? String(user) : user;
    return isPrintable(userId, MAX_USER_ID_LENGTH) ? userId : undefined;
  }

  private principalOf(claims: Claims): Principal {
    const userId = this.userOf(claims);
    if (userId === undefined) throw new TokenError('The token names no user', { fault: 'TOKEN_CLAIMS' });
    const { exp, iat, jti } = claims;
    if (typeof exp !== 'number') throw new TokenError('The token has no expiry', { fault: 'TOKEN_CLAIMS', userId });
    return {
      userId,
      admin: scopesOf(claims['scope']).includes('admin'),
      grants: this.grantsOf(claims['rooms'], userId),
      expiresAt: exp * 1000,
      ...(typeof iat === 'number' ? { issuedAt: iat * 1000 } : {}),
      ...(typeof jti === 'string' ? { tokenId: jti } : {}),
    };
  }

  private grantsOf(rooms: unknown, userId: string) {
    if (rooms === undefined) return this.defaultGrants.for(userId);
    try {
      return new GrantTemplate(rooms).for(userId);
    } catch (error) {
      if (!(error instanceof GrantError)) throw error;
      throw new TokenError(`The token’s claim "rooms" cannot be read`, { fault: 'TOKEN_CLAIMS', userId });
    }
  }
}

function malformed(message: string = TOKEN_FAULTS.TOKEN_MALFORMED): TokenError {
  return new TokenError(message, { fault: 'TOKEN_MALFORMED' });
}

/** Header or payload: a JSON object. That it is strictly Base64url, the libraries see to. */
function partOf(text = ''): Claims {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    throw malformed();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed();
  return value as Claims;
}

function scopesOf(scope: unknown): readonly unknown[] {
  if (typeof scope === 'string') return scope.split(' ');
  return Array.isArray(scope) ? scope : [];
}
