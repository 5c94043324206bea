import { Controller, HttpCode, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';

import type { Principal } from '../auth/principal.js';
import type { PublishPayload } from '../protocol/messages.js';
import { parseBroadcast, parsePublish, parseUserMessage } from '../protocol/payloads.js';
import { userRoom } from '../protocol/room-name.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { bodyOf, callerOf, paramOf, type RestCall } from '../rest/rest-call.js';
import { RestGuard } from '../rest/rest.guard.js';
import { MessagingService } from './messaging.service.js';
import { BroadcastBody, PublishBody, PublishedAnswer, UserMessageBody } from './publishing.dto.js';
import { PublishingPipe } from './publishing.pipe.js';

/** Publishing over REST: the same grants, order and idempotence as over WebSocket. */
@ApiTags('publishing')
@ApiBearerAuth()
@Controller('api')
@UseGuards(RestGuard)
@UseFilters(RestErrorFilter)
export class PublishingController {
  private readonly checks = new PublishingPipe();

  constructor(private readonly messaging: MessagingService) {}

  @Post('broadcast')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish to a room, or to everybody when no room is given' })
  @ApiBody({ type: BroadcastBody })
  @ApiOkResponse({ type: PublishedAnswer })
  async broadcast(@Req() call: RestCall): Promise<PublishedAnswer> {
    const { message, ...body } = await bodyOf(call, BroadcastBody, this.checks);
    return this.publish(callerOf(call), parseBroadcast({ ...body, data: message }));
  }

  @Post('rooms/:room/messages')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish to a room' })
  @ApiParam({ name: 'room', type: String })
  @ApiBody({ type: PublishBody })
  @ApiOkResponse({ type: PublishedAnswer })
  async toRoom(@Req() call: RestCall): Promise<PublishedAnswer> {
    const { data, id, volatile } = await bodyOf(call, PublishBody, this.checks);
    return this.publish(callerOf(call), parsePublish({ room: paramOf(call, 'room'), data, id, volatile }));
  }

  @Post('users/:id/messages')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish to every connection of a user' })
  @ApiParam({ name: 'id', type: String })
  @ApiBody({ type: UserMessageBody })
  @ApiOkResponse({ type: PublishedAnswer })
  async toUser(@Req() call: RestCall): Promise<PublishedAnswer> {
    const { data, id } = await bodyOf(call, UserMessageBody, this.checks);
    const { userId: user, ...message } = parseUserMessage({ userId: paramOf(call, 'id'), data, id });
    return this.publish(callerOf(call), { ...message, room: userRoom(user) });
  }

  private async publish(caller: Principal, payload: PublishPayload): Promise<PublishedAnswer> {
    const { ack } = await this.messaging.publishFor(caller, payload);
    return { success: true, ...(await ack) };
  }
}
