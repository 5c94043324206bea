import { Controller, Get, Inject, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';

import type { Principal } from '../auth/principal.js';
import { Cluster } from '../cluster/cluster.js';
import { HistoryService } from '../messaging/history.service.js';
import { RoomAccess } from '../messaging/room-access.js';
import type { HistoryReply } from '../protocol/messages.js';
import { parseRoomName } from '../protocol/room-name.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { answer, callerOf, paramOf, queryOf, type RestCall } from '../rest/rest-call.js';
import { AdminOnly, RestGuard } from '../rest/rest.guard.js';
import { ClusterRooms, type ClusterRoom } from '../rooms/cluster-rooms.js';
import { RoomsService } from '../rooms/rooms.service.js';
import { HistoryQuery, MembersAnswer, PageQuery, RoomAnswer, RoomsAnswer } from './admin.dto.js';
import { page } from './page.js';

/** Rooms, their sizes, members and histories. */
@ApiTags('rooms')
@ApiBearerAuth()
@Controller('api/rooms')
@UseGuards(RestGuard)
@UseFilters(RestErrorFilter)
export class RoomsController {
  constructor(
    private readonly rooms: RoomsService,
    private readonly everywhere: ClusterRooms,
    @Inject(Cluster) private readonly cluster: Cluster,
    private readonly access: RoomAccess,
    private readonly histories: HistoryService,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Get()
  @AdminOnly()
  @ApiOperation({ summary: 'Rooms with members on this node' })
  @ApiQuery({ type: PageQuery })
  @ApiOkResponse({ type: RoomsAnswer })
  async list(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const names = page(this.rooms.names(), await queryOf(call, PageQuery));
    answer(this.adapterHost, response, {
      node: this.cluster.nodeId,
      total: this.rooms.count(),
      rooms: names.map((room) => ({ room, size: this.rooms.size(room) })),
    } satisfies RoomsAnswer);
  }

  @Get(':room')
  @ApiOperation({ summary: 'Size of a room, over all nodes' })
  @ApiParam({ name: 'room', type: String })
  @ApiOkResponse({ type: RoomAnswer })
  async size(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const room = parseRoomName(paramOf(call, 'room'));
    const { size, partial } = await this.find(callerOf(call), room, 0);
    answer(this.adapterHost, response, { room, size, ...(partial ? { partial } : {}) } satisfies RoomAnswer);
  }

  @Get(':room/members')
  @ApiOperation({ summary: 'Members of a room, over all nodes' })
  @ApiParam({ name: 'room', type: String })
  @ApiQuery({ type: PageQuery })
  @ApiOkResponse({ type: MembersAnswer })
  async members(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const { offset, limit } = await queryOf(call, PageQuery);
    const room = parseRoomName(paramOf(call, 'room'));
    const { size, members, partial } = await this.find(callerOf(call), room, offset + limit);
    const body = { room, size, members: members.slice(offset), ...(partial ? { partial } : {}) };
    answer(this.adapterHost, response, body satisfies MembersAnswer);
  }

  @Get(':room/messages')
  @ApiOperation({ summary: 'History of a room, from a position on' })
  @ApiParam({ name: 'room', type: String })
  @ApiQuery({ type: HistoryQuery })
  async history(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const { epoch, offset, limit } = await queryOf(call, HistoryQuery);
    const room = parseRoomName(paramOf(call, 'room'));
    const after = epoch === undefined ? {} : { after: { epoch, offset } };
    const reply = await this.histories.read(callerOf(call), { room, limit, ...after });
    answer(this.adapterHost, response, reply satisfies HistoryReply);
  }

  private async find(caller: Principal, room: string, limit: number): Promise<ClusterRoom> {
    return this.access.when(caller, 'presence', room, () => this.everywhere.find(room, limit));
  }
}
