import type { ErrorCode, ErrorPayload } from '../../src/protocol/errors.js';

/** Codes of errors that come from the client itself. Those of the server are listed in PROTOCOL.md, section 8. */
export type ClientErrorCode =
  | 'TIMEOUT'
  | 'ABORTED'
  | 'QUEUE_FULL'
  | 'CLOSED'
  | 'OFFLINE'
  | 'INVALID_DATA'
  | 'OVERFLOW'
  | 'TOKEN_FAILED'
  | 'SIGNED_OUT'
  | 'STORE_FAILED'
  | 'OUT_OF_ORDER';

/** With these the same call may succeed later. */
const RETRYABLE =
  /^(?:TIMEOUT|QUEUE_FULL|OFFLINE|OVERFLOW|TOKEN_FAILED|STORE_FAILED|UNAVAILABLE|RATE_LIMITED|INTERNAL)$/;

/**
 * What every call of this package rejects with.
 *
 * - `TIMEOUT`: no answer in time. A publish that was sent may have taken effect; publish again with the `id` in `details`.
 * - `ABORTED`: the call's `AbortSignal` was aborted; `cause` is its reason.
 * - `QUEUE_FULL`: the publish queue has no room.
 * - `CLOSED`: the client is closed; `details` has the close `code` or HTTP `status` where the server wanted it so, and
 *   `cause` the server's refusal, where the WebSocket shows it.
 * - `OFFLINE`: there is no connection, or it was lost before the reply came.
 * - `INVALID_DATA`: without a JSON text, or refused by the room's validator (`details.issues`).
 * - `OVERFLOW`: a loop over messages did not keep up with them.
 * - `TOKEN_FAILED`: the token function threw; `cause` is what it threw.
 * - `SIGNED_OUT`: thrown by the token function when there will be no token any more: the client closes.
 * - `STORE_FAILED`: the position store threw; `cause` is what it threw.
 * - `OUT_OF_ORDER`: the server repeated or misordered a message, which was dropped; `details` names it by `room`, `epoch`,
 *   `offset` and `id`. Only the event `error` reports it, and the room continues.
 *
 * Any other code is one of the server or of the application that it is part of.
 *
 * @example
 * await room.publish(data).catch((error: RookeryError) => error.retryable && later(data));
 */
export class RookeryError extends Error {
  override readonly name = 'RookeryError';
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;

  constructor(
    readonly code: string,
    message: string,
    readonly details?: Readonly<Record<string, unknown>>,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.retryable = RETRYABLE.test(code);
  }
}

/** An error of the client itself, or what the server would say; checked against the lists of codes. */
export function clientError(
  code: ClientErrorCode | ErrorCode,
  message: string,
  details?: Readonly<Record<string, unknown>>,
  cause?: unknown,
): RookeryError {
  return new RookeryError(code, message, details, cause);
}

/** What the server answered in place of a reply. */
export function serverError({ code, message, details }: ErrorPayload): RookeryError {
  return new RookeryError(code, message, details);
}
