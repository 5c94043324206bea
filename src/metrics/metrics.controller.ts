import { createHash, timingSafeEqual } from 'node:crypto';

import { Controller, Get, Header, Headers, Res, UseFilters } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiExcludeController } from '@nestjs/swagger';

import { bearerOf } from '../auth/authenticator.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { ProtocolError } from '../protocol/errors.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { MetricsService } from './metrics.service.js';

/** Prometheus. */
@ApiExcludeController()
@Controller('metrics')
@UseFilters(RestErrorFilter)
export class MetricsController {
  constructor(
    private readonly options: RookeryOptions,
    private readonly metrics: MetricsService,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  async read(@Headers() headers: Record<string, string>, @Res() response: object): Promise<void> {
    this.check(bearerOf(headers));
    const text = await this.metrics.render();
    const { httpAdapter } = this.adapterHost;
    httpAdapter.setHeader(response, 'Content-Type', this.metrics.contentType);
    // Sent here and not returned: an interceptor of the application that wraps answers would make JSON of it.
    if (!httpAdapter.isHeadersSent(response)) httpAdapter.reply(response, text, 200);
  }

  private check(token: string | undefined): void {
    const { metricsToken, metricsPublic } = this.options;
    if (metricsToken === undefined ? metricsPublic : isSame(token ?? '', metricsToken)) return;
    throw new ProtocolError('FORBIDDEN').noted({
      reason: 'Not the token of METRICS_TOKEN, or METRICS_PUBLIC is not set',
    });
  }
}

/** Compares digests: in constant time, whatever the lengths. */
function isSame(given: string, wanted: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(wanted));
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
