import { EventEmitter2 } from '@nestjs/event-emitter';

import { MessagingService, RoomsService, type ConnectionOpenedEvent } from '../../src/index.js';
import { eventually } from '../../test/support/eventually.js';
import { dataOf, range } from '../../test/support/messages.js';
import { startServer, tokenFor, type TestServer } from '../../test/support/server.js';
import { type Gap, type Joined, type Left, type RookeryClient, type RoomMessage } from '../src/index.js';
import { FaultyProxy } from './support/faulty-proxy.js';
import { collect, many, rookery } from './support/rookery.js';

/** The connection breaks, and comes back. */
async function breaks(proxy: FaultyProxy, client: RookeryClient, meanwhile?: () => Promise<unknown>): Promise<void> {
  proxy.closed = true;
  proxy.cut();
  await eventually(
    () => client.state,
    (state) => state === 'reconnecting',
  );
  await meanwhile?.();
  proxy.closed = false;
  await client.connect();
}

/** Puts each connection of alice into a room as soon as it is there. */
async function startWithLobby(): Promise<TestServer> {
  const server = await startServer();
  const rooms = server.app.get(RoomsService, { strict: false });
  const messaging = server.app.get(MessagingService, { strict: false });
  const emitter = server.app.get(EventEmitter2, { strict: false });
  emitter.on('connection.opened', ({ connection }: ConnectionOpenedEvent): unknown =>
    connection.userId === 'alice'
      ? rooms.join(connection, 'lobby').then(() => messaging.publish('lobby', 'welcome'))
      : undefined,
  );
  return server;
}

describe('a room', () => {
  it('is the same object for the same name', async () => {
    const client = rookery({ ws: 'ws://127.0.0.1:1' }, { autoConnect: false });
    expect(client.room('r')).toBe(client.room('r'));
    expect(client.room('r')).toMatchObject({ name: 'r', state: 'idle', position: undefined });
    expect(() => client.room('@all')).toThrow(expect.objectContaining({ code: 'ROOM_NAME_INVALID' }));
  });

  it('is joined once, however often it is asked for, and left', async () => {
    const server = await startServer();
    const alice = rookery(server);
    const room = alice.room('r');
    const events: unknown[] = [];
    room.on('joined', (joined: Joined) => events.push(joined));
    room.on('left', (left: Left) => events.push(left));
    const [first, second] = await Promise.all([room.join(), room.join()]);
    expect(second).toEqual(first);
    expect(room).toMatchObject({ state: 'joined', position: { epoch: first.epoch, offset: 0 } });
    expect(await room.join()).toEqual(first);
    await room.leave();
    await room.leave();
    expect(room).toMatchObject({ state: 'idle', position: undefined });
    expect(events).toEqual([first, { room: 'r' }]);
  });

  it('gives nothing after it was left, and begins anew when it is joined again', async () => {
    const server = await startServer();
    const [alice, bob] = [rookery(server), rookery(server, { user: 'bob' })];
    const room = alice.room('r');
    const seen = collect(room);
    await room.join();
    await bob.room('r').publish(1);
    await many(seen, 1);
    const left = room.leave();
    await bob.room('r').publish(2);
    await left;
    await bob.room('r').publish(3);
    expect(await room.join()).not.toHaveProperty('recovered');
    await bob.room('r').publish(4);
    await many(seen, 2);
    expect(dataOf(seen)).toEqual([1, 4]);
  });

  it('may be refused: the join says so, and nobody is in it', async () => {
    const server = await startServer();
    const alice = rookery(server, { token: tokenFor({ rooms: ['mine'] }) });
    const left: Left[] = [];
    alice.room('theirs').on('left', (event) => left.push(event));
    const outcomes = await Promise.allSettled(['mine', 'theirs', 'a\nb'].map((name) => alice.room(name).join()));
    expect(outcomes).toMatchObject([
      { status: 'fulfilled' },
      { reason: { code: 'FORBIDDEN', retryable: false } },
      { reason: { code: 'ROOM_NAME_INVALID' } },
    ]);
    expect(left).toMatchObject([{ room: 'theirs', error: { code: 'FORBIDDEN' } }]);
    expect(alice.room('theirs').state).toBe('idle');
  });

  it('may be given up while it is being joined, unless others want it', async () => {
    const client = rookery({ ws: 'ws://127.0.0.1:1' });
    const [given, kept] = [client.room('given'), client.room('kept')];
    const controller = new AbortController();
    const { signal } = controller;
    const joins = [given.join({ signal }), kept.join({ signal }), kept.join()];
    controller.abort(new Error('enough'));
    await expect(joins[0]).rejects.toMatchObject({ code: 'ABORTED', cause: new Error('enough') });
    await expect(joins[1]).rejects.toMatchObject({ code: 'ABORTED' });
    expect([given.state, kept.state]).toEqual(['idle', 'joining']);
    await Promise.all([client.close(), expect(joins[2]).rejects.toMatchObject({ code: 'CLOSED' })]);
    await expect(given.join({ signal })).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('is left when a new token does not cover it, and told why after a reconnect', async () => {
    const server = await startServer();
    const soon = Math.floor(Date.now() / 1000) + 6;
    const alice = rookery(server, {
      token: ({ reason }) => tokenFor(reason === 'connect' ? { rooms: ['*'], exp: soon } : { rooms: ['other'] }),
    });
    const left = new Promise((resolve) => alice.room('r').once('left', resolve));
    await Promise.all([alice.room('r').join(), alice.room('other').join()]);
    expect(await left).toMatchObject({ room: 'r', error: { code: 'FORBIDDEN' } });
    expect([alice.room('r').state, alice.room('other').state]).toEqual(['idle', 'joined']);
  });
});

describe('after a break', () => {
  it('rooms are joined again by one message, and go on where they were', async () => {
    const server = await startServer({ rateLimit: 0 });
    const proxy = await FaultyProxy.start(server.port);
    const [alice, bob] = [rookery(proxy), rookery(server, { user: 'bob' })];
    const rooms = range(1, 20).map((n) => alice.room(`r${n}`));
    const seen = rooms.map(collect);
    await Promise.all(rooms.map((room) => room.join()));
    const joined: Joined[] = [];
    for (const room of rooms) room.on('joined', (event) => joined.push(event));
    await breaks(proxy, alice, () => Promise.all(rooms.map(({ name }) => bob.room(name).publish(name))));
    await eventually(
      () => seen.filter(({ length }) => length === 1).length,
      (count) => count === 20,
    );
    expect(seen.map(dataOf)).toEqual(rooms.map(({ name }) => [name]));
    expect(joined.every(({ recovered }) => recovered === true)).toBe(true);
  });

  it('what cannot be had any more is told, with the reason', async () => {
    const server = await startServer({ historySize: 3 });
    const proxy = await FaultyProxy.start(server.port);
    const [alice, bob] = [rookery(proxy), rookery(server, { user: 'bob' })];
    const room = alice.room('r');
    const events: (Gap | RoomMessage)[] = [];
    room.on('gap', (gap) => events.push(gap));
    room.on('message', (message) => events.push(message));
    const { epoch } = await room.join();
    await breaks(proxy, alice, async () => {
      for (const n of range(1, 8)) await bob.room('r').publish(n);
    });
    await many(events, 4);
    expect(events[0]).toEqual({ room: 'r', reason: 'trimmed', epoch, offset: 5 });
    expect(events.slice(1).map((event) => ('data' in event ? event.data : event))).toEqual([6, 7, 8]);
    expect(room.position).toEqual({ epoch, offset: 8 });
  });

  it('messages to everybody and to the user go on, too', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const alice = rookery(proxy);
    const root = rookery(server, { token: tokenFor({ sub: 'root', scope: 'admin' }) });
    const seen: unknown[] = [];
    alice.on('broadcast', ({ data }) => seen.push(data));
    alice.on('user:message', ({ data, from }) => seen.push([data, from]));
    await alice.connect();
    await root.broadcast('first');
    await many(seen, 1);
    await breaks(proxy, alice, async () => {
      await root.broadcast('all');
      await root.sendToUser('alice', 'you');
    });
    await many(seen, 3);
    expect(seen[0]).toBe('first');
    expect(seen.slice(1)).toEqual(expect.arrayContaining(['all', ['you', 'root']]));
    expect(seen).toHaveLength(3);
  });

  it('a broadcast of one’s own is told once, and in its place', async () => {
    const server = await startServer();
    const alice = rookery(server, { token: tokenFor({ scope: 'admin' }) });
    const seen: unknown[] = [];
    alice.on('broadcast', ({ data, offset }) => seen.push([offset, data]));
    alice.on('user:message', ({ data, offset }) => seen.push([offset, data]));
    const ack = await alice.broadcast('mine');
    await alice.sendToUser('alice', 'to myself');
    expect(ack).toMatchObject({ room: '@all', offset: 1 });
    await many(seen, 2);
    expect(seen).toEqual([
      [1, 'mine'],
      [1, 'to myself'],
    ]);
  });
});

describe('a room that the application on the server puts the client into', () => {
  it('A room that the server joins is joined without asking, and gives every message from then on', async () => {
    const server = await startWithLobby();
    const alice = rookery(server);
    const room = alice.room('lobby');
    const seen = collect(room);
    await many(seen, 1);
    expect(room.state).toBe('joined');
    expect(await room.join()).toMatchObject({ room: 'lobby', offset: 1 });
    await rookery(server, { user: 'bob' }).room('lobby').publish('hello');
    await many(seen, 2);
    expect(dataOf(seen)).toEqual(['welcome', 'hello']);
  });

  it('A join that is under way when the server joins the room as well comes true, and nothing comes twice', async () => {
    const server = await startWithLobby();
    const room = rookery(server).room('lobby');
    const seen = collect(room);
    await room.join();
    await many(seen, 1);
    await rookery(server, { user: 'bob' }).room('lobby').publish('hello');
    await many(seen, 2);
    expect(dataOf(seen)).toEqual(['welcome', 'hello']);
  });

  it('After a break the client gets what it missed in the room, each message once', async () => {
    const server = await startWithLobby();
    const proxy = await FaultyProxy.start(server.port);
    const alice = rookery(proxy);
    const room = alice.room('lobby');
    const seen = collect(room);
    const gaps: Gap[] = [];
    room.on('gap', (gap: Gap) => gaps.push(gap));
    await many(seen, 1);
    const bob = rookery(server, { user: 'bob' }).room('lobby');
    await breaks(proxy, alice, () => bob.publish('missed'));
    await many(seen, 3);
    await bob.publish('live');
    await many(seen, 4);
    expect(dataOf(seen)).toEqual(['welcome', 'missed', 'welcome', 'live']);
    expect(gaps).toEqual([]);
  });
});
