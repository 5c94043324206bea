import { AsyncLocalStorage } from 'node:async_hooks';

import type { ErrorPayload } from '../protocol/errors.js';
import { payloadOfAnswer } from '../protocol/http-status.js';

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

/**
 * Makes the payload of an error from what an exception filter hands out: code, message and details, or the body that
 * Nest gives an HTTP exception. Nothing else of it reaches the client: its `cause` would echo the client's own payload.
 */
export function errorPayloadOf(exception: unknown): ErrorPayload {
  return payloadOfAnswer(exception, statusIn(exception));
}

function statusIn(exception: unknown): number | undefined {
  const { statusCode, status } = (exception ?? {}) as Partial<Record<'statusCode' | 'status', unknown>>;
  return [statusCode, status].find(
    (value): value is number => typeof value === 'number' && value >= 400 && value < 600,
  );
}
