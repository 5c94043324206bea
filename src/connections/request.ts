import { AsyncLocalStorage } from 'node:async_hooks';

import { ERRORS, type ErrorCode, type ErrorPayload } from '../protocol/errors.js';

/**
 * A message that an application's own handler works on. Nest's filters get the client and not the message, so that
 * the way back from an exception to the request is the asynchronous context.
 */
export class ApplicationRequest {
  error: ErrorPayload | undefined;

  constructor(readonly connection: object) {}

  /** Takes what a filter reports as the request's reply. */
  fail(exception: unknown): void {
    this.error = errorPayloadOf(exception);
    this.onError?.(this.error);
  }

  /** Set once the reply is out and errors have to find their own way. */
  onError: ((error: ErrorPayload) => void) | undefined;
}

const context = new AsyncLocalStorage<ApplicationRequest>();

/** The application's request that this code runs for. */
export function currentRequest(): ApplicationRequest | undefined {
  return context.getStore();
}

/** Runs a handler so that {@link currentRequest} finds the request. */
export function runAsRequest<T>(request: ApplicationRequest, handler: () => T): T {
  return context.run(request, handler);
}

/** Texts by which Nest's own filter and guards report. */
const KNOWN_MESSAGES: Readonly<Record<string, ErrorCode>> = {
  'Internal server error': 'INTERNAL',
  'Forbidden resource': 'FORBIDDEN',
};

/** Makes an error payload of what an exception filter hands out; its `cause` would echo the client's own payload. */
export function errorPayloadOf(exception: unknown): ErrorPayload {
  const { code, message, details } = (exception ?? {}) as Partial<Record<keyof ErrorPayload, unknown>>;
  if (typeof code !== 'string') {
    const known = typeof message === 'string' ? KNOWN_MESSAGES[message] : undefined;
    if (known !== undefined) return { code: known, message: ERRORS[known] };
  }
  return {
    code: typeof code === 'string' ? code : 'REJECTED',
    message: typeof message === 'string' ? message : ERRORS.REJECTED,
    ...(typeof details === 'object' && details !== null ? { details: details as Record<string, unknown> } : {}),
  };
}
