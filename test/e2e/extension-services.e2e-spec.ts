import { Controller, Injectable, Module, Param, Post } from '@nestjs/common';
import request from 'supertest';

import {
  ConnectionsService,
  HealthModule,
  MessagingService,
  MetricsModule,
  RookeryModule,
  RoomsService,
  type Connection,
} from '../../src/index.js';
import { TEST_OPTIONS, listen, startApplication, type TestApplication } from '../support/application.js';
import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';

/** A service of the application, in a module that does not import Rookery's. */
@Injectable()
class Notices {
  constructor(
    readonly messaging: MessagingService,
    readonly rooms: RoomsService,
    readonly connections: ConnectionsService,
  ) {}
}

@Controller('notices')
class NoticesController {
  constructor(private readonly notices: Notices) {}

  @Post(':room')
  async post(@Param('room') room: string): Promise<object> {
    return this.notices.messaging.publish(room, 'over the application’s own REST');
  }
}

@Module({ providers: [Notices], controllers: [NoticesController] })
class NoticesModule {}

@Injectable()
class Settings {
  readonly maxRooms = 1;
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

describe('the module’s settings', () => {
  it('come from forRoot', async () => {
    const server = await startApplication({ options: { wsPath: '/live', maxMessageBytes: 1000 } });
    const alice = await join(server, { address: `ws://127.0.0.1:${server.port}/live` });
    alice.sendRaw('x'.repeat(1001));
    expect(await alice.closed).toMatchObject({ code: 1009 });
  });

  it('come from another provider by forRootAsync', async () => {
    const rookery = RookeryModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: async ({ maxRooms }: Settings) => {
        await new Promise(setImmediate);
        return { ...TEST_OPTIONS, maxRoomsPerConnection: maxRooms };
      },
    });
    const alice = await join(await listen({ imports: [rookery] }), {}, 'one');
    expect(await alice.request('join', 'two')).toMatchObject({ type: 'error', payload: { code: 'ROOM_LIMIT' } });
  });

  it('stop the start when they are wrong, each by its name', async () => {
    const start = startApplication({ options: { maxMessageBytes: -1, wsPath: 'ws' } });
    await expect(start).rejects.toThrow(/MAX_MESSAGE_BYTES[^]*WS_PATH|WS_PATH[^]*MAX_MESSAGE_BYTES/);
  });
});

const start = (): Promise<TestApplication> => startApplication({ imports: [NoticesModule] });

describe('the services, injected without importing Rookery again', () => {
  it('publish to a room, to everybody and to a user, as the server', async () => {
    const server = await start();
    const { messaging } = server.app.get(Notices);
    const alice = await join(server, {}, 'news');

    const ack = await messaging.publish('news', { n: 1 }, { id: 'first' });
    expect(ack).toMatchObject({ room: 'news', id: 'first', offset: 1, epoch: expect.any(String) });
    const { payload } = await alice.next('room:message');
    expect(payload).toMatchObject({ room: 'news', data: { n: 1 }, id: 'first', offset: 1 });
    expect(payload).not.toHaveProperty('from');

    await messaging.broadcast('all');
    expect((await alice.next('broadcast')).payload).toMatchObject({ data: 'all' });
    await messaging.sendToUser('alice', 'you', { from: 'bob' });
    expect((await alice.next('user:message')).payload).toMatchObject({ data: 'you', from: 'bob' });
  });

  it('refuse what cannot be published', async () => {
    const { messaging } = (await start()).app.get(Notices);
    await expect(messaging.publish('', 1)).rejects.toMatchObject({ code: 'ROOM_NAME_INVALID' });
    await expect(messaging.publish('news', undefined)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    await expect(messaging.publish('news', 1n)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
  });

  it('tell who is in a room', async () => {
    const server = await start();
    const { rooms } = server.app.get(Notices);
    const alice = await join(server, {}, 'news', 'sport');
    await join(server, { claims: { sub: 'bob' } }, 'news');
    expect(rooms.size('news')).toBe(2);
    expect(rooms.members('news').map(({ userId }) => userId)).toEqual(['alice', 'bob']);
    await alice.request('leave', 'news');
    expect(rooms.members('news').map(({ userId }) => userId)).toEqual(['bob']);
  });

  it('find, list and disconnect connections', async () => {
    const server = await start();
    const { connections } = server.app.get(Notices);
    const alice = await join(server);
    const bob = await join(server, { claims: { sub: 'bob' } });
    const [first] = connections.all() as Iterable<Connection>;
    expect(connections.find(first?.id ?? '')?.userId).toBe('alice');

    expect(connections.disconnect(first?.id ?? '')).toBe(true);
    expect(await alice.closed).toMatchObject({ code: 4403 });
    expect(connections.disconnect('nobody')).toBe(false);
    expect(connections.disconnectUser('bob', 4000, 'enough')).toBe(1);
    expect(await bob.closed).toEqual({ code: 4000, reason: 'enough' });
    await eventually(
      () => connections.count(),
      (count) => count === 0,
    );
  });

  it('serve the application’s own controllers', async () => {
    const server = await start();
    const alice = await join(server, {}, 'news');
    const answer = await request(server.http).post('/notices/news');
    expect(answer.body).toMatchObject({ room: 'news', offset: 1 });
    expect((await alice.next('room:message')).payload).toMatchObject({ data: 'over the application’s own REST' });
  });

  it('have health and metrics beside them when these are imported', async () => {
    const server = await startApplication({ imports: [HealthModule, MetricsModule] });
    expect((await request(server.http).get('/health/ready')).status).toBe(200);
    expect((await request(server.http).get('/metrics')).text).toContain('rookery_');
  });
});
