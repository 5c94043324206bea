import { TOKEN_FAULTS, type TokenFault } from '../telemetry/refusal-label.js';
import type { TokenError } from './token-verifier.js';

/** The text for clients where a more precise one would help only those who forge tokens. */
export const NOT_VALID = TOKEN_FAULTS.TOKEN_INVALID;

/** The fault of a token. Its claims may be proven all the same: the signature is checked before them. */
export interface Verdict {
  readonly fault: TokenFault;
  readonly isProven: boolean;
}

/** Beginnings of the texts by which the library below @nestjs/jwt says what is wrong: it has one class for most. */
const BY_TEXT: readonly (readonly [start: string, verdict: Verdict])[] = [
  ['invalid signature', { fault: 'TOKEN_WRONG_KEY', isProven: false }],
  ['jwt malformed', { fault: 'TOKEN_MALFORMED', isProven: false }],
  ['invalid token', { fault: 'TOKEN_MALFORMED', isProven: false }],
  ['jwt signature is required', { fault: 'TOKEN_MALFORMED', isProven: false }],
  ['invalid algorithm', { fault: 'TOKEN_ALGORITHM', isProven: false }],
  ['jwt audience', { fault: 'TOKEN_CLAIMS', isProven: true }],
  ['jwt issuer', { fault: 'TOKEN_CLAIMS', isProven: true }],
  ['invalid nbf', { fault: 'TOKEN_CLAIMS', isProven: true }],
  ['invalid exp', { fault: 'TOKEN_CLAIMS', isProven: true }],
];

const UNKNOWN: Verdict = { fault: 'TOKEN_INVALID', isProven: false };

/**
 * Reads what the library below @nestjs/jwt threw.
 *
 * @returns undefined for an error that is not about the token
 */
export function verdictOfJsonWebToken({ name, message }: Error): Verdict | undefined {
  if (name === 'TokenExpiredError') return { fault: 'TOKEN_EXPIRED', isProven: true };
  if (name === 'NotBeforeError') return { fault: 'TOKEN_NOT_YET_VALID', isProven: true };
  if (name !== 'JsonWebTokenError') return undefined;
  return BY_TEXT.find(([start]) => message.startsWith(start))?.[1] ?? UNKNOWN;
}

/** Reads what jose threw, by its stable codes. */
export function verdictOfJose({ code, claim }: { readonly code: string; readonly claim?: unknown }): Verdict {
  if (code === 'ERR_JWT_EXPIRED') return { fault: 'TOKEN_EXPIRED', isProven: true };
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED') {
    return { fault: claim === 'nbf' ? 'TOKEN_NOT_YET_VALID' : 'TOKEN_CLAIMS', isProven: true };
  }
  if (code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') return { fault: 'TOKEN_WRONG_KEY', isProven: false };
  if (code === 'ERR_JWS_INVALID' || code === 'ERR_JWT_INVALID') return { fault: 'TOKEN_MALFORMED', isProven: false };
  return UNKNOWN;
}

/** Returns the reason for the log: the error's own text, or where that says nothing the words of the fault. */
export function reasonOf({ message, fault }: TokenError): string {
  return message === NOT_VALID || message === '' ? TOKEN_FAULTS[fault] : message;
}
