import { REFUSALS, type RefusalCode } from '../protocol/refusals.js';

/**
 * Faults of tokens, for logs and metrics. Clients get `TOKEN_INVALID` for all of them, with a text.
 */
export const TOKEN_FAULTS = {
  TOKEN_EXPIRED: 'The token has expired',
  TOKEN_NOT_YET_VALID: 'The token is not valid yet',
  TOKEN_MALFORMED: 'The token is malformed',
  TOKEN_WRONG_KEY: 'The signature fits no key of this server',
  TOKEN_ALGORITHM: 'The algorithm is not accepted',
  TOKEN_CLAIMS: 'A claim is missing or not accepted',
  TOKEN_REVOKED: 'The token was revoked',
  TICKET_INVALID: 'The ticket is unknown, expired or used',
  /** Any other, as of a token verifier of the application. */
  TOKEN_INVALID: REFUSALS.TOKEN_INVALID.message,
} as const;

export type TokenFault = keyof typeof TOKEN_FAULTS;

/** The label `code` of a refused upgrade: a code of PROTOCOL.md, with `TOKEN_INVALID` divided by what is wrong. */
export type RefusalLabel = RefusalCode | TokenFault;

export const REFUSAL_LABELS: readonly RefusalLabel[] = [
  ...new Set([...(Object.keys(REFUSALS) as RefusalCode[]), ...(Object.keys(TOKEN_FAULTS) as TokenFault[])]),
];

/** Returns the code that a client is told for a label. */
export function refusalCodeOf(label: RefusalLabel): RefusalCode {
  return Object.hasOwn(REFUSALS, label) ? (label as RefusalCode) : 'TOKEN_INVALID';
}
