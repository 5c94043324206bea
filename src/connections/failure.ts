import type { Logger } from '@nestjs/common';

import { BrokerUnavailableError } from '../broker/broker.js';
import { ProtocolError, type ErrorPayload } from '../protocol/errors.js';
import { ReportedError } from './reported-error.js';

/** What the client is told of what was thrown. What is nobody's refusal is a fault: it is logged, and told as such. */
export function failureOf(error: unknown, logger: Logger): ErrorPayload {
  if (error instanceof ProtocolError) return error.toPayload();
  if (error instanceof BrokerUnavailableError) return new ProtocolError('UNAVAILABLE').toPayload();
  if (error instanceof ReportedError) return error.payload;
  logger.error(error instanceof Error ? error : new Error(String(error)));
  return new ProtocolError('INTERNAL').toPayload();
}
