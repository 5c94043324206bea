import type { KeyObject } from 'node:crypto';

/** Where verification keys come from. The algorithms follow from the kind of key, never from the token. */
export interface KeySource {
  readonly algorithms: readonly string[];
  /** The key for a token with this header. */
  keyFor(header: { readonly alg?: string; readonly kid?: string }): KeyObject | Promise<KeyObject>;
  /** The key for all tokens, where there is one that need not be looked for. */
  readonly onlyKey?: KeyObject;
  /** Only a shared secret can sign, too. */
  readonly signingKey?: KeyObject;
}
