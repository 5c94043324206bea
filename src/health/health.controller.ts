import { Controller, Get, HttpStatus, Res, ServiceUnavailableException, UseFilters } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, type HealthCheckResult } from '@nestjs/terminus';

import { answer } from '../rest/rest-call.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { NodeHealth } from './node-health.js';

/** Probes for orchestration. */
@ApiTags('health')
@Controller('health')
@UseFilters(RestErrorFilter)
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly node: NodeHealth,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  /**
   * Restart the process when this fails. Not asked by the service, which lets every check fail from the beginning of a
   * shutdown on: a draining node would be killed with its clients on it.
   */
  @Get('live')
  @ApiOperation({ summary: 'Whether the process lives' })
  @HealthCheck()
  live(@Res() response: object): void {
    const details = this.node.process();
    answer(this.adapterHost, response, { status: 'ok', info: details, error: {}, details } satisfies HealthCheckResult);
  }

  /** Send no new connections while this fails. */
  @Get('ready')
  @ApiOperation({ summary: 'Whether this node takes connections; 503 with the reason if not' })
  @HealthCheck()
  async ready(@Res() response: object): Promise<void> {
    const result = await this.check();
    const isFit = result.status === 'ok' || result.status === 'degraded';
    const status = isFit ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE;
    answer(this.adapterHost, response, result satisfies HealthCheckResult, status);
  }

  /** The service throws the result of a check that fails, which is no error of the call. */
  private async check(): Promise<HealthCheckResult> {
    try {
      return await this.health.check(this.node.readiness());
    } catch (error) {
      if (error instanceof ServiceUnavailableException) return error.getResponse() as HealthCheckResult;
      throw error;
    }
  }
}
