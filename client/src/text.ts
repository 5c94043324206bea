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

/** As good as `randomUUID`, which pages that were not loaded over TLS do not have. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('');
}
