import { Controller, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';

import type { Principal } from '../auth/principal.js';
import type { PublishPayload } from '../protocol/messages.js';
import { parseBroadcast, parsePublish, parseUserMessage } from '../protocol/payloads.js';
import { userRoom } from '../protocol/room-name.js';
import { RestErrorFilter } from '../rest/rest-error.filter.js';
import { answer, bodyOf, callerOf, paramOf, type RestCall } from '../rest/rest-call.js';
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

  constructor(
    private readonly messaging: MessagingService,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Post('broadcast')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish to a room, or to everybody when no room is given' })
  @ApiBody({ type: BroadcastBody })
  @ApiOkResponse({ type: PublishedAnswer })
  async broadcast(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const { message, ...body } = await bodyOf(call, BroadcastBody, this.checks);
    await this.publish(response, callerOf(call), parseBroadcast({ ...body, data: message }));
  }

  @Post('rooms/:room/messages')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish to a room' })
  @ApiParam({ name: 'room', type: String })
  @ApiBody({ type: PublishBody })
  @ApiOkResponse({ type: PublishedAnswer })
  async toRoom(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const { data, id, volatile } = await bodyOf(call, PublishBody, this.checks);
    await this.publish(response, callerOf(call), parsePublish({ room: paramOf(call, 'room'), data, id, volatile }));
  }

  @Post('users/:id/messages')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish to every connection of a user' })
  @ApiParam({ name: 'id', type: String })
  @ApiBody({ type: UserMessageBody })
  @ApiOkResponse({ type: PublishedAnswer })
  async toUser(@Req() call: RestCall, @Res() response: object): Promise<void> {
    const { data, id } = await bodyOf(call, UserMessageBody, this.checks);
    const { userId: user, ...message } = parseUserMessage({ userId: paramOf(call, 'id'), data, id });
    await this.publish(response, callerOf(call), { ...message, room: userRoom(user) });
  }

  private async publish(response: object, caller: Principal, payload: PublishPayload): Promise<void> {
    const { ack } = await this.messaging.publishFor(caller, payload);
    answer(this.adapterHost, response, { success: true, ...(await ack) } satisfies PublishedAnswer);
  }
}
