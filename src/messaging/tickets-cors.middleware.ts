import type { IncomingMessage, ServerResponse } from 'node:http';

import { Injectable, type NestMiddleware } from '@nestjs/common';
import cors from 'cors';

import { RookeryOptions } from '../config/rookery.options.js';
import { originCheck } from '../connections/origin.js';
import { refusalBody } from '../connections/refusal.js';
import { REFUSALS } from '../protocol/refusals.js';

/** How long browsers may keep the answer to a preflight: Chromium does for two hours at most, others for less or more. */
const PREFLIGHT_SECONDS = 2 * 3600;

/**
 * Lets pages of other origins ask for tickets: those that may open WebSockets, by the same check. Without a list of
 * them that is every page, and in production none: it is not to be had by leaving a setting out.
 */
@Injectable()
export class TicketsCorsMiddleware implements NestMiddleware<IncomingMessage, ServerResponse> {
  private readonly mayRead: (origin: string | undefined) => boolean;
  private readonly answer: ReturnType<typeof cors>;

  constructor({ allowedOrigins, nodeEnv }: RookeryOptions) {
    const isAllowed = originCheck(allowedOrigins, true);
    const isOpen = allowedOrigins.length > 0 || nodeEnv !== 'production';
    this.mayRead = (origin) => isOpen && isAllowed(origin);
    this.answer = cors({
      // `false` would leave out `Vary` as well, and a cache could give one origin the answer of another.
      origin: (origin, callback) => callback(null, this.mayRead(origin) || []),
      methods: ['POST'],
      allowedHeaders: ['Authorization', 'Content-Type'],
      exposedHeaders: ['Retry-After'],
      maxAge: PREFLIGHT_SECONDS,
    });
  }

  use(request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void {
    const { method, headers } = request;
    if (isAnsweredAlready(response)) next();
    else if (method !== 'OPTIONS' || headers.origin === undefined || this.mayRead(headers.origin)) {
      this.answer(request, response, next);
    } else refuse(response);
  }
}

/** What the application around says (`enableCors`, a proxy of its own) stands: two answers mixed are nobody's. */
function isAnsweredAlready(response: ServerResponse): boolean {
  return response.getHeaderNames().some((name) => name.startsWith('access-control-'));
}

/** To a browser any answer without its origin is a refusal; this one also tells whoever looks for the reason. */
function refuse(response: ServerResponse): void {
  response.statusCode = REFUSALS.ORIGIN_NOT_ALLOWED.status;
  response.appendHeader('Vary', 'Origin');
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(refusalBody('ORIGIN_NOT_ALLOWED')));
}
