import { Controller, Delete, HttpCode, Inject, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';

import { Revocations } from '../auth/revocations.js';
import { Cluster } from '../cluster/cluster.js';
import { ClusterConnections } from '../connections/cluster-connections.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { paramOf, type RestCall } from '../rest/rest-call.js';
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
  ) {}

  @Post('revoke')
  @HttpCode(200)
  @ApiOperation({ summary: 'End all tokens that the user has by now, and close its connections with 4401' })
  @ApiOkResponse({ type: RevokedAnswer })
  async revoke(@Req() call: RestCall): Promise<RevokedAnswer> {
    await this.revocations.revokeUser(paramOf(call, 'id'));
    return { success: true, node: this.cluster.nodeId };
  }

  @Delete('connections')
  @ApiOperation({ summary: 'Close all connections of the user with 4403' })
  @ApiOkResponse({ type: DisconnectedAnswer })
  async disconnect(@Req() call: RestCall): Promise<DisconnectedAnswer> {
    const { count, partial } = await this.connections.disconnectUser(paramOf(call, 'id'));
    return { success: true, disconnected: count, ...(partial ? { partial } : {}) };
  }
}
