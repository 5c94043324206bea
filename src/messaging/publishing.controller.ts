import { Body, Controller, HttpCode, Param, Post, UseFilters, UseGuards, UsePipes } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';

import type { Principal } from '../auth/principal.js';
import type { PublishPayload } from '../protocol/messages.js';
import { parseBroadcast, parsePublish, parseUserMessage } from '../protocol/payloads.js';
import { userRoom } from '../protocol/room-name.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { Caller, RestGuard } from '../rest/rest.guard.js';
import { MessagingService } from './messaging.service.js';
import { BroadcastBody, PublishBody, PublishedAnswer } from './publishing.dto.js';
import { PublishingPipe } from './publishing.pipe.js';

/** Publishing over REST: the same grants, order and idempotence as over WebSocket. */
@ApiTags('publishing')
@ApiBearerAuth()
@Controller('api')
@UseGuards(RestGuard)
@UsePipes(PublishingPipe)
@UseFilters(RestErrorFilter)
export class PublishingController {
  constructor(private readonly messaging: MessagingService) {}

  @Post('broadcast')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish to a room, or to everybody when no room is given' })
  @ApiOkResponse({ type: PublishedAnswer })
  broadcast(@Caller() caller: Principal, @Body() { message, ...body }: BroadcastBody): Promise<PublishedAnswer> {
    return this.publish(caller, parseBroadcast({ ...body, data: message }));
  }

  @Post('rooms/:room/messages')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish to a room' })
  @ApiOkResponse({ type: PublishedAnswer })
  toRoom(
    @Caller() caller: Principal,
    @Param('room') room: string,
    @Body() { data, id, volatile }: PublishBody,
  ): Promise<PublishedAnswer> {
    return this.publish(caller, parsePublish({ room, data, id, volatile }));
  }

  @Post('users/:id/messages')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish to every connection of a user' })
  @ApiOkResponse({ type: PublishedAnswer })
  toUser(
    @Caller() caller: Principal,
    @Param('id') userId: string,
    @Body() { data, id }: PublishBody,
  ): Promise<PublishedAnswer> {
    const { userId: user, ...message } = parseUserMessage({ userId, data, id });
    return this.publish(caller, { ...message, room: userRoom(user) });
  }

  private async publish(caller: Principal, payload: PublishPayload): Promise<PublishedAnswer> {
    const { ack } = await this.messaging.publishFor(caller, payload);
    return { success: true, ...(await ack) };
  }
}
