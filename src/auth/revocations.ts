import { Inject, Injectable } from '@nestjs/common';

import { Cluster } from '../cluster/cluster.js';
import { RookeryOptions } from '../config/rookery.options.js';
import type { Principal } from './principal.js';
import { TokenError } from './token-verifier.js';

const USER = 'revoked user ';
const TOKEN = 'revoked token ';

/** Tokens that are good by themselves and taken no more, on every node. */
@Injectable()
export class Revocations {
  constructor(
    private readonly options: RookeryOptions,
    @Inject(Cluster) private readonly cluster: Cluster,
  ) {}

  /**
   * Ends all tokens of a user that were issued until now; connections with one are closed with 4401.
   *
   * @throws BrokerUnavailableError
   */
  revokeUser(userId: string): Promise<void> {
    return this.cluster.remember(USER + userId, Date.now(), this.options.revocationTtlMs);
  }

  /**
   * Ends one token by its `jti`.
   *
   * @throws BrokerUnavailableError
   */
  revokeToken(tokenId: string): Promise<void> {
    return this.cluster.remember(TOKEN + tokenId, Date.now(), this.options.revocationTtlMs);
  }

  isRevoked({ userId, tokenId, issuedAt }: Principal): boolean {
    if (tokenId !== undefined && this.cluster.recall(TOKEN + tokenId) !== undefined) return true;
    const revokedAt = this.cluster.recall(USER + userId);
    // `iat` counts whole seconds: a token of the same second is taken to be older. One without `iat` is, too.
    return revokedAt !== undefined && (issuedAt === undefined || issuedAt <= revokedAt);
  }

  /** @throws TokenError for a principal whose token is revoked */
  check(principal: Principal): Principal {
    if (this.isRevoked(principal)) {
      throw new TokenError('The token was revoked', { fault: 'TOKEN_REVOKED', userId: principal.userId });
    }
    return principal;
  }

  /** Told whenever something was revoked, on whichever node. */
  onRevoked(listener: () => void): void {
    this.cluster.onRemembered((name) => {
      if (name.startsWith(USER) || name.startsWith(TOKEN)) listener();
    });
  }
}
