import { ArgumentsHost, Catch, HttpException, Logger, type WsExceptionFilter } from '@nestjs/common';

import { ProtocolError, type ErrorPayload } from '../protocol/errors.js';
import { rejectionOf } from './rejection.js';

/** A client as Nest's filters know it. */
interface Emitting {
  emit(event: string, payload: unknown): void;
}

/**
 * Makes the errors of an application's gateway into `error` envelopes with a code: those of the protocol as they are,
 * a `WsException` with the code and message that it brings, an `HttpException` with its text and the code of its
 * status, or its own, and anything else as `INTERNAL`. Faults, and HTTP exceptions of 5xx, are logged.
 *
 * @example
 * @WebSocketGateway()
 * @UseFilters(EnvelopeExceptionFilter)
 * @UsePipes(PayloadValidationPipe)
 * class OrdersGateway {}
 */
@Catch()
export class EnvelopeExceptionFilter implements WsExceptionFilter {
  private readonly logger = new Logger(EnvelopeExceptionFilter.name);

  catch(error: unknown, host: ArgumentsHost): void {
    host.switchToWs().getClient<Emitting>().emit('exception', this.payloadOf(error));
  }

  private payloadOf(error: unknown): ErrorPayload {
    const rejection = rejectionOf(error);
    if (rejection === undefined || (error instanceof HttpException && rejection.status >= 500)) {
      this.logger.error(error instanceof Error ? error : new Error(String(error)));
    }
    return rejection?.payload ?? new ProtocolError('INTERNAL').toPayload();
  }
}
