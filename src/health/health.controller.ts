import { Controller, Get, ServiceUnavailableException, UseFilters } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, type HealthCheckResult } from '@nestjs/terminus';

import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { WholeAnswer } from '../rest/whole-answer.js';
import { NodeHealth } from './node-health.js';

/** Probes for orchestration. */
@ApiTags('health')
@Controller('health')
@UseFilters(RestErrorFilter)
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly node: NodeHealth,
  ) {}

  /**
   * Restart the process when this fails. Not asked by the service, which lets every check fail from the beginning of a
   * shutdown on: a draining node would be killed with its clients on it.
   */
  @Get('live')
  @ApiOperation({ summary: 'Whether the process lives' })
  @HealthCheck()
  live(): HealthCheckResult {
    const details = this.node.process();
    return { status: 'ok', info: details, error: {}, details };
  }

  /** Send no new connections while this fails. */
  @Get('ready')
  @ApiOperation({ summary: 'Whether this node takes connections; 503 with the reason if not' })
  @HealthCheck()
  async ready(): Promise<HealthCheckResult> {
    try {
      return await this.health.check(this.node.readiness());
    } catch (error) {
      // The result of a check that fails comes as an exception, and is no error of this call.
      if (!(error instanceof ServiceUnavailableException)) throw error;
      throw new WholeAnswer(error.getResponse() as HealthCheckResult, error.getStatus());
    }
  }
}
