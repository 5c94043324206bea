import type { ErrorPayload } from '../protocol/errors.js';

/** An error that an application's filter has made a payload of already. */
export class ReportedError extends Error {
  constructor(readonly payload: ErrorPayload) {
    super(payload.message);
  }
}
