import { ForbiddenException } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { WsException } from '@nestjs/websockets';

import {
  ProtocolError,
  type ConnectionClosedEvent,
  type ConnectionOpenedEvent,
  type RoomMembershipEvent,
  type RoomOccupancyEvent,
  type UnhandledMessageEvent,
} from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';

/** Hears every event, in a method that returns at once and in one that returns later. */
class Listener {
  readonly heard: string[] = [];
  readonly heardLater: string[] = [];

  @OnEvent('connection.opened')
  opened({ connection }: ConnectionOpenedEvent): void {
    this.heard.push(`opened ${connection.userId}`);
  }

  @OnEvent('connection.closed')
  closed({ connection, code }: ConnectionClosedEvent): void {
    this.heard.push(`closed ${connection.userId} ${code}`);
  }

  @OnEvent('room.joined')
  joined({ room, connection }: RoomMembershipEvent): void {
    this.heard.push(`joined ${room} ${connection.userId}`);
  }

  @OnEvent('room.left')
  left({ room, connection }: RoomMembershipEvent): void {
    this.heard.push(`left ${room} ${connection.userId}`);
  }

  @OnEvent('room.occupied')
  occupied({ room }: RoomOccupancyEvent): void {
    this.heard.push(`occupied ${room}`);
  }

  @OnEvent('room.vacated')
  vacated({ room }: RoomOccupancyEvent): void {
    this.heard.push(`vacated ${room}`);
  }

  @OnEvent('message.unhandled')
  unhandled({ type, payload }: UnhandledMessageEvent): void {
    this.heard.push(`unhandled ${type} ${JSON.stringify(payload)}`);
  }

  @OnEvent('connection.opened')
  @OnEvent('connection.closed')
  @OnEvent('room.joined')
  @OnEvent('room.left')
  @OnEvent('room.occupied')
  @OnEvent('room.vacated')
  @OnEvent('message.unhandled')
  async later(): Promise<void> {
    await new Promise(setImmediate);
    this.heardLater.push(this.heard.at(-1) ?? '');
  }
}

class Answering {
  @OnEvent('message.unhandled')
  async answer(message: UnhandledMessageEvent): Promise<void> {
    await new Promise(setImmediate);
    if (message.type === 'question') message.reply('answer', { of: message.payload });
  }
}

class Rejecting {
  @OnEvent('message.unhandled', { suppressErrors: false })
  reject({ type }: UnhandledMessageEvent): void {
    if (type === 'http') throw new ForbiddenException('Not on Sundays');
    if (type === 'ws') throw new WsException({ code: 'CLOSED_TODAY', message: 'Come back on Monday' });
    throw new ProtocolError('UNKNOWN_TYPE');
  }
}

const ALL = [
  'opened alice',
  'occupied news',
  'joined news alice',
  'opened bob',
  'joined news bob',
  'unhandled custom {"n":1}',
  'left news bob',
  'closed bob 1000',
  'left news alice',
  'vacated news',
  'closed alice 1000',
];

/** Does all that there are events for. */
async function play(server: TestApplication): Promise<void> {
  const alice = await join(server, {}, 'news');
  const bob = await join(server, { claims: { sub: 'bob' } }, 'news');
  await bob.request('custom', { n: 1 });
  await bob.close();
  const { heard } = server.app.get(Listener);
  await eventually(
    () => heard,
    (all) => all.includes('closed bob 1000'),
  );
  await alice.request('leave', 'news');
  await alice.close();
  await eventually(
    () => heard,
    (all) => all.includes('closed alice 1000'),
  );
}

describe('the lifecycle’s events', () => {
  it('tell of connections, rooms and messages, in order, to sync and async handlers', async () => {
    const server = await startApplication({ providers: [Listener] });
    await play(server);
    const { heard, heardLater } = server.app.get(Listener);
    expect(heard).toEqual(ALL);
    await eventually(
      () => heardLater.length,
      (count) => count === ALL.length,
    );
  });

  it('come once each where the application has an event module of its own', async () => {
    const server = await startApplication({ imports: [EventEmitterModule.forRoot()], providers: [Listener] });
    await play(server);
    expect(server.app.get(Listener).heard).toEqual(ALL);
  });

  it('reach listeners without a decorator', async () => {
    const server = await startApplication({});
    const heard: string[] = [];
    server.app.get(EventEmitter2).on('room.joined', ({ room }: RoomMembershipEvent) => heard.push(room));
    await join(server, {}, 'news');
    expect(heard).toEqual(['news']);
  });

  it('do not tell of the rooms that the server joins by itself', async () => {
    const server = await startApplication({ providers: [Listener] });
    await join(server);
    expect(server.app.get(Listener).heard).toEqual(['opened alice']);
  });
});

describe('message.unhandled', () => {
  it('lets its handler reply, and acknowledges where it does not', async () => {
    const alice = await join(await startApplication({ providers: [Answering] }));
    expect(await alice.request('question', 42)).toMatchObject({ type: 'answer', payload: { of: 42 } });
    expect(await alice.request('statement', 42)).toMatchObject({ type: 'ack' });
  });

  it.each([
    ['http', { code: 'FORBIDDEN', message: 'Not on Sundays' }],
    ['ws', { code: 'CLOSED_TODAY', message: 'Come back on Monday' }],
    ['other', { code: 'UNKNOWN_TYPE' }],
  ])('A listener of message.unhandled rejects a message by an exception of kind %s', async (type, payload) => {
    const alice = await join(await startApplication({ providers: [Rejecting] }));
    expect(await alice.request(type)).toMatchObject({ type: 'error', payload });
  });

  it('is UNKNOWN_TYPE where nobody listens', async () => {
    const alice = await join(await startApplication({}));
    expect(await alice.request('question', 42)).toMatchObject({ type: 'error', payload: { code: 'UNKNOWN_TYPE' } });
  });
});
