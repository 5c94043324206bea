import {
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Query,
  UseFilters,
  UseGuards,
  UsePipes,
} from '@nestjs/common';
import { NotFoundException } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';

import { Cluster } from '../cluster/cluster.js';
import { ClusterConnections } from '../connections/cluster-connections.js';
import type { Connection } from '../connections/connection.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { PayloadValidationPipe } from '../rest/payload-validation.pipe.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { AdminOnly, RestGuard } from '../rest/rest.guard.js';
import { RoomsService } from '../rooms/rooms.service.js';
import { ConnectionAnswer, ConnectionsAnswer, PageQuery } from './admin.dto.js';
import { page } from './page.js';

/** The connections of this node, for operators. */
@ApiTags('connections')
@ApiBearerAuth()
@Controller('api/connections')
@UseGuards(RestGuard)
@UsePipes(PayloadValidationPipe)
@UseFilters(RestErrorFilter)
@AdminOnly()
export class ConnectionsController {
  constructor(
    private readonly connections: ConnectionsService,
    private readonly rooms: RoomsService,
    private readonly everywhere: ClusterConnections,
    @Inject(Cluster) private readonly cluster: Cluster,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Connections, the longest open first' })
  @ApiOkResponse({ type: ConnectionsAnswer })
  list(@Query() query: PageQuery): ConnectionsAnswer {
    const listed = page(this.connections.all(), query);
    return {
      node: this.cluster.nodeId,
      total: this.connections.count(),
      connections: listed.map((connection) => this.describe(connection)),
    };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One connection' })
  @ApiOkResponse({ type: ConnectionAnswer })
  one(@Param('id') id: string): ConnectionAnswer {
    const connection = this.connections.find(id);
    if (connection === undefined) throw new NotFoundException();
    return this.describe(connection);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Close a connection with 4403, on whichever node it is' })
  @ApiNoContentResponse()
  async disconnect(@Param('id') id: string): Promise<void> {
    const { count } = await this.everywhere.disconnect(id);
    if (count === 0) throw new NotFoundException();
  }

  private describe(connection: Connection): ConnectionAnswer {
    const { id, userId, address, openedAt, outbox } = connection;
    return {
      clientId: id,
      userId,
      node: this.cluster.nodeId,
      address,
      openedAt: new Date(openedAt).toISOString(),
      rooms: this.rooms.roomsOf(connection),
      outboxBytes: outbox.backlog,
    };
  }
}
