import { connect, connectAgain, join } from '../support/client.js';
import { publishSafely, readiness, ready, startNodes } from '../support/cluster.js';
import { BUSY_MS, eventually } from '../support/eventually.js';
import { gapOf, positionOf, startCluster, upTo } from '../support/pair-of-nodes.js';
import { startRedis, type RedisSettings } from '../support/redis.js';

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
