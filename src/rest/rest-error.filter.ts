import { Catch, HttpException, Logger, Optional, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import type { ErrorPayload } from '../protocol/errors.js';
import { ProtocolError } from '../protocol/errors.js';
import { codeOfStatus, textOf } from '../protocol/http-status.js';
import { problemOfParser } from './body-problem.js';
import { CallLog } from './call-log.js';
import { rejectionOf } from './rejection.js';
import type { RestCall } from './rest-call.js';

/** What is away is asked for again soon; refused upgrades say the same. */
const UNAVAILABLE_SECONDS = 2;

interface Answer {
  readonly status: number;
  readonly body: ErrorPayload;
}

/**
 * Answers every failure of a REST call with `{code, message, details?}`: Rookery's own with the codes of the WebSocket
 * protocol, the application's exceptions with their own status, code and text. Faults, and HTTP exceptions of 5xx, are
 * logged; of a fault nothing is told.
 *
 * @example
 * app.useGlobalFilters(new RestErrorFilter(app.get(HttpAdapterHost), app.get(CallLog)));
 */
@Catch()
export class RestErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(RestErrorFilter.name);

  /** @param calls counts and logs refused calls; left out, this filter does not */
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    @Optional() private readonly calls?: CallLog,
  ) {
    // Types do not hold in JavaScript, and every error would be answered with this one.
    if ((adapterHost as unknown) === undefined) {
      throw new TypeError('RestErrorFilter needs the HttpAdapterHost: new RestErrorFilter(app.get(HttpAdapterHost))');
    }
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const { httpAdapter } = this.adapterHost;
    const [request, response] = host.getArgs<[RestCall, unknown]>();
    const { status, body } = this.answerOf(this.problemOf(error, request), request);
    this.calls?.refused(request, status, body, error);
    if (httpAdapter.isHeadersSent(response)) return;
    const setHeader = (name: string, value: string): void => {
      // What the application has set already says more.
      if (httpAdapter.getHeader(response, name) === undefined) httpAdapter.setHeader(response, name, value);
    };
    if (status === 401) setHeader('WWW-Authenticate', 'Bearer');
    const seconds = secondsToWait(body);
    if (seconds !== undefined) setHeader('Retry-After', String(seconds));
    httpAdapter.reply(response, body, status);
  }

  /** Puts what is wrong with a body in place of what its parser threw, whose text may repeat the body. */
  private problemOf(error: unknown, { headers }: RestCall): unknown {
    const thrown = error instanceof HttpException ? error.cause : error;
    return isPlatforms(thrown) ? (problemOfParser(thrown, headers) ?? error) : error;
  }

  private answerOf(error: unknown, request: unknown): Answer {
    const rejection = rejectionOf(error);
    if (rejection === undefined) return this.answerOfOther(error);
    const { status, payload } = rejection;
    if (!(error instanceof HttpException)) return { status, body: payload };
    if (status >= 500) this.logger.error(error);
    return this.isFrameworks(error, request) ? answerWithout(status) : { status, body: payload };
  }

  private answerOfOther(error: unknown): Answer {
    const { status } = (error ?? {}) as { status?: unknown };
    // What body parsers throw has a status and is not always made an HttpException.
    if (typeof status === 'number' && status >= 400 && status < 500) return answerWithout(status);
    this.logger.error(error instanceof Error ? error : new Error(String(error)));
    return { status: 500, body: new ProtocolError('INTERNAL').toPayload() };
  }

  /** True for what Nest and the platform refuse by themselves: their texts repeat the path or the body. */
  private isFrameworks(error: HttpException, request: unknown): boolean {
    const { httpAdapter } = this.adapterHost;
    const { cause, message } = error;
    return (
      isPlatforms(cause) ||
      message === `Cannot ${httpAdapter.getRequestMethod(request)} ${httpAdapter.getRequestUrl(request)}`
    );
  }
}

/** The errors of body parsers and routers: made by http-errors, by Fastify, or by the language with a status added. */
function isPlatforms(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const { expose, status } = cause as { expose?: unknown; status?: unknown };
  return cause.name === 'FastifyError' || typeof expose === 'boolean' || (cause instanceof URIError && status === 400);
}

function answerWithout(status: number): Answer {
  const code = codeOfStatus(status);
  return { status, body: { code, message: textOf(code) } };
}

/** After how many seconds a call may succeed that is refused for now; other calls would be refused again. */
function secondsToWait({ code, details }: ErrorPayload): number | undefined {
  if (code === 'UNAVAILABLE') return UNAVAILABLE_SECONDS;
  const { retryAfterMs } = details ?? {};
  return typeof retryAfterMs === 'number' ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : undefined;
}
