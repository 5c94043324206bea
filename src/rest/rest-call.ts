import type { IncomingHttpHeaders } from 'node:http';

import type { Type } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';

import type { Principal } from '../auth/principal.js';
import { problemOfBody } from './body-problem.js';
import { PayloadValidationPipe } from './payload-validation.pipe.js';

/**
 * A REST call, as far as the requests of Express and Fastify are alike. Rookery's controllers take it by `@Req()` and
 * read the rest themselves: on a body, a query or a parameter that Nest hands over, the application's global pipes run
 * first, and may change it or refuse it in words of their own. On a request none runs.
 */
export interface RestCall {
  readonly url?: string;
  readonly headers: IncomingHttpHeaders;
  readonly params: Readonly<Partial<Record<string, string>>>;
  readonly query: unknown;
  readonly body: unknown;
  /** Set by {@link RestGuard}. */
  principal?: Principal;
}

const CHECKS = new PayloadValidationPipe();

/** Returns who is calling, behind {@link RestGuard}. */
export function callerOf({ principal }: RestCall): Principal {
  if (principal === undefined) throw new Error('The caller is known behind RestGuard only');
  return principal;
}

/** Returns a parameter of the path, decoded. */
export function paramOf({ params }: RestCall, name: string): string {
  return params[name] ?? '';
}

/**
 * Returns the query as what it has to be.
 *
 * @throws ProtocolError `INVALID_PAYLOAD` with field and rule
 */
export function queryOf<T extends object>({ query }: RestCall, type: Type<T>): Promise<T> {
  return CHECKS.transform(query, { type: 'query', metatype: type }) as Promise<T>;
}

/**
 * Returns the body as what it has to be.
 *
 * @param pipe checks it
 * @throws ProtocolError `INVALID_PAYLOAD` and `UNSUPPORTED_MEDIA_TYPE`, with field and rule
 */
export async function bodyOf<T extends object>(
  { body, headers }: RestCall,
  type: Type<T>,
  pipe: PayloadValidationPipe = CHECKS,
): Promise<T> {
  const problem = problemOfBody(body, headers);
  if (problem !== undefined) throw problem;
  return pipe.transform(body, { type: 'body', metatype: type }) as Promise<T>;
}

/**
 * Sends the answer to a call, with the status that the handler is decorated with unless another is given. Handlers take
 * the response by `@Res()` and return nothing: global interceptors of the application run around the call, but cannot
 * wrap the answer, rewrite its data, or keep it for callers who may not read it.
 */
export function answer({ httpAdapter }: HttpAdapterHost, response: object, body?: object, status?: number): void {
  // An interceptor may have given up on the call.
  if (!httpAdapter.isHeadersSent(response)) httpAdapter.reply(response, body, status);
}
