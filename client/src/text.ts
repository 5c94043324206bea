import { clientError } from './errors.js';

/** The JSON text of what is published. */
export function jsonOf(data: unknown): string {
  let cause: unknown;
  try {
    // For `undefined`, functions and symbols there is none, whatever the type says.
    const text = JSON.stringify(data) as string | undefined;
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
  }
  throw clientError('INVALID_DATA', 'Not a JSON value', undefined, cause);
}

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Pages that were not loaded over TLS have no `randomUUID`. */
export function randomId(): string {
  const { crypto } = globalThis;
  if ('randomUUID' in crypto) return crypto.randomUUID();
  return [...(crypto as Crypto).getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('-');
}

/** The user that a token is for, as far as it can be read without its key. */
export function subjectOf(token: string | undefined): string | undefined {
  try {
    const claims = (token ?? '').split('.')[1] ?? '';
    const { sub } = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/'))) as { sub?: unknown };
    return typeof sub === 'string' ? sub : undefined;
  } catch {
    // No JSON Web Token, or one with letters beyond Latin 1: then the own room is not recovered over a reload.
    return undefined;
  }
}
