import { Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';

import { PathLength } from '../rest/path-length.js';
import { Confirmations } from './confirmations.js';
import { HistoryService } from './history.service.js';
import { MembershipService } from './membership.service.js';
import { MessagingService } from './messaging.service.js';
import { PublishingController } from './publishing.controller.js';
import { ReceiptsService } from './receipts.service.js';
import { RookeryGateway } from './rookery.gateway.js';
import { RoomAccess } from './room-access.js';
import { SessionService } from './session.service.js';
import { TicketsCorsMiddleware } from './tickets-cors.middleware.js';
import { TicketsController } from './tickets.controller.js';
import { UnhandledService } from './unhandled.service.js';

/** The protocol's messages, publishing, and its REST twin. */
@Module({
  controllers: [PublishingController, TicketsController],
  providers: [
    Confirmations,
    HistoryService,
    MembershipService,
    MessagingService,
    PathLength,
    ReceiptsService,
    RookeryGateway,
    RoomAccess,
    SessionService,
    UnhandledService,
  ],
  exports: [MessagingService, HistoryService, RoomAccess],
})
export class MessagingModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(TicketsCorsMiddleware).forRoutes(TicketsController);
  }
}
