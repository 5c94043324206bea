/**
 * Every code that an `error` message can carry, with the text that goes with it unless a more precise one is given.
 * PROTOCOL.md lists the same codes; a test holds the two together.
 */
export const ERRORS = {
  INVALID_MESSAGE: 'Invalid message format',
  UNKNOWN_TYPE: 'Nobody here handles this type',
  INVALID_PAYLOAD: 'The payload breaks a rule',
  ROOM_NAME_INVALID: 'Not a valid room name',
  FORBIDDEN: 'Not allowed',
  NOT_JOINED: 'Join the room first',
  ROOM_LIMIT: 'This connection is in as many rooms as it may be',
  RATE_LIMITED: 'Too many messages',
  TOO_LARGE: 'The message is too large',
  TOKEN_MISSING: 'A token is required',
  TOKEN_INVALID: 'The token is not valid',
  UNAVAILABLE: 'The broker cannot be reached; repeat with the same id',
  REJECTED: 'The application refused the request',
  UNAUTHORIZED: 'Not authenticated',
  NOT_FOUND: 'Nothing here',
  METHOD_NOT_ALLOWED: 'The method is not allowed here',
  TIMEOUT: 'The application took too long',
  CONFLICT: 'The request conflicts with the current state',
  GONE: 'No longer available',
  UNSUPPORTED_MEDIA_TYPE: 'The media type is not supported',
  NOT_IMPLEMENTED: 'Not implemented',
  INTERNAL: 'Internal error',
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** Payload of an `error` message. Never holds anything that the client sent. */
export interface ErrorPayload {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Details of a refusal for the log. Never sent to the client. */
export interface ErrorNote {
  /** A code that says more than the one on the wire. */
  readonly code?: string;
  /** In words, in place of the text on the wire. */
  readonly reason?: string;
  readonly room?: string;
  readonly action?: string;
  /** User id, where it is proven. */
  readonly user?: string | undefined;
}

/**
 * A refusal that the client is told about.
 *
 * @example
 * throw new ProtocolError('INVALID_PAYLOAD', { field: 'room', rule: 'is required' });
 */
export class ProtocolError extends Error {
  /** @internal */
  note: ErrorNote = {};

  constructor(
    readonly code: ErrorCode,
    readonly details?: Readonly<Record<string, unknown>>,
    message: string = ERRORS[code],
  ) {
    super(message);
    this.name = 'ProtocolError';
  }

  /** Adds what only the log says. @internal */
  noted(note: ErrorNote): this {
    this.note = note;
    return this;
  }

  /** What goes onto the wire. */
  toPayload(): ErrorPayload {
    return this.details === undefined
      ? { code: this.code, message: this.message }
      : { code: this.code, message: this.message, details: this.details };
  }
}
