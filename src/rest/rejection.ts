import { HttpException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';

import { BrokerUnavailableError } from '../broker/broker.js';
import { ERRORS, ProtocolError, type ErrorCode, type ErrorPayload } from '../protocol/errors.js';
import { STATUS_OF_CODE, payloadOfAnswer } from '../protocol/http-status.js';

/** What a client learns of an exception: over REST with the status, in a gateway without. */
export interface Rejection {
  readonly status: number;
  readonly payload: ErrorPayload;
}

/**
 * Returns what a client learns of an exception: of Rookery's errors their codes, of the application's HTTP and
 * WebSocket exceptions the application's own status, code and text.
 *
 * @returns undefined for any other error: a fault, of which nothing is told
 */
export function rejectionOf(error: unknown): Rejection | undefined {
  if (error instanceof ProtocolError) return { status: STATUS_OF_CODE[error.code], payload: error.toPayload() };
  if (error instanceof BrokerUnavailableError) return rejectionOf(new ProtocolError('UNAVAILABLE'));
  if (error instanceof WsException) {
    const payload = payloadOfAnswer(withDetails(error.getError()));
    return { status: statusOfCode(payload.code), payload };
  }
  if (error instanceof HttpException) {
    const status = error.getStatus();
    return { status, payload: payloadOfAnswer(answerOf(error), status) };
  }
  return undefined;
}

function statusOfCode(code: string): number {
  return STATUS_OF_CODE[Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'REJECTED'];
}

function answerOf(error: HttpException): unknown {
  const answer: unknown = error.getResponse();
  // An error in place of a text is one that was caught: its own text is for the log.
  const told = answer instanceof Error ? {} : withDetails(answer);
  const { errorCode } = error as { errorCode?: unknown };
  if (errorCode === undefined) return told;
  return { code: errorCode, ...(typeof told === 'object' ? told : { message: told }) };
}

/** What an object holds beyond the fields of an error becomes its details, unless it has some. */
function withDetails(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return answer;
  const { statusCode: _status, error: _phrase, errorCode: _code, code, message, ...others } = answer as AnswerFields;
  const { details } = others;
  if ((typeof details === 'object' && details !== null) || Object.keys(others).length === 0) return answer;
  return { code, message, details: others };
}

type AnswerFields = Readonly<Partial<Record<string, unknown>>>;
