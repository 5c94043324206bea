import { ArgumentsHost, Catch, HttpException, Logger, type WsExceptionFilter } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';

import { ProtocolError, type ErrorPayload } from '../protocol/errors.js';

/** A client as Nest's filters know it. */
interface Emitting {
  emit(event: string, payload: unknown): void;
}

/**
 * Makes the errors of an application's gateway into `error` envelopes with a code: those of the protocol as they are,
 * a `WsException` with the code and message that it brings, what Nest's own pipes and guards throw by its kind, and
 * anything else as `INTERNAL`, logged.
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

  private payloadOf(error: unknown): object {
    if (error instanceof ProtocolError) return error.toPayload();
    if (error instanceof WsException) {
      const reported = error.getError();
      return typeof reported === 'string' ? { message: reported } : reported;
    }
    if (error instanceof HttpException && error.getStatus() < 500) return payloadOfHttp(error);
    this.logger.error(error instanceof Error ? error : new Error(String(error)));
    return new ProtocolError('INTERNAL').toPayload();
  }
}

function payloadOfHttp(error: HttpException): ErrorPayload {
  if (error.getStatus() === 403) return new ProtocolError('FORBIDDEN').toPayload();
  const answer = error.getResponse() as { message?: unknown };
  const problems: unknown[] = Array.isArray(answer.message) ? answer.message : [answer.message];
  return new ProtocolError('INVALID_PAYLOAD', {
    rule: problems.filter((text) => typeof text === 'string').join('; '),
  }).toPayload();
}
