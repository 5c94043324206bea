import { MAX_ID_LENGTH, type Envelope } from './envelope.js';
import { ProtocolError } from './errors.js';

const MAX_TYPE_LENGTH = 128;

/** A frame that is no envelope. Carries the request's id where that much could be read, so that it can be answered. */
export class EnvelopeError extends ProtocolError {
  constructor(
    details: { field: string; rule: string } | undefined,
    readonly requestId?: string,
  ) {
    super('INVALID_MESSAGE', details);
  }
}

function isShortText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= max;
}

/**
 * Reads the text of a frame.
 *
 * @throws EnvelopeError `INVALID_MESSAGE`: not JSON, not an object, no type, a bad requestId
 */
export function decodeEnvelope(text: string): Envelope {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new EnvelopeError(undefined);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EnvelopeError({ field: 'message', rule: 'must be a JSON object' });
  }
  const { type, requestId } = value as Partial<Record<keyof Envelope, unknown>>;
  if (requestId !== undefined && !isShortText(requestId, MAX_ID_LENGTH)) {
    throw new EnvelopeError({ field: 'requestId', rule: `must be a string of 1 to ${MAX_ID_LENGTH} characters` });
  }
  if (!isShortText(type, MAX_TYPE_LENGTH)) {
    throw new EnvelopeError(
      { field: 'type', rule: `must be a string of 1 to ${MAX_TYPE_LENGTH} characters` },
      requestId,
    );
  }
  return value as Envelope;
}
