import { SubscribeMessage, WebSocketGateway, type OnGatewayInit } from '@nestjs/websockets';

import type { MaybePromise } from '../broker/broker.js';
import type { Connection } from '../connections/connection.js';
import { Dispatcher } from '../connections/dispatcher.js';
import { DIRECT_PATH } from '../connections/gateways.js';
import { Later, reply, type Reply } from '../connections/reply.js';
import type { PublishPayload } from '../protocol/messages.js';
import {
  parseBroadcast,
  parseHistory,
  parseJoin,
  parsePublish,
  parseReceipt,
  parseRefresh,
  parseRoomRef,
  parseUserMessage,
} from '../protocol/payloads.js';
import { userRoom } from '../protocol/room-name.js';
import { HistoryService } from './history.service.js';
import { MembershipService } from './membership.service.js';
import { MessagingService } from './messaging.service.js';
import { ReceiptsService } from './receipts.service.js';
import { SessionService } from './session.service.js';

/** The protocol's own messages: each handler checks its payload and names the service that does the work. */
@WebSocketGateway({ path: DIRECT_PATH })
export class RookeryGateway implements OnGatewayInit {
  constructor(
    private readonly dispatcher: Dispatcher,
    private readonly memberships: MembershipService,
    private readonly messaging: MessagingService,
    private readonly histories: HistoryService,
    private readonly receipts: ReceiptsService,
    private readonly sessions: SessionService,
  ) {}

  afterInit(): void {
    this.dispatcher.register(this);
  }

  @SubscribeMessage('ping')
  ping(): Reply {
    return reply('pong', undefined);
  }

  @SubscribeMessage('join')
  join(connection: Connection, payload: unknown): MaybePromise<Reply> {
    return this.memberships.join(connection, parseJoin(payload));
  }

  @SubscribeMessage('leave')
  leave(connection: Connection, payload: unknown): Reply {
    return this.memberships.leave(connection, parseRoomRef(payload));
  }

  @SubscribeMessage('room:message')
  roomMessage(connection: Connection, payload: unknown): MaybePromise<Reply | Later> {
    return this.publish(connection, parsePublish(payload));
  }

  @SubscribeMessage('broadcast')
  broadcast(connection: Connection, payload: unknown): MaybePromise<Reply | Later> {
    return this.publish(connection, parseBroadcast(payload));
  }

  @SubscribeMessage('user:message')
  userMessage(connection: Connection, payload: unknown): MaybePromise<Reply | Later> {
    const { userId, ...message } = parseUserMessage(payload);
    return this.publish(connection, { ...message, room: userRoom(userId) });
  }

  @SubscribeMessage('presence')
  presence(connection: Connection, payload: unknown): MaybePromise<Reply> {
    return this.memberships.presence(connection, parseRoomRef(payload));
  }

  @SubscribeMessage('history')
  async history(connection: Connection, payload: unknown): Promise<Reply> {
    return reply('history', await this.histories.read(connection.principal, parseHistory(payload), connection));
  }

  @SubscribeMessage('ack')
  acknowledge(connection: Connection, payload: unknown): MaybePromise<Reply> {
    return this.receipts.acknowledge(connection, parseReceipt(payload));
  }

  @SubscribeMessage('auth:refresh')
  refresh(connection: Connection, payload: unknown): Promise<Reply> {
    return this.sessions.refresh(connection, parseRefresh(payload).token);
  }

  private publish(connection: Connection, payload: PublishPayload): MaybePromise<Reply | Later> {
    const published = this.messaging.publishFor(connection.principal, payload, connection);
    return published instanceof Promise ? published.then(acknowledge) : acknowledge(published);
  }
}

/** Where the broker answers later, the next message need not wait for it. */
function acknowledge({ ack }: Awaited<ReturnType<MessagingService['publishFor']>>): Reply | Later {
  if (ack instanceof Promise) return new Later(ack.then((accepted) => reply('ack', accepted)));
  return reply('ack', ack);
}
