import { Injectable } from '@nestjs/common';

import { BrokerUnavailableError, MemoryBroker, type PublishRequest, type PublishResult } from '../../src/index.js';
import { startApplication } from '../../test/support/application.js';
import { eventually } from '../../test/support/eventually.js';
import { dataOf, range } from '../../test/support/messages.js';
import { startServer, tokenFor } from '../../test/support/server.js';
import type { Room } from '../src/index.js';
import { FaultyProxy } from './support/faulty-proxy.js';
import { collect, rookery } from './support/rookery.js';

const NOWHERE = { ws: 'ws://127.0.0.1:1' };

/** Says at times that it cannot be reached, whether the publish took effect or not. */
@Injectable()
class MoodyBroker extends MemoryBroker {
  static count = 0;

  override publish(request: PublishRequest): PublishResult {
    MoodyBroker.count += 1;
    const mood = MoodyBroker.count % 4;
    if (mood === 1) throw new BrokerUnavailableError('moody');
    const result = super.publish(request);
    if (mood === 3) throw new BrokerUnavailableError('moody');
    return result;
  }
}

const outcomeOf = (publish: Promise<unknown>): Promise<unknown> =>
  publish.catch((error: { code: string }) => error.code);

describe('publishing', () => {
  it('says where the message stands, and takes effect once under one id', async () => {
    const server = await startServer();
    const alice = rookery(server);
    const room = alice.room('r');
    const seen = collect(room);
    const { epoch } = await room.join();
    expect(await room.publish({ a: 1 }, { id: 'x' })).toEqual({ room: 'r', id: 'x', epoch, offset: 1 });
    expect(await room.publish({ a: 1 }, { id: 'x' })).toEqual({
      room: 'r',
      id: 'x',
      epoch,
      offset: 1,
      duplicate: true,
    });
    expect(await room.publish(null)).toMatchObject({ offset: 2 });
    expect(seen).toMatchObject([
      { room: 'r', data: { a: 1 }, from: 'alice', id: 'x', epoch, offset: 1, timestamp: expect.any(Number) },
      { room: 'r', data: null, from: 'alice', epoch, offset: 2 },
    ]);
  });

  it('gives what the others get, whatever becomes of the object', async () => {
    const server = await startServer();
    const room = rookery(server).room('r');
    const seen = collect(room);
    await room.join();
    const data = { at: new Date(0), list: [1] };
    const published = room.publish(data);
    data.list.push(2);
    await published;
    expect(dataOf(seen)).toEqual([{ at: '1970-01-01T00:00:00.000Z', list: [1] }]);
  });

  it('once gives one’s own in rooms that send everybody their own, too', async () => {
    const server = await startServer({ rooms: [{ pattern: 'echo', echo: true }] });
    const room = rookery(server).room('echo');
    const seen = collect(room);
    await room.join();
    await Promise.all(range(1, 20).map((n) => room.publish(n)));
    const last = await room.publish('last');
    await eventually(
      () => seen.at(-1)?.offset,
      (offset) => offset === last.offset,
    );
    expect(dataOf(seen)).toEqual([...range(1, 20), 'last']);
  });

  it.each([
    ['nothing', undefined],
    ['a function', (): number => 1],
    ['a number too big', 1n],
  ])('refuses %s before it is sent', async (_what, data) => {
    await expect(rookery(NOWHERE).room('r').publish(data)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      retryable: false,
    });
  });

  it('refuses what is too large for the server without sending it', async () => {
    const server = await startServer({ maxMessageBytes: 1000 });
    const proxy = await FaultyProxy.start(server.port);
    const alice = rookery(proxy);
    const room = alice.room('r');
    const early = room.publish('x'.repeat(2000));
    const small = room.publish('x'.repeat(500));
    await expect(early).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(room.publish('ü'.repeat(500))).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect(await small).toMatchObject({ offset: 1 });
    expect(proxy.connections).toBe(1);
  });

  it('has no bound where the time that it may take is endless', async () => {
    const server = await startServer();
    const endless = { connectTimeoutMs: Infinity, requestTimeoutMs: 2 ** 31, publishTimeoutMs: Infinity };
    const alice = rookery(server, { ...endless, liveness: { intervalMs: Infinity }, autoConnect: false });
    const early = outcomeOf(alice.room('r').publish(1));
    const asked = outcomeOf(alice.request('x'));
    // The platform would take them for a timer of 1 ms, which comes before this one.
    await expect(alice.room('r').publish(2, { timeoutMs: 5 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    await alice.connect();
    expect([await early, await asked]).toMatchObject([{ offset: 1 }, 'UNKNOWN_TYPE']);
  });

  it('may be refused by the server', async () => {
    const server = await startServer();
    const alice = rookery(server, { token: tokenFor({ rooms: ['mine'] }) });
    const seen = collect(alice.room('mine'));
    await alice.room('mine').join();
    await expect(alice.room('theirs').publish(1)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(alice.broadcast(1)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(alice.room('mine').publish(1, { id: 'x'.repeat(200) })).rejects.toMatchObject({
      code: 'INVALID_PAYLOAD',
    });
    await alice.room('mine').publish(2);
    expect(dataOf(seen)).toEqual([2]);
  });

  it('goes on until a broker that cannot be reached has the message, once', async () => {
    const server = await startApplication({ overrides: { broker: MoodyBroker } });
    const [alice, bob] = [rookery(server), rookery(server, { user: 'bob' })];
    const rooms: Room[] = [alice.room('r'), bob.room('r')];
    const [seenByAlice = [], seenByBob = []] = rooms.map(collect);
    await Promise.all(rooms.map((room) => room.join()));
    await Promise.all(range(1, 20).flatMap((n) => rooms.map((room) => room.publish(`${n} of ${rooms.indexOf(room)}`))));
    await eventually(
      () => [seenByAlice.length, seenByBob.length],
      ([one, other]) => one === 40 && other === 40,
    );
    expect(dataOf(seenByAlice)).toEqual(dataOf(seenByBob));
    expect(new Set(dataOf(seenByBob)).size).toBe(40);
  });

  it('keeps within the server’s rate', async () => {
    const server = await startServer({ rateLimit: 50, rateBurst: 5, maxOffences: 1 });
    const proxy = await FaultyProxy.start(server.port);
    const alice = rookery(proxy, { liveness: { intervalMs: 50, timeoutMs: 5000 } });
    const rooms = range(1, 10).map((n) => alice.room(`r${n}`));
    await Promise.all(rooms.map((room) => room.join()));
    const errors: unknown[] = [];
    alice.on('error', (error) => errors.push(error));
    const acks = await Promise.all(range(1, 6).flatMap((n) => rooms.map((room) => room.publish(n))));
    expect(acks.filter(({ offset }) => offset === 6)).toHaveLength(10);
    expect([errors, proxy.connections]).toEqual([[], 1]);
  });
});

describe('confirmation', () => {
  it('tells how many have acknowledged, and holds nobody’s messages up meanwhile', async () => {
    const server = await startServer();
    const clients = ['alice', 'bob'].map((user) =>
      rookery(server, { user, liveness: { intervalMs: 50, timeoutMs: 5000 } }),
    );
    const rooms = clients.map((client) => client.room('r'));
    for (const room of rooms) room.on('message', (message) => void room.acknowledge(message));
    await Promise.all(rooms.map((room) => room.join()));
    // Each waits for the other one's acknowledgement, which comes when it has been given the message.
    const acks = await Promise.all(rooms.map((room) => room.publish('hi', { confirm: { timeoutMs: 60_000 } })));
    expect(acks).toMatchObject([
      { confirmed: 1, members: 1 },
      { confirmed: 1, members: 1 },
    ]);
  });

  it('may take its time: the server’s silence is no sign of death then', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const alice = rookery(proxy, { liveness: { intervalMs: 200, timeoutMs: 1000 }, requestTimeoutMs: 1000 });
    const bob = rookery(server, { user: 'bob' });
    await bob.room('r').join();
    await alice.connect();
    const published = alice.room('r').publish('x', { confirm: { timeoutMs: 3000 } });
    await eventually(
      () => proxy.bytes.up,
      (bytes) => bytes > 0,
    );
    const asked = alice.request('nobody');
    await expect(asked).rejects.toMatchObject({ code: 'UNKNOWN_TYPE' });
    expect(await published).toMatchObject({ confirmed: 0, members: 1 });
    expect(proxy.connections).toBe(1);
  });
});

describe('a volatile message', () => {
  it('comes to the others, without a number', async () => {
    const server = await startServer();
    const [alice, bob] = [rookery(server), rookery(server, { user: 'bob' })];
    const [seenByAlice, seenByBob] = [collect(alice.room('r')), collect(bob.room('r'))];
    await Promise.all([alice.room('r').join(), bob.room('r').join()]);
    const ack = await alice.room('r').publish('typing', { volatile: true });
    expect(ack).toEqual({ room: 'r', id: expect.any(String) });
    await alice.room('r').publish('done');
    await eventually(
      () => seenByBob.length,
      (count) => count === 2,
    );
    expect(seenByBob).toMatchObject([{ data: 'typing' }, { data: 'done', offset: 1 }]);
    expect(seenByBob[0]).not.toHaveProperty('offset');
    expect(dataOf(seenByAlice)).toEqual(['done']);
  });

  it('does not wait: not for a connection, and not for the rate', async () => {
    const server = await startServer({ rateLimit: 1, rateBurst: 10 });
    const alice = rookery(server);
    const room = alice.room('r');
    await expect(room.publish(1, { volatile: true })).rejects.toMatchObject({ code: 'OFFLINE', retryable: true });
    await alice.connect();
    const outcomes = await Promise.all(range(1, 20).map((n) => outcomeOf(room.publish(n, { volatile: true }))));
    const refused = outcomes.filter((outcome) => outcome === 'RATE_LIMITED');
    expect(refused.length).toBeGreaterThanOrEqual(9);
    expect(refused.length).toBeLessThan(15);
  });
});

describe('the queue', () => {
  it('is bounded: what does not fit is refused', async () => {
    const room = rookery(NOWHERE, { queue: { maxMessages: 2 } }).room('r');
    const publishes = range(1, 3).map((n) => outcomeOf(room.publish(n, { id: `m${n}` })));
    expect(await publishes[2]).toBe('QUEUE_FULL');
    const large = rookery(NOWHERE, { queue: { maxBytes: 1000 } }).room('r');
    void outcomeOf(large.publish('x'.repeat(600)));
    await expect(large.publish('x'.repeat(600))).rejects.toMatchObject({ code: 'QUEUE_FULL', retryable: true });
  });

  it('may let go of the oldest instead', async () => {
    const server = await startServer();
    const alice = rookery(server, { autoConnect: false, queue: { maxMessages: 2, overflow: 'drop-oldest' } });
    const room = alice.room('r');
    const seen = collect(room);
    const joined = room.join();
    const publishes = range(1, 4).map((n) => outcomeOf(room.publish(n)));
    await alice.connect();
    await joined;
    expect(await Promise.all(publishes)).toMatchObject(['QUEUE_FULL', 'QUEUE_FULL', { offset: 1 }, { offset: 2 }]);
    expect(dataOf(seen)).toEqual([3, 4]);
  });

  it('lets go of what is given up before it was sent', async () => {
    const server = await startServer();
    const alice = rookery(server, { autoConnect: false });
    const room = alice.room('r');
    const seen = collect(room);
    const joined = room.join();
    const controller = new AbortController();
    const aborted = room.publish('aborted', { signal: controller.signal });
    const late = room.publish('late', { timeoutMs: 10, id: 'l' });
    const kept = room.publish('kept');
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED', retryable: false });
    await expect(late).rejects.toMatchObject({ code: 'TIMEOUT', retryable: true, details: { id: 'l' } });
    await alice.connect();
    await Promise.all([joined, kept]);
    expect(dataOf(seen)).toEqual(['kept']);
  });

  it('is emptied with CLOSED when the client is closed', async () => {
    const alice = rookery(NOWHERE);
    const waiting = outcomeOf(alice.room('r').publish(1));
    await alice.close();
    expect(await waiting).toBe('CLOSED');
  });
});
