import { Controller, Delete, HttpCode, Inject, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';

import { Revocations } from '../auth/revocations.js';
import { Cluster } from '../cluster/cluster.js';
import { ClusterConnections } from '../connections/cluster-connections.js';
import { CallLog } from '../rest/call-log.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { answer, paramOf, type RestCall } from '../rest/rest-call.js';
import { AdminOnly, RestGuard } from '../rest/rest.guard.js';
import { DisconnectedAnswer, RevokedAnswer } from './admin.dto.js';

/** What operators do about a user, on every node. */
@ApiTags('users')
@ApiBearerAuth()
@ApiParam({ name: 'id', type: String })
@Controller('api/users/:id')
@UseGuards(RestGuard)
@UseFilters(RestErrorFilter)
@AdminOnly()
export class UsersController {
  constructor(
    private readonly revocations: Revocations,
    private readonly connections: ClusterConnections,
    @Inject(Cluster) private readonly cluster: Cluster,
    private readonly calls: CallLog,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Post('revoke')
  @HttpCode(200)
  @ApiOperation({ summary: 'End all tokens that the user has by now, and close its connections with 4401' })
  @ApiOkResponse({ type: RevokedAnswer })
  async revoke(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const id = paramOf(call, 'id');
    await this.revocations.revokeUser(id);
    this.calls.acted(call, 'revoke user', id);
    answer(this.adapterHost, response, { success: true, node: this.cluster.nodeId } satisfies RevokedAnswer);
  }

  @Delete('connections')
  @ApiOperation({ summary: 'Close all connections of the user with 4403' })
  @ApiOkResponse({ type: DisconnectedAnswer })
  async disconnect(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const id = paramOf(call, 'id');
    const { count, partial } = await this.connections.disconnectUser(id);
    this.calls.acted(call, 'disconnect user', id, `${count} connections${partial ? ', a node did not answer' : ''}`);
    const body = { success: true, disconnected: count, ...(partial ? { partial } : {}) } as const;
    answer(this.adapterHost, response, body satisfies DisconnectedAnswer);
  }
}
