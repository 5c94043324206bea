import { Catch, HttpException, HttpStatus, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { BrokerUnavailableError } from '../broker/broker.js';
import { ERRORS, ProtocolError, type ErrorCode, type ErrorPayload } from '../protocol/errors.js';

const STATUS: Readonly<Record<ErrorCode, HttpStatus>> = {
  INVALID_MESSAGE: HttpStatus.BAD_REQUEST,
  UNKNOWN_TYPE: HttpStatus.NOT_FOUND,
  INVALID_PAYLOAD: HttpStatus.BAD_REQUEST,
  ROOM_NAME_INVALID: HttpStatus.BAD_REQUEST,
  FORBIDDEN: HttpStatus.FORBIDDEN,
  NOT_JOINED: HttpStatus.CONFLICT,
  ROOM_LIMIT: HttpStatus.CONFLICT,
  RATE_LIMITED: HttpStatus.TOO_MANY_REQUESTS,
  TOO_LARGE: HttpStatus.PAYLOAD_TOO_LARGE,
  TOKEN_INVALID: HttpStatus.UNAUTHORIZED,
  UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  REJECTED: HttpStatus.UNPROCESSABLE_ENTITY,
  INTERNAL: HttpStatus.INTERNAL_SERVER_ERROR,
};

/** What is away is asked for again soon; refused upgrades say the same. */
const UNAVAILABLE_SECONDS = 2;

const UNAUTHORIZED: number = HttpStatus.UNAUTHORIZED;

/** Names for what Nest and Express refuse by themselves. */
const HTTP_CODES: Readonly<Record<number, string>> = {
  400: 'INVALID_PAYLOAD',
  401: 'TOKEN_INVALID',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  413: 'TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  503: 'UNAVAILABLE',
};

/**
 * Answers every failure of the REST API with `{code, message, details?}`: the codes of the WebSocket protocol.
 *
 * @example
 * app.useGlobalFilters(new RestErrorFilter(app.get(HttpAdapterHost)));
 */
@Catch()
export class RestErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(RestErrorFilter.name);

  constructor(private readonly adapterHost: HttpAdapterHost) {
    // Types do not hold in JavaScript, and every error would be answered with this one.
    if ((adapterHost as unknown) === undefined) {
      throw new TypeError('RestErrorFilter needs the HttpAdapterHost: new RestErrorFilter(app.get(HttpAdapterHost))');
    }
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const { httpAdapter } = this.adapterHost;
    const response = host.switchToHttp().getResponse<unknown>();
    if (httpAdapter.isHeadersSent(response)) return;
    const { status, body } = this.answerOf(error);
    if (status === UNAUTHORIZED) httpAdapter.setHeader(response, 'WWW-Authenticate', 'Bearer');
    const seconds = secondsToWait(body);
    if (seconds !== undefined) httpAdapter.setHeader(response, 'Retry-After', String(seconds));
    httpAdapter.reply(response, body, status);
  }

  private answerOf(error: unknown): { status: number; body: object } {
    if (error instanceof ProtocolError) return { status: STATUS[error.code], body: error.toPayload() };
    if (error instanceof BrokerUnavailableError) return this.answerOf(new ProtocolError('UNAVAILABLE'));
    if (error instanceof HttpException) return answerOfHttp(error);
    const { status } = error as { status?: unknown };
    // What body parsers throw has a status and is no HttpException.
    if (typeof status === 'number' && status >= 400 && status < 500) {
      return { status, body: { code: HTTP_CODES[status] ?? 'INVALID_PAYLOAD', message: 'The request cannot be read' } };
    }
    this.logger.error(error instanceof Error ? error : new Error(String(error)));
    return { status: 500, body: new ProtocolError('INTERNAL').toPayload() };
  }
}

function answerOfHttp(error: HttpException): { status: number; body: object } {
  const status = error.getStatus();
  const answer = error.getResponse();
  // Health checks and validation bring a body of their own.
  if (typeof answer === 'object' && !('statusCode' in answer && 'message' in answer)) return { status, body: answer };
  const code = HTTP_CODES[status] ?? 'INTERNAL';
  const message = status === 404 ? 'Nothing here' : (ERRORS[code as ErrorCode] ?? 'The request cannot be served');
  return { status, body: { code, message } satisfies ErrorPayload };
}

/** After how many seconds a call may succeed that is refused for now; other calls would be refused again. */
function secondsToWait({ code, details }: Partial<ErrorPayload>): number | undefined {
  if (code === 'UNAVAILABLE') return UNAVAILABLE_SECONDS;
  const { retryAfterMs } = details ?? {};
  return typeof retryAfterMs === 'number' ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : undefined;
}
