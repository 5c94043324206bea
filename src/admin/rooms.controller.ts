import { Controller, Get, Inject, Req, UseFilters, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';

import { Cluster } from '../cluster/cluster.js';
import { HistoryService } from '../messaging/history.service.js';
import { RoomAccess } from '../messaging/room-access.js';
import type { HistoryReply } from '../protocol/messages.js';
import { parseRoomName } from '../protocol/room-name.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { callerOf, paramOf, queryOf, type RestCall } from '../rest/rest-call.js';
import { AdminOnly, RestGuard } from '../rest/rest.guard.js';
import { ClusterRooms } from '../rooms/cluster-rooms.js';
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
  ) {}

  @Get()
  @AdminOnly()
  @ApiOperation({ summary: 'Rooms with members on this node' })
  @ApiQuery({ type: PageQuery })
  @ApiOkResponse({ type: RoomsAnswer })
  async list(@Req() call: RestCall): Promise<RoomsAnswer> {
    const names = page(this.rooms.names(), await queryOf(call, PageQuery));
    return {
      node: this.cluster.nodeId,
      total: this.rooms.count(),
      rooms: names.map((room) => ({ room, size: this.rooms.size(room) })),
    };
  }

  @Get(':room')
  @ApiOperation({ summary: 'Size of a room, over all nodes' })
  @ApiParam({ name: 'room', type: String })
  @ApiOkResponse({ type: RoomAnswer })
  async size(@Req() call: RestCall): Promise<RoomAnswer> {
    const room = parseRoomName(paramOf(call, 'room'));
    return this.access.when(callerOf(call), 'presence', room, async () => {
      const { size, partial } = await this.everywhere.find(room, 0);
      return { room, size, ...(partial ? { partial } : {}) };
    });
  }

  @Get(':room/members')
  @ApiOperation({ summary: 'Members of a room, over all nodes' })
  @ApiParam({ name: 'room', type: String })
  @ApiQuery({ type: PageQuery })
  @ApiOkResponse({ type: MembersAnswer })
  async members(@Req() call: RestCall): Promise<MembersAnswer> {
    const { offset, limit } = await queryOf(call, PageQuery);
    const room = parseRoomName(paramOf(call, 'room'));
    return this.access.when(callerOf(call), 'presence', room, async () => {
      const { size, members, partial } = await this.everywhere.find(room, offset + limit);
      return { room, size, members: members.slice(offset), ...(partial ? { partial } : {}) };
    });
  }

  @Get(':room/messages')
  @ApiOperation({ summary: 'History of a room, from a position on' })
  @ApiParam({ name: 'room', type: String })
  @ApiQuery({ type: HistoryQuery })
  async history(@Req() call: RestCall): Promise<HistoryReply> {
    const { epoch, offset, limit } = await queryOf(call, HistoryQuery);
    const room = parseRoomName(paramOf(call, 'room'));
    const after = epoch === undefined ? {} : { after: { epoch, offset } };
    return this.histories.read(callerOf(call), { room, limit, ...after });
  }
}
