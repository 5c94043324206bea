import { Controller, HttpCode, Inject, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';

import { Revocations } from '../auth/revocations.js';
import { Cluster } from '../cluster/cluster.js';
import { CallLog } from '../rest/call-log.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { answer, bodyOf, type RestCall } from '../rest/rest-call.js';
import { AdminOnly, RestGuard } from '../rest/rest.guard.js';
import { RevokedAnswer, RevokeTokenBody } from './admin.dto.js';

/** Tokens that are to end before their time. */
@ApiTags('tokens')
@ApiBearerAuth()
@Controller('api/tokens')
@UseGuards(RestGuard)
@UseFilters(RestErrorFilter)
@AdminOnly()
export class TokensController {
  constructor(
    private readonly revocations: Revocations,
    @Inject(Cluster) private readonly cluster: Cluster,
    private readonly calls: CallLog,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Post('revoke')
  @HttpCode(200)
  @ApiOperation({ summary: 'End one token by its jti, and close the connections that came with it with 4401' })
  @ApiBody({ type: RevokeTokenBody })
  @ApiOkResponse({ type: RevokedAnswer })
  async revoke(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const { jti } = await bodyOf(call, RevokeTokenBody);
    await this.revocations.revokeToken(jti);
    this.calls.acted(call, 'revoke token', jti);
    answer(this.adapterHost, response, { success: true, node: this.cluster.nodeId } satisfies RevokedAnswer);
  }
}
