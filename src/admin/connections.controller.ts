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
import {
  ApiBearerAuth,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';

import { Cluster } from '../cluster/cluster.js';
import { ClusterConnections } from '../connections/cluster-connections.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { ProtocolError } from '../protocol/errors.js';
import { PayloadValidationPipe } from '../rest/payload-validation.pipe.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { AdminOnly, RestGuard } from '../rest/rest.guard.js';
import { ConnectionsView } from './connections-view.js';
import { ConnectionAnswer, ConnectionsAnswer, PageQuery } from './admin.dto.js';
import { page } from './page.js';

const NODE_SILENT = 'A node does not answer, and may have the connection';

/** Connections, for operators: lists are of this node, calls by id reach all. */
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
    private readonly view: ConnectionsView,
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
      connections: listed.map((connection) => this.view.describe(connection)),
    };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One connection, on whichever node it is' })
  @ApiOkResponse({ type: ConnectionAnswer })
  @ApiServiceUnavailableResponse({ description: NODE_SILENT })
  async one(@Param('id') id: string): Promise<ConnectionAnswer> {
    const { connection, partial } = await this.view.find(id);
    if (connection === undefined) throw notFound(partial);
    return connection;
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Close a connection with 4403, on whichever node it is' })
  @ApiNoContentResponse()
  @ApiServiceUnavailableResponse({ description: NODE_SILENT })
  async disconnect(@Param('id') id: string): Promise<void> {
    const { count, partial } = await this.everywhere.disconnect(id);
    if (count === 0) throw notFound(partial);
  }
}

/** A node that does not answer may have it: nobody must take it for closed. */
function notFound(partial: boolean): Error {
  return partial ? new ProtocolError('UNAVAILABLE', undefined, NODE_SILENT) : new ProtocolError('NOT_FOUND');
}
