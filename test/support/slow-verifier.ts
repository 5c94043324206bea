import { Injectable, type Type } from '@nestjs/common';

import { Grants } from '../../src/auth/grants.js';
import type { Principal } from '../../src/auth/principal.js';
import type { TokenVerifier } from '../../src/auth/token-verifier.js';

/** A verifier that takes its time: each token waits until the test lets it go, and then names the user. */
export interface SlowVerifier {
  readonly type: Type<TokenVerifier>;
  /** How many tokens wait. */
  readonly waiting: () => number;
  /** Lets all that wait go. */
  readonly release: () => void;
  /** Lets all go, those to come included. */
  readonly open: () => void;
}

export function slowVerifier(): SlowVerifier {
  const waiting: (() => void)[] = [];
  let isOpen = false;
  const release = (): void => {
    for (const go of waiting.splice(0)) go();
  };

  @Injectable()
  class Verifier implements TokenVerifier {
    async verify(token: string): Promise<Principal> {
      await new Promise<void>((resolve) => {
        if (isOpen) resolve();
        else waiting.push(resolve);
      });
      return { userId: token, admin: false, grants: Grants.NONE };
    }
  }

  return {
    type: Verifier,
    waiting: () => waiting.length,
    release,
    open: () => {
      isOpen = true;
      release();
    },
  };
}
