import { Controller, Delete, Get, HttpCode, Inject, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  ApiBearerAuth,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';

import { Cluster } from '../cluster/cluster.js';
import { ClusterConnections } from '../connections/cluster-connections.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { ProtocolError } from '../protocol/errors.js';
import { CallLog } from '../rest/call-log.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { answer, paramOf, queryOf, type RestCall } from '../rest/rest-call.js';
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
@UseFilters(RestErrorFilter)
@AdminOnly()
export class ConnectionsController {
  constructor(
    private readonly connections: ConnectionsService,
    private readonly view: ConnectionsView,
    private readonly everywhere: ClusterConnections,
    @Inject(Cluster) private readonly cluster: Cluster,
    private readonly calls: CallLog,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Connections, the longest open first' })
  @ApiQuery({ type: PageQuery })
  @ApiOkResponse({ type: ConnectionsAnswer })
  async list(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const listed = page(this.connections.all(), await queryOf(call, PageQuery));
    answer(this.adapterHost, response, {
      node: this.cluster.nodeId,
      total: this.connections.count(),
      connections: listed.map((connection) => this.view.describe(connection)),
    } satisfies ConnectionsAnswer);
  }

  @Get(':id')
  @ApiParam({ name: 'id', type: String })
  @ApiOperation({ summary: 'One connection, on whichever node it is' })
  @ApiOkResponse({ type: ConnectionAnswer })
  @ApiServiceUnavailableResponse({ description: NODE_SILENT })
  async one(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const { connection, partial } = await this.view.find(paramOf(call, 'id'));
    if (connection === undefined) throw notFound(partial);
    answer(this.adapterHost, response, connection satisfies ConnectionAnswer);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiParam({ name: 'id', type: String })
  @ApiOperation({ summary: 'Close a connection with 4403, on whichever node it is' })
  @ApiNoContentResponse()
  @ApiServiceUnavailableResponse({ description: NODE_SILENT })
  async disconnect(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const id = paramOf(call, 'id');
    const { count, partial } = await this.everywhere.disconnect(id);
    if (count === 0) throw notFound(partial);
    this.calls.acted(call, 'disconnect connection', id);
    answer(this.adapterHost, response);
  }
}

/** A node that does not answer may have it: nobody must take it for closed. */
function notFound(partial: boolean): Error {
  return partial ? new ProtocolError('UNAVAILABLE', undefined, NODE_SILENT) : new ProtocolError('NOT_FOUND');
}
