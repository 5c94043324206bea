import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';

import { RookeryOptions } from '../config/rookery.options.js';
import { JwtKeySource } from './jwt.token-verifier.js';
import type { KeySource } from './key-source.js';
import { TOKEN_HEADER, claimsOf, type TokenRequest } from './token-claims.js';

export type { TokenRequest } from './token-claims.js';

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
  issue(request: TokenRequest): string {
    if (!this.canIssue) throw new Error('Only a JWT_SECRET can sign: these tokens are made by their issuer');
    return this.jwt.sign(claimsOf(request, this.options), { algorithm: TOKEN_HEADER.alg });
  }
}
