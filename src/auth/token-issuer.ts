import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';

import { RookeryOptions } from '../config/rookery.options.js';
import { JwtKeySource } from './jwt.token-verifier.js';
import type { KeySource } from './key-source.js';

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

/** Makes tokens, where the key is a secret: for development, and for applications that are their own issuer. */
@Injectable()
export class TokenIssuer {
  constructor(
    private readonly options: RookeryOptions,
    private readonly jwt: JwtService,
    @Inject(JwtKeySource) private readonly keys: KeySource,
  ) {}

  /** False where tokens are made elsewhere, with a private key. */
  get canIssue(): boolean {
    return this.keys.signingKey !== undefined;
  }

  /** @throws Error where there is no secret to sign with */
  issue({ userId, rooms, admin = false, lifetimeSeconds = HALF_A_DAY_SECONDS }: TokenRequest): string {
    if (!this.canIssue) throw new Error('Only a JWT_SECRET can sign: these tokens are made by their issuer');
    const { jwtUserClaim, jwtIssuer, jwtAudience } = this.options;
    const claims = {
      [jwtUserClaim]: userId,
      ...(rooms === undefined ? {} : { rooms }),
      ...(admin ? { scope: 'admin' } : {}),
    };
    return this.jwt.sign(claims, {
      algorithm: 'HS256',
      expiresIn: lifetimeSeconds,
      ...(jwtIssuer === undefined ? {} : { issuer: jwtIssuer }),
      ...(jwtAudience === undefined ? {} : { audience: jwtAudience }),
    });
  }
}
