import { Controller, Get, Inject, Param, Query, UseFilters, UseGuards, UsePipes } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';

import type { Principal } from '../auth/principal.js';
import { Cluster } from '../cluster/cluster.js';
import { HistoryService } from '../messaging/history.service.js';
import { RoomAccess } from '../messaging/room-access.js';
import type { HistoryReply } from '../protocol/messages.js';
import { parseRoomName } from '../protocol/room-name.js';
import { PayloadValidationPipe } from '../rest/payload-validation.pipe.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { AdminOnly, Caller, RestGuard } from '../rest/rest.guard.js';
import { ClusterRooms } from '../rooms/cluster-rooms.js';
import { RoomsService } from '../rooms/rooms.service.js';
import { HistoryQuery, MembersAnswer, PageQuery, RoomAnswer, RoomsAnswer } from './admin.dto.js';
import { page } from './page.js';

/** Rooms, their sizes, members and histories. */
@ApiTags('rooms')
@ApiBearerAuth()
@Controller('api/rooms')
@UseGuards(RestGuard)
@UsePipes(PayloadValidationPipe)
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
  @ApiOkResponse({ type: RoomsAnswer })
  list(@Query() query: PageQuery): RoomsAnswer {
    const names = page(this.rooms.names(), query);
    return {
      node: this.cluster.nodeId,
      total: this.rooms.count(),
      rooms: names.map((room) => ({ room, size: this.rooms.size(room) })),
    };
  }

  @Get(':room')
  @ApiOperation({ summary: 'Size of a room, over all nodes' })
  @ApiOkResponse({ type: RoomAnswer })
  async size(@Caller() caller: Principal, @Param('room') name: string): Promise<RoomAnswer> {
    const room = parseRoomName(name);
    return this.access.when(caller, 'presence', room, async () => {
      const { size, partial } = await this.everywhere.find(room, 0);
      return { room, size, ...(partial ? { partial } : {}) };
    });
  }

  @Get(':room/members')
  @ApiOperation({ summary: 'Members of a room, over all nodes' })
  @ApiOkResponse({ type: MembersAnswer })
  async members(
    @Caller() caller: Principal,
    @Param('room') name: string,
    @Query() { offset, limit }: PageQuery,
  ): Promise<MembersAnswer> {
    const room = parseRoomName(name);
    return this.access.when(caller, 'presence', room, async () => {
      const { size, members, partial } = await this.everywhere.find(room, offset + limit);
      return { room, size, members: members.slice(offset), ...(partial ? { partial } : {}) };
    });
  }

  @Get(':room/messages')
  @ApiOperation({ summary: 'History of a room, from a position on' })
  async history(
    @Caller() caller: Principal,
    @Param('room') name: string,
    @Query() { epoch, offset, limit }: HistoryQuery,
  ): Promise<HistoryReply> {
    const room = parseRoomName(name);
    const after = epoch === undefined ? {} : { after: { epoch, offset } };
    return this.histories.read(caller, { room, limit, ...after });
  }
}
