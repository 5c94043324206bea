import { Controller, Header, HttpCode, Options, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiExcludeEndpoint,
  ApiForbiddenResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
  ApiTooManyRequestsResponse,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';

import { bearerOf } from '../auth/authenticator.js';
import { Tickets } from '../auth/tickets.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { answer, callerOf, type RestCall } from '../rest/rest-call.js';
import { RestGuard } from '../rest/rest.guard.js';
import { TicketAnswer } from './tickets.dto.js';

const RETRY_AFTER = { 'Retry-After': { description: 'Seconds to wait', schema: { type: 'integer' } } } as const;

/** One-time tickets, which spare browsers the token in an address. */
@ApiTags('tickets')
@ApiBearerAuth()
@Controller('api/tickets')
@UseFilters(RestErrorFilter)
export class TicketsController {
  constructor(
    private readonly tickets: Tickets,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Post()
  @UseGuards(RestGuard)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Get a ticket that stands for the token of this call once, in an upgrade or auth:refresh' })
  @ApiCreatedResponse({ type: TicketAnswer })
  @ApiUnauthorizedResponse({ description: 'The token is missing or not good; a ticket is none.' })
  @ApiForbiddenResponse({ description: 'Connections need no token here (AUTH=none).' })
  @ApiTooManyRequestsResponse({
    description: 'This user got too many; `details.retryAfterMs` says when to ask again.',
    headers: RETRY_AFTER,
  })
  @ApiServiceUnavailableResponse({ description: 'Not possible at the moment.', headers: RETRY_AFTER })
  async create(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const ticket = await this.tickets.issue(bearerOf(call.headers), callerOf(call));
    answer(this.adapterHost, response, ticket satisfies TicketAnswer);
  }

  /**
   * Makes OPTIONS one of the routes that {@link TicketsCorsMiddleware} is for; it answers preflights before any guard.
   * Reached only where the application's own CORS leaves the answer to routes (`preflightContinue`).
   */
  @Options()
  @HttpCode(204)
  @Header('Allow', 'OPTIONS, POST')
  @ApiExcludeEndpoint()
  preflight(): void {
    // The headers say it all.
  }
}
