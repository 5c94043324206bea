import { Module } from '@nestjs/common';

import { HistoryService } from './history.service.js';
import { MembershipService } from './membership.service.js';
import { MessagingService } from './messaging.service.js';
import { PublishingController } from './publishing.controller.js';
import { RookeryGateway } from './rookery.gateway.js';
import { RoomAccess } from './room-access.js';
import { SessionService } from './session.service.js';
import { UnhandledService } from './unhandled.service.js';

/** The protocol's messages, publishing, and its REST twin. */
@Module({
  controllers: [PublishingController],
  providers: [
    HistoryService,
    MembershipService,
    MessagingService,
    RookeryGateway,
    RoomAccess,
    SessionService,
    UnhandledService,
  ],
  exports: [MessagingService, HistoryService, RoomAccess],
})
export class MessagingModule {}
