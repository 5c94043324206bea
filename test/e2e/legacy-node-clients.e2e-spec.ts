import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { OnEvent } from '@nestjs/event-emitter';
import request from 'supertest';

import { ConnectionsService, MessagingService, RoomsService, type UnhandledMessageEvent } from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import type { TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { plainClient } from '../support/plain-client.js';
import { tokenFor } from '../support/server.js';

/** What the old server's application did in its one `message` handler. */
class MessageHandler {
  readonly seen: unknown[] = [];

  @OnEvent('message.unhandled')
  onMessage({ connection, type, payload }: UnhandledMessageEvent): void {
    this.seen.push([connection.userId, type, payload]);
    connection.send('task:created', { id: 7 });
  }
}

@WebSocketGateway()
class TasksGateway {
  @SubscribeMessage('task:count')
  count(): object {
    return { event: 'task:count', data: { count: 3 } };
  }
}

/** Settings by which the server takes these clients' tokens: `userId` in place of `sub`, and no rooms. */
function startServer(): Promise<TestApplication> {
  return startApplication({
    options: { jwtUserClaim: 'userId', defaultGrants: ['*'] },
    providers: [MessageHandler, TasksGateway],
  });
}

const tokenOf = (userId: string): string => tokenFor({ sub: undefined, userId });

async function enter({ ws }: TestApplication, userId: string, room?: string): Promise<TestClient> {
  const client = await plainClient(`${ws}?token=${tokenOf(userId)}`);
  await client.next('connected');
  if (room !== undefined) {
    client.sendRaw(`{"type":"join","payload":"${room}"}`);
    await client.next('room:joined');
  }
  return client;
}

describe('a client of the Node template', () => {
  it('is greeted with its ids after connecting with a token that says userId', async () => {
    const server = await startServer();
    const client = await plainClient(`${server.ws}?token=${tokenOf('u1')}`);
    const greeting = await client.nextWhere(() => true);
    expect(greeting).toMatchObject({ type: 'connected', payload: { clientId: expect.any(String), userId: 'u1' } });
  });

  it('gets a pong with the requestId of its ping', async () => {
    const client = await enter(await startServer(), 'u1');
    client.sendRaw('{"type":"ping","requestId":"abc-1"}');
    expect(await client.nextWhere(() => true)).toMatchObject({ type: 'pong', requestId: 'abc-1' });
    client.sendRaw('{"type":"ping"}');
    expect(await client.nextWhere(() => true)).not.toHaveProperty('requestId');
  });

  it('joins by the name alone, and is told so', async () => {
    const client = await enter(await startServer(), 'u1');
    client.sendRaw('{"type":"join","payload":"general"}');
    expect(await client.nextWhere(() => true)).toMatchObject({ type: 'room:joined', payload: { room: 'general' } });
  });

  it('reaches the others of a room by broadcast, and not itself', async () => {
    const server = await startServer();
    const [sender, member, outsider] = await Promise.all([
      enter(server, 'u1', 'general'),
      enter(server, 'u2', 'general'),
      enter(server, 'u3', 'elsewhere'),
    ]);
    sender.sendRaw('{"type":"broadcast","payload":{"room":"general","data":{"text":"hi"}}}');

    const { payload } = await member.next('room:message');
    expect(payload).toMatchObject({ room: 'general', data: { text: 'hi' } });
    for (const other of [sender, outsider]) {
      await other.settle();
      expect(other.queue).toEqual([]);
    }
  });

  it('leaves by the name alone, is told so, and gets no more of the room', async () => {
    const server = await startServer();
    const leaver = await enter(server, 'u1', 'general');
    const sender = await enter(server, 'u2', 'general');
    leaver.sendRaw('{"type":"leave","payload":"general"}');
    expect(await leaver.nextWhere(() => true)).toMatchObject({ type: 'room:left', payload: { room: 'general' } });

    sender.sendRaw('{"type":"broadcast","payload":{"room":"general","data":1}}');
    await sender.settle();
    await leaver.settle();
    expect(leaver.queue).toEqual([]);
  });

  it('is told of a frame that cannot be parsed, and stays', async () => {
    const client = await enter(await startServer(), 'u1');
    client.sendRaw('{oops');
    expect(await client.next('error')).toMatchObject({ payload: { message: 'Invalid message format' } });
    await client.settle();
  });

  it('reaches the application with types of its own', async () => {
    const server = await startServer();
    const client = await enter(server, 'u1');
    client.sendRaw('{"type":"task:create","payload":{"title":"x"}}');
    expect(await client.next('task:created')).toMatchObject({ payload: { id: 7 } });
    expect(server.app.get(MessageHandler).seen).toEqual([['u1', 'task:create', { title: 'x' }]]);

    client.sendRaw('{"type":"task:count","requestId":"q"}');
    expect(await client.next('task:count')).toMatchObject({ payload: { count: 3 }, requestId: 'q' });
  });
});

describe('an application that was built on the Node template', () => {
  it('broadcasts over REST, to a room and to everybody', async () => {
    const server = await startServer();
    const [inside, outside] = await Promise.all([enter(server, 'u1', 'general'), enter(server, 'u2')]);
    const post = (body: object) =>
      request(server.http)
        .post('/api/broadcast')
        .auth(tokenFor({ userId: 'backend', scope: 'admin' }), { type: 'bearer' })
        .send(body);

    const toRoom = await post({ room: 'general', message: { text: 'to the room' } });
    expect(toRoom.status).toBe(200);
    expect(toRoom.body).toMatchObject({ success: true });
    const { payload } = await inside.next('room:message');
    expect(payload).toMatchObject({ room: 'general', data: { text: 'to the room' } });

    const toAll = await post({ message: 'to all' });
    expect(toAll.body).toMatchObject({ success: true });
    for (const client of [inside, outside]) {
      expect(await client.next('broadcast')).toMatchObject({ payload: { data: 'to all' } });
      await client.settle();
      expect(client.queue).toEqual([]);
    }
  });

  it('sends to one user, on all of the user’s connections', async () => {
    const server = await startServer();
    const [first, second, other] = await Promise.all(['u1', 'u1', 'u2'].map((user) => enter(server, user)));
    await server.app.get(MessagingService).sendToUser('u1', { note: 'yours' });
    for (const client of [first, second]) {
      expect(await client?.next('user:message')).toMatchObject({ payload: { data: { note: 'yours' } } });
    }
    await other?.settle();
    expect(other?.queue).toEqual([]);
  });

  it('counts connections and a room’s members', async () => {
    const server = await startServer();
    const connections = server.app.get(ConnectionsService);
    const rooms = server.app.get(RoomsService);
    const leaver = await enter(server, 'u1', 'general');
    await enter(server, 'u2', 'general');
    await enter(server, 'u3');
    expect(connections.count()).toBe(3);
    expect(rooms.size('general')).toBe(2);

    await leaver.close();
    expect(
      await eventually(
        () => connections.count(),
        (count) => count < 3,
      ),
    ).toBe(2);
    expect(rooms.size('general')).toBe(1);
    expect(rooms.size('never-joined')).toBe(0);
  });

  it('closes: every client is told, and the port is free', async () => {
    const server = await startServer();
    const clients = await Promise.all([enter(server, 'u1'), enter(server, 'u2')]);
    await server.stop();
    for (const client of clients) expect(await client.closed).toMatchObject({ code: 1001 });
    await expect(plainClient(server.ws)).rejects.toThrow('ECONNREFUSED');
  });
});
