import { Injectable } from '@nestjs/common';
import { OnEvent } from '@nestjs/event-emitter';

import {
  ConnectionsService,
  MemoryBroker,
  MessagingService,
  RoomsService,
  type Connection,
  type ConnectionOpenedEvent,
  type RoomMembershipEvent,
} from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { join, type TestClient } from '../support/client.js';
import { LaterBroker } from '../support/later.broker.js';
import { dataOf, expectOnly, offsetsOf, receive, send } from '../support/messages.js';
import { tokenFor } from '../support/server.js';

const NEWS_ONLY = { rooms: [{ pattern: 'news', can: ['join', 'publish'] }] };

/** Puts everybody into the lobby as soon as they connect. */
@Injectable()
class Lobby {
  constructor(private readonly rooms: RoomsService) {}

  @OnEvent('connection.opened')
  async opened({ connection }: ConnectionOpenedEvent): Promise<void> {
    await this.rooms.join(connection, 'lobby');
  }
}

/** Publishes a welcome to whoever comes into a room. */
@Injectable()
class Doorman {
  constructor(private readonly messaging: MessagingService) {}

  @OnEvent('room.joined')
  async joined({ room, connection }: RoomMembershipEvent): Promise<void> {
    await this.messaging.publish(room, `welcome, ${connection.userId}`);
  }
}

/** The server's side of a user's one connection. */
function connectionOf(server: TestApplication, userId = 'alice'): Connection {
  const [connection] = server.app.get(ConnectionsService).ofUser(userId);
  if (connection === undefined) throw new Error(`${userId} has no connection`);
  return connection;
}

/** The member has got a message of the application, and no other one of the room. */
async function getsNext(server: TestApplication, member: TestClient, room: string): Promise<void> {
  await server.app.get(MessagingService).publish(room, 'next');
  await expectOnly(member, room, ['next']);
}

describe.each([
  ['at once', MemoryBroker],
  ['later', LaterBroker],
] as const)('with a broker that answers %s', (_when, broker) => {
  const start = (...providers: (typeof Lobby | typeof Doorman)[]): Promise<TestApplication> =>
    startApplication({ providers, overrides: { broker } });

  it('RoomsService.join tells the client where it stands, and every later message reaches it', async () => {
    const server = await start();
    const alice = await join(server);
    const { offset } = await server.app.get(MessagingService).publish('r', 'before');
    expect(await server.app.get(RoomsService).join(connectionOf(server), 'r')).toBe(true);
    const joined = await alice.next('room:joined');
    expect(joined).toEqual({ type: 'room:joined', payload: { room: 'r', epoch: expect.any(String), offset } });
    await getsNext(server, alice, 'r');
    expect((await alice.request('presence', 'r')).payload).toMatchObject({ size: 1 });
  });

  it('RoomsService.join in a handler of connection.opened delivers from the start', async () => {
    const server = await start(Lobby);
    const alice = await join(server);
    expect((await alice.next('room:joined')).payload.room).toBe('lobby');
    await getsNext(server, alice, 'lobby');
  });

  it('A join of the client in a room that it was put into is confirmed, and it gets each message once', async () => {
    const server = await start(Lobby);
    const alice = await join(server, { claims: NEWS_ONLY });
    await alice.next('room:joined');
    expect(await alice.request('join', 'lobby')).toMatchObject({ type: 'room:joined', payload: { room: 'lobby' } });
    await getsNext(server, alice, 'lobby');
    // What it was put into says nothing about other rooms.
    expect(await alice.request('join', 'other')).toMatchObject({ type: 'error', payload: { code: 'FORBIDDEN' } });
  });

  it('A client that was put into a room may recover in it from its own position', async () => {
    const server = await start(Lobby);
    const [first, publisher] = [await join(server), await join(server, { claims: { sub: 'bob' } })];
    const { epoch } = (await first.next('room:joined')).payload;
    await send(publisher, { room: 'lobby', data: 'seen' });
    await receive(first, 'lobby', 1);
    await first.close();
    await send(publisher, { room: 'lobby', data: 'missed' });
    const again = await join(server);
    expect((await again.next('room:joined')).payload.offset).toBe(2);
    const recover = { epoch, offset: 1 };
    const reply = await again.request('join', { room: 'lobby', recover });
    expect(reply.payload).toEqual({ room: 'lobby', epoch, offset: 1, recovered: true });
    await send(publisher, { room: 'lobby', data: 'live' });
    const messages = await receive(again, 'lobby', 2);
    expect([dataOf(messages), offsetsOf(messages)]).toEqual([
      ['missed', 'live'],
      [2, 3],
    ]);
    expect((await again.request('presence', 'lobby')).payload).toMatchObject({ size: 2 });
  });

  it('A client that was put into a room and may not read its history is told that it cannot recover', async () => {
    const server = await start(Lobby);
    const alice = await join(server, { claims: NEWS_ONLY });
    const { epoch, offset } = (await alice.next('room:joined')).payload;
    const reply = await alice.request('join', { room: 'lobby', recover: { epoch, offset } });
    expect(reply.payload).toEqual({ room: 'lobby', epoch, offset, recovered: false, reason: 'forbidden' });
    await getsNext(server, alice, 'lobby');
  });

  it('A new token that does not cover a room leaves a client where the application has put it', async () => {
    const server = await start(Lobby);
    const alice = await join(server, {}, 'own');
    await alice.request('auth:refresh', { token: tokenFor(NEWS_ONLY) });
    expect(alice.takeAll('room:left')).toMatchObject([{ payload: { room: 'own' } }]);
    await alice.next('room:joined');
    await getsNext(server, alice, 'lobby');
  });

  it('A client may leave a room that it was put into', async () => {
    const server = await start(Lobby);
    const alice = await join(server);
    await alice.next('room:joined');
    expect(await alice.request('leave', 'lobby')).toMatchObject({ type: 'room:left' });
    await server.app.get(MessagingService).publish('lobby', 'not for alice');
    await expectOnly(alice, 'lobby', []);
  });

  it('A welcome that is published on room.joined reaches the newcomer, whoever asked for the join', async () => {
    const server = await start(Lobby, Doorman);
    const alice = await join(server, {}, 'r');
    await alice.next('room:joined');
    expect(dataOf(await receive(alice, 'lobby', 1))).toEqual(['welcome, alice']);
    expect(dataOf(await receive(alice, 'r', 1))).toEqual(['welcome, alice']);
  });

  it('A welcome that is published on room.joined reaches a newcomer that recovers, after what it missed', async () => {
    const server = await start(Doorman);
    const publisher = await join(server, { claims: { sub: 'bob' } });
    const { epoch, offset } = await send(publisher, { room: 'r', data: 'seen' });
    await send(publisher, { room: 'r', data: 'missed' });
    const alice = await join(server);
    await alice.request('join', { room: 'r', recover: { epoch, offset } });
    expect(dataOf(await receive(alice, 'r', 2))).toEqual(['missed', 'welcome, alice']);
    await alice.settle();
    expect(alice.queue).toEqual([]);
  });
});

describe('RoomsService.join', () => {
  it('RoomsService.join tells of one membership once, however often it is called', async () => {
    const server = await startApplication({});
    const alice = await join(server, {}, 'own');
    const rooms = server.app.get(RoomsService);
    const connection = connectionOf(server);
    expect(await Promise.all(['r', 'r', 'own'].map((room) => rooms.join(connection, room)))).toEqual([
      true,
      true,
      true,
    ]);
    await alice.settle();
    expect(alice.takeAll('room:joined')).toMatchObject([{ payload: { room: 'r' } }]);
  });

  it('RoomsService.join rejects what is no name of a room, and more rooms than a connection may be in', async () => {
    const server = await startApplication({ options: { maxRoomsPerConnection: 1 } });
    await join(server, {}, 'own');
    const rooms = server.app.get(RoomsService);
    await expect(rooms.join(connectionOf(server), 'bell\u0007')).rejects.toMatchObject({ code: 'ROOM_NAME_INVALID' });
    await expect(rooms.join(connectionOf(server), 'r')).rejects.toMatchObject({ code: 'ROOM_LIMIT' });
  });

  it('RoomsService.join returns false for a connection that is closed', async () => {
    const server = await startApplication({});
    const alice = await join(server);
    const connection = connectionOf(server);
    await alice.close();
    expect(await server.app.get(RoomsService).join(connection, 'r')).toBe(false);
    expect(server.app.get(RoomsService).size('r')).toBe(0);
  });
});
