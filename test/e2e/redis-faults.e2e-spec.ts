import { cpSync, rmSync } from 'node:fs';
import { join as path } from 'node:path';

import type { Position } from '../../src/protocol/position.js';
import { connect, connectAgain, join, type Frame, type TestClient } from '../support/client.js';
import { publishSafely, readiness, ready, startNodes } from '../support/cluster.js';
import { BUSY_MS, eventually } from '../support/eventually.js';
import { startRedis, type RedisSettings, type TestRedis } from '../support/redis.js';
import type { TestServer } from '../support/server.js';

interface Cluster {
  readonly redis: TestRedis;
  readonly one: TestServer;
  readonly two: TestServer;
  /** In room `r`, one on each node. */
  readonly members: readonly [TestClient, TestClient];
  readonly publisher: TestClient;
}

async function startCluster(settings: RedisSettings = {}): Promise<Cluster> {
  const redis = await startRedis(settings);
  const [one, two] = await startNodes(redis, 2);
  if (one === undefined || two === undefined) throw new Error('two nodes');
  const members = [
    await join(one, { claims: { sub: 'm1' } }, 'r'),
    await join(two, { claims: { sub: 'm2' } }, 'r'),
  ] as const;
  return { redis, one, two, members, publisher: await join(one, { claims: { sub: 'p' } }) };
}

/** Waits for a message with these data, and returns the data of all up to it. */
async function upTo(client: TestClient, data: unknown): Promise<unknown[]> {
  await eventually(
    () => client.queue.some(({ type, payload }) => type === 'room:message' && payload.data === data),
    Boolean,
  );
  return client.takeAll('room:message').map(({ payload }) => payload.data as unknown);
}

/** What is said of `r`: the rooms of the server's own have their epochs too. */
function gapOf(client: TestClient): Promise<Frame> {
  return client.nextWhere(({ type, payload }) => type === 'room:gap' && payload.room === 'r', 'a gap in the room');
}

async function positionOf(client: TestClient): Promise<Position> {
  const { epoch, offset } = (await client.request('join', 'r')).payload as Position;
  return { epoch, offset };
}

/** What a promotion of a replica that was behind comes to: a state that once was, in another run. */
async function loseTheEnd(
  { redis, publisher, members }: Cluster,
  meanwhile: () => unknown = () => undefined,
): Promise<{ before: Position; after: Position }> {
  const [member] = members;
  for (const n of [1, 2]) await publishSafely(publisher, 'r', n, `i${n}`);
  await upTo(member, 2);
  const before = await positionOf(member);
  const copy = path(redis.directory, 'copy');
  cpSync(path(redis.directory, 'appendonlydir'), copy, { recursive: true });
  for (const n of [3, 4, 5]) await publishSafely(publisher, 'r', n, `i${n}`);
  await upTo(member, 5);
  const after = await positionOf(member);
  await redis.kill();
  rmSync(path(redis.directory, 'appendonlydir'), { recursive: true });
  cpSync(copy, path(redis.directory, 'appendonlydir'), { recursive: true });
  await meanwhile();
  if (!redis.isRunning) await redis.launch();
  return { before, after };
}

describe('when Redis is paused', () => {
  it('connections stay, publishing fails in time and can be repeated, and readiness says why', async () => {
    const { redis, one, two, members, publisher } = await startCluster();
    await publishSafely(publisher, 'r', 1, 'first');
    redis.pause();
    const startedAt = performance.now();
    const refused = await publisher.request('room:message', { room: 'r', data: 2, id: 'second' });
    expect(refused).toMatchObject({ type: 'error', payload: { code: 'UNAVAILABLE' } });
    // The time that Redis has, and what a busy machine adds.
    expect(performance.now() - startedAt).toBeLessThan(1000 + BUSY_MS);
    const { broker } = await eventually(
      () => readiness(one),
      ({ status }) => status === 503,
    );
    expect(broker).toMatchObject({ status: 'down', message: expect.stringContaining('Redis') });
    for (const member of members) await member.settle();
    redis.resume();
    await ready(one, two);
    await publishSafely(publisher, 'r', 2, 'second');
    await publishSafely(publisher, 'r', 3, 'third');
    for (const member of members) expect(await upTo(member, 3)).toEqual([1, 2, 3]);
    for (const member of members) expect(member.takeAll('room:gap')).toEqual([]);
  });
});

describe('when connections to Redis are cut', () => {
  it('members get what was published meanwhile, without being asked', async () => {
    const { redis, members, publisher } = await startCluster();
    for (let n = 1; n <= 20; n += 1) {
      if (n % 5 === 0) await redis.cutConnections();
      await publishSafely(publisher, 'r', n, `i${n}`);
    }
    const all = Array.from({ length: 20 }, (_, n) => n + 1);
    for (const member of members) expect(await upTo(member, 20)).toEqual(all);
    for (const member of members) expect(member.takeAll('room:gap')).toEqual([]);
  });
});

/** Keeps whatever it has acknowledged, even when it is killed in the same moment. */
const lossless: RedisSettings = { persistent: true, config: { appendfsync: 'always' } };

describe('when Redis restarts with its data', () => {
  it('members go on with nothing lost or twice, and learn the new epoch', async () => {
    const { redis, one, two, members, publisher } = await startCluster(lossless);
    await publishSafely(publisher, 'r', 1, 'i1');
    for (const member of members) expect(await upTo(member, 1)).toEqual([1]);
    await redis.restart();
    await ready(one, two);
    const again = await publishSafely(publisher, 'r', 1, 'i1');
    expect(again.payload).toMatchObject({ duplicate: true });
    await publishSafely(publisher, 'r', 2, 'i2');
    for (const member of members) {
      const gap = await gapOf(member);
      expect(gap.payload).toMatchObject({ offset: 1, reason: 'epoch', recovered: true });
      expect(await upTo(member, 2)).toEqual([2]);
      expect(await positionOf(member)).toEqual({ epoch: gap.payload.epoch, offset: 2 });
    }
  });

  it('a client that was away recovers from before, over several restarts', async () => {
    const { redis, one, two, members, publisher } = await startCluster(lossless);
    await publishSafely(publisher, 'r', 1, 'i1');
    const [member] = members;
    await upTo(member, 1);
    const position = await positionOf(member);
    await member.close();
    for (let n = 2; n <= 4; n += 1) {
      await redis.restart();
      await ready(one, two);
      await publishSafely(publisher, 'r', n, `i${n}`);
    }
    const back = await connectAgain(two, { claims: { sub: 'm1' } });
    const joined = await back.request('join', { room: 'r', recover: position });
    expect(joined.payload).toMatchObject({ recovered: true, offset: 1 });
    expect(joined.payload.epoch).not.toBe(position.epoch);
    expect(await upTo(back, 4)).toEqual([2, 3, 4]);
  });
});

describe('when Redis restarts empty', () => {
  it('nodes give back a room whose messages they have all seen', async () => {
    const { redis, one, two, members, publisher } = await startCluster();
    for (const n of [1, 2]) await publishSafely(publisher, 'r', n, `i${n}`);
    const [member] = members;
    await upTo(member, 2);
    const position = await positionOf(member);
    await redis.restart();
    await ready(one, two);
    await publishSafely(publisher, 'r', 3, 'i3');
    expect(await upTo(member, 3)).toEqual([3]);
    for (const { payload } of member.takeAll('room:gap')) expect(payload).toMatchObject({ recovered: true });
    const back = await connectAgain(two);
    const joined = await back.request('join', { room: 'r', recover: { ...position, offset: 1 } });
    expect(joined.payload).toMatchObject({ recovered: true });
    expect(await upTo(back, 3)).toEqual([2, 3]);
  });

  it('a room that no node remembers begins anew, and nobody recovers what is gone', async () => {
    const { redis, one, two, members, publisher } = await startCluster();
    await publishSafely(publisher, 'r', 1, 'i1');
    const [member] = members;
    await upTo(member, 1);
    const position = await positionOf(member);
    await Promise.all([one.stop(), two.stop()]);
    await redis.restart();
    const [fresh] = await startNodes(redis, 1);
    if (fresh === undefined) throw new Error('a node');
    await publishSafely(await join(fresh), 'r', 2, 'i2');
    const back = await connectAgain(fresh);
    const joined = await back.request('join', { room: 'r', recover: position });
    expect(joined.payload).toMatchObject({ recovered: false, reason: 'epoch', offset: 0 });
    expect(await upTo(back, 2)).toEqual([2]);
  });
});

describe('when everything is deleted while Redis runs', () => {
  it('members are told, and it stays deleted', async () => {
    const { redis, two, members, publisher } = await startCluster();
    await publishSafely(publisher, 'r', 1, 'i1');
    const [member] = members;
    await upTo(member, 1);
    const position = await positionOf(member);
    await redis.command('FLUSHALL');
    for (const each of members) {
      const { payload } = await gapOf(each);
      expect(payload).toMatchObject({ offset: 0, reason: 'epoch' });
      expect(payload.epoch).not.toBe(position.epoch);
      expect(payload).not.toHaveProperty('recovered');
    }
    await publishSafely(publisher, 'r', 2, 'i2');
    for (const each of members) expect(await upTo(each, 2)).toContain(2);
    const back = await connectAgain(two);
    const joined = await back.request('join', { room: 'r', recover: position });
    expect(joined.payload).toMatchObject({ recovered: false, reason: 'epoch', offset: 0 });
    expect(await upTo(back, 2)).toEqual([2]);
  });
});

describe('when Redis comes back without the end of the history', () => {
  it('nodes give back what they have seen, under the numbers that it had', async () => {
    const cluster = await startCluster({ persistent: true });
    const { one, two, members, publisher } = cluster;
    const { before, after } = await loseTheEnd(cluster);
    await ready(one, two);
    for (const n of [6, 7]) await publishSafely(publisher, 'r', n, `i${n}`);
    const [first, second] = members;
    expect(await upTo(first, 7)).toEqual([6, 7]);
    expect(await upTo(second, 7)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    for (const member of members) {
      for (const { payload } of member.takeAll('room:gap')) expect(payload).toMatchObject({ recovered: true });
    }
    for (const position of [before, after]) {
      const back = await connectAgain(two);
      const joined = await back.request('join', { room: 'r', recover: position });
      expect(joined.payload).toMatchObject({ recovered: true, offset: position.offset });
      expect((await upTo(back, 7)).length).toBe(7 - position.offset);
    }
  });

  it('ids of what is given back are remembered with it', async () => {
    const cluster = await startCluster({ persistent: true });
    const { one, two, publisher } = cluster;
    const { after } = await loseTheEnd(cluster);
    await ready(one, two);
    expect((await publishSafely(publisher, 'r', 5, 'i5')).payload).toMatchObject({ ...after, duplicate: true });
  });

  it('a publish right after it waits for what nodes give back', async () => {
    const cluster = await startCluster({ persistent: true });
    const { redis, two, publisher } = cluster;
    // Sent again and again while Redis comes back: it gets there before anything is compared.
    const impatient = (): Promise<unknown> => Promise.all([publishSafely(publisher, 'r', 6, 'i6'), redis.launch()]);
    const { before } = await loseTheEnd(cluster, impatient);
    await publishSafely(publisher, 'r', 7, 'i7');
    await ready(two);
    const back = await connectAgain(two, { claims: { sub: 'away' } });
    const joined = await back.request('join', { room: 'r', recover: before });
    expect(joined.payload).toMatchObject({ recovered: true });
    expect(await upTo(back, 7)).toEqual([3, 4, 5, 6, 7]);
  });

  it('a whole epoch that is lost is given back, too', async () => {
    const cluster = await startCluster({ persistent: true });
    const { redis, one, two, members, publisher } = cluster;
    const [member] = members;
    await publishSafely(publisher, 'r', 1, 'i1');
    await upTo(member, 1);
    const before = await positionOf(member);
    const files = path(redis.directory, 'appendonlydir');
    const copy = path(redis.directory, 'copy');
    await redis.kill();
    cpSync(files, copy, { recursive: true });
    await redis.launch();
    await ready(one, two);
    // Redis has it in an epoch of its own, and loses it together with that.
    await publishSafely(publisher, 'r', 2, 'i2');
    for (const each of members) await upTo(each, 2);
    await redis.kill();
    rmSync(files, { recursive: true });
    cpSync(copy, files, { recursive: true });
    await redis.launch();
    await ready(one, two);
    await publishSafely(publisher, 'r', 3, 'i3');
    for (const each of members) await upTo(each, 3);
    const back = await connectAgain(two, { claims: { sub: 'away' } });
    const joined = await back.request('join', { room: 'r', recover: before });
    expect(joined.payload).toMatchObject({ recovered: true });
    expect(await upTo(back, 3)).toEqual([2, 3]);
  });

  it('where no node remembers it, a position beyond goes on where the histories part, and one before is recovered', async () => {
    const cluster = await startCluster({ persistent: true });
    const { redis, one, two } = cluster;
    const { before, after } = await loseTheEnd(cluster, () => Promise.all([one.stop(), two.stop()]));
    const [fresh] = await startNodes(redis, 1);
    if (fresh === undefined) throw new Error('a node');
    const publisher = await join(fresh);
    for (const n of [6, 7, 8, 9]) await publishSafely(publisher, 'r', n, `j${n}`);
    const back = await connectAgain(fresh);
    const joined = await back.request('join', { room: 'r', recover: after });
    expect(joined.payload).toMatchObject({ recovered: false, reason: 'epoch', offset: before.offset });
    expect(await upTo(back, 9)).toEqual([6, 7, 8, 9]);
    const earlier = await connectAgain(fresh);
    const rejoined = await earlier.request('join', { room: 'r', recover: before });
    expect(rejoined.payload).toMatchObject({ recovered: true, offset: before.offset });
    expect(await upTo(earlier, 9)).toEqual([6, 7, 8, 9]);
  });
});

describe('without Redis at the start', () => {
  it('a node starts, sends clients away, is not ready, and is when Redis comes', async () => {
    const redis = await startRedis();
    await redis.kill();
    const [one] = await startNodes(redis, 1);
    if (one === undefined) throw new Error('a node');
    expect(await readiness(one)).toMatchObject({ status: 503, broker: { status: 'down' } });
    await expect(connect(one)).rejects.toMatchObject({
      status: 503,
      headers: { 'retry-after': '2' },
      body: { code: 'UNAVAILABLE', message: 'The broker cannot be reached' },
    });
    await redis.launch();
    await ready(one);
    const member = await join(one, {}, 'r');
    await publishSafely(await join(one), 'r', 1, 'i');
    expect(await upTo(member, 1)).toEqual([1]);
  });
});
