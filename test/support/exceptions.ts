import {
  BadRequestException,
  ConflictException,
  ForbiddenException,
  HttpException,
  InternalServerErrorException,
  NotFoundException,
  ServiceUnavailableException,
  UnauthorizedException,
  UnprocessableEntityException,
} from '@nestjs/common';
import { WsException } from '@nestjs/websockets';

import { BrokerUnavailableError, ProtocolError, type ErrorPayload } from '../../src/index.js';

/** What no client may read. */
export const SECRET_TEXT = 'a secret of the database';

/** An exception that an application throws, and what a client gets: over REST with the status. */
export interface Thrown {
  readonly make: () => unknown;
  readonly status: number;
  readonly payload: ErrorPayload;
  readonly logged?: boolean;
}

const thrown = (make: () => unknown, status: number, payload: ErrorPayload): Thrown => ({ make, status, payload });
const secret = (): Error => new Error(SECRET_TEXT);
const RULE = 'The payload breaks a rule';

/** Exceptions by name. */
export const EXCEPTIONS: Readonly<Record<string, Thrown>> = {
  unauthorized: thrown(() => new UnauthorizedException('Log in first'), 401, {
    code: 'UNAUTHORIZED',
    message: 'Log in first',
  }),
  forbidden: thrown(() => new ForbiddenException('Not your order'), 403, {
    code: 'FORBIDDEN',
    message: 'Not your order',
  }),
  'not found': thrown(() => new NotFoundException('No such order'), 404, {
    code: 'NOT_FOUND',
    message: 'No such order',
  }),
  'without a text': thrown(() => new NotFoundException(), 404, { code: 'NOT_FOUND', message: 'Not Found' }),
  conflict: thrown(() => new ConflictException('Already packed'), 409, {
    code: 'CONFLICT',
    message: 'Already packed',
  }),
  'bad request': thrown(() => new BadRequestException('No such colour'), 400, {
    code: 'INVALID_PAYLOAD',
    message: 'No such colour',
  }),
  throttled: thrown(() => new HttpException('Slow down', 429), 429, { code: 'RATE_LIMITED', message: 'Slow down' }),
  'of a rare status': thrown(() => new HttpException('Pay first', 402), 402, {
    code: 'REJECTED',
    message: 'Pay first',
  }),
  object: thrown(
    () => new HttpException({ code: 'SHIPPED', message: 'Too late', details: { since: 1 }, more: SECRET_TEXT }, 409),
    409,
    { code: 'SHIPPED', message: 'Too late', details: { since: 1 } },
  ),
  'object with fields of its own': thrown(
    () => new ConflictException({ statusCode: 409, error: 'Conflict', message: 'Too late', since: 1 }),
    409,
    { code: 'CONFLICT', message: 'Too late', details: { since: 1 } },
  ),
  'object without a text': thrown(() => new ForbiddenException({ reason: 'locked' }), 403, {
    code: 'FORBIDDEN',
    message: 'Not allowed',
    details: { reason: 'locked' },
  }),
  'with a number for a code': thrown(() => new HttpException({ code: 1001, message: 'Too late' }, 409), 409, {
    code: '1001',
    message: 'Too late',
  }),
  'with a code of Nest’s': thrown(() => new ForbiddenException('Locked', { errorCode: 'ORDER_LOCKED' }), 403, {
    code: 'ORDER_LOCKED',
    message: 'Locked',
  }),
  'with a cause': thrown(() => new HttpException('Too late', 409, { cause: secret() }), 409, {
    code: 'CONFLICT',
    message: 'Too late',
  }),
  'around an error': thrown(() => new UnauthorizedException(secret()), 401, {
    code: 'UNAUTHORIZED',
    message: 'Not authenticated',
  }),
  unavailable: {
    ...thrown(() => new ServiceUnavailableException('Closed for the night', { cause: secret() }), 503, {
      code: 'UNAVAILABLE',
      message: 'Closed for the night',
    }),
    logged: true,
  },
  'fault on purpose': {
    ...thrown(() => new InternalServerErrorException('Out of paper'), 500, {
      code: 'INTERNAL',
      message: 'Out of paper',
    }),
    logged: true,
  },
  fault: { ...thrown(secret, 500, { code: 'INTERNAL', message: 'Internal error' }), logged: true },
  validation: thrown(() => new BadRequestException(['a must be a number', 'b is required']), 400, {
    code: 'INVALID_PAYLOAD',
    message: RULE,
    details: { rule: 'a must be a number; b is required' },
  }),
  'validation by field': thrown(
    () => new UnprocessableEntityException({ statusCode: 422, message: { 'a.b': ['must be a number', 'is odd'] } }),
    422,
    { code: 'INVALID_PAYLOAD', message: RULE, details: { field: 'a.b', rule: 'must be a number; is odd' } },
  ),
  'of the protocol': thrown(() => new ProtocolError('NOT_JOINED'), 409, {
    code: 'NOT_JOINED',
    message: 'Join the room first',
  }),
  'of the broker': thrown(() => new BrokerUnavailableError(SECRET_TEXT), 503, {
    code: 'UNAVAILABLE',
    message: 'The broker cannot be reached; repeat with the same id',
  }),
  'of WebSockets': thrown(() => new WsException('Too late'), 422, { code: 'REJECTED', message: 'Too late' }),
  'of WebSockets with an object': thrown(
    () => new WsException({ code: 'SHIPPED', message: 'Too late', details: { since: 'Monday' } }),
    422,
    { code: 'SHIPPED', message: 'Too late', details: { since: 'Monday' } },
  ),
};

/** Throws the exception of a name. */
export function throwNamed(name: string): never {
  throw EXCEPTIONS[name]?.make() ?? new Error(`no exception is called ${name}`);
}
