import 'reflect-metadata';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import type { WebSocket } from 'ws';

import { relayed } from './envelope.mjs';

interface RoomMessage {
  readonly room: string;
  readonly data: unknown;
}

/** A gateway in the form the framework's guide gives it; rooms are kept by hand, since this adapter has none. */
@WebSocketGateway({
  path: '/ws',
  perMessageDeflate: process.env['COMPRESSION'] === 'true' && { serverNoContextTakeover: true },
})
class RoomsGateway implements OnGatewayDisconnect {
  private readonly rooms = new Map<string, Set<WebSocket>>();

  @SubscribeMessage('ping')
  ping(@MessageBody() payload: unknown): { event: string; data: unknown } {
    return { event: 'pong', data: payload };
  }

  @SubscribeMessage('join')
  join(
    @ConnectedSocket() client: WebSocket,
    @MessageBody() payload: { room: string },
  ): { event: string; data: unknown } {
    const members = this.rooms.get(payload.room) ?? new Set();
    this.rooms.set(payload.room, members.add(client));
    return { event: 'room:joined', data: payload };
  }

  @SubscribeMessage('room:message')
  publish(@ConnectedSocket() client: WebSocket, @MessageBody() payload: RoomMessage): void {
    const members = this.rooms.get(payload.room);
    if (!members?.has(client)) return;
    const message = JSON.stringify({ event: 'room:message', data: relayed(payload.room, payload.data, 'nest-user') });
    for (const member of members) {
      if (member !== client) member.send(message);
    }
  }

  handleDisconnect(client: WebSocket): void {
    for (const members of this.rooms.values()) members.delete(client);
  }
}

@Module({ providers: [RoomsGateway] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['error'] });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(Number(process.env['PORT']), '127.0.0.1');
