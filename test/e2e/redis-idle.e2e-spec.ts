import { join } from '../support/client.js';
import { NODE_OPTIONS, startNodes } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/server.js';
import { publishUndelivered } from '../support/undelivered.js';

/** A node finds nothing by comparing during a test. */
const NEVER_MS = 3_600_000;

async function oneNode(redis: TestRedis): Promise<TestServer> {
  const [node] = await startNodes(redis, 1);
  if (node === undefined) throw new Error('a node');
  return node;
}

/** How often Redis has been asked for something. */
async function calls(redis: TestRedis, command: string): Promise<number> {
  const info = String(await redis.command('INFO', 'commandstats'));
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}

describe('rooms over Redis to which nothing is published', () => {
  it('have no key, with members and after them', async () => {
    const redis = await startRedis();
    const node = await oneNode(redis);
    const rooms = Array.from({ length: 50 }, (_, index) => `r${index}`);
    const member = await join(node, {}, ...rooms);
    await member.request('room:message', { room: 'r1', data: 1, volatile: true });
    await member.request('history', { room: 'r2' });
    const keysOf = async () => ((await redis.command('KEYS', '*{*')) as string[]).filter((key) => key.includes('{r'));
    expect(await keysOf()).toEqual([]);
    await member.request('room:message', { room: 'r3', data: 1 });
    expect((await keysOf()).toSorted()).toContain('rookery{r3}:m');
    await member.close();
    await join(node, {}, 'r4');
    expect((await keysOf()).filter((key) => !key.includes('{r3}'))).toEqual([]);
  });

  it('keep the epoch that members were told when their first message is published at another node', async () => {
    const redis = await startRedis();
    const [one, two] = await startNodes(redis, 2);
    if (one === undefined || two === undefined) throw new Error('two nodes');
    const member = await join(one);
    const { payload } = await member.request('join', 'r');
    const published = await (await join(two)).request('room:message', { room: 'r', data: 1 });
    expect(published.payload).toMatchObject({ epoch: payload.epoch, offset: 1 });
    expect((await member.next('room:message')).payload).toMatchObject({ data: 1, offset: 1 });
    expect(member.takeAll('room:gap')).toEqual([]);
  });

  it('begin another epoch when they were forgotten, so that nobody takes new messages for the next ones', async () => {
    const redis = await startRedis();
    const [node] = await startNodes(redis, 1, { positionTtlMs: 50, historyTtlMs: 50 });
    if (node === undefined) throw new Error('a node');
    const publisher = await join(node);
    const { payload: first } = await publisher.request('room:message', { room: 'r', data: 1 });
    await eventually(
      () => redis.command('EXISTS', 'rookery{r}:m'),
      (count) => count === 0,
    );
    await eventually(
      () => redis.command('EXISTS', 'rookery:unused'),
      (count) => count === 0,
    );
    const { payload: second } = await publisher.request('room:message', { room: 'r', data: 2 });
    expect(second.epoch).not.toBe(first.epoch);
  });
});

describe('rooms over Redis to which nothing was published lately', () => {
  it('are compared with Redis bit by bit', async () => {
    const redis = await startRedis();
    const [node] = await startNodes(redis, 1, { rateLimit: 0 });
    if (node === undefined) throw new Error('a node');
    const rooms = Array.from({ length: 300 }, (_, index) => `r${index}`);
    for (const part of [rooms.slice(0, 100), rooms.slice(100, 200), rooms.slice(200)]) {
      const member = await join(node, {}, ...part);
      for (const room of part) await member.request('room:message', { room, data: 1 });
    }
    const intervals = async (count: number): Promise<number> => {
      // A node sends a ping at each interval.
      const before = await calls(redis, 'ping');
      const after = await eventually(
        () => calls(redis, 'ping'),
        (pings) => pings >= before + count,
      );
      return after - before;
    };
    await intervals(20);
    const before = await calls(redis, 'hmget');
    const passed = await intervals(30);
    const compared = (await calls(redis, 'hmget')) - before;
    expect(compared).toBeGreaterThanOrEqual(300);
    expect(compared / passed).toBeLessThan(100);
  });
});

describe('a receipt over Redis', () => {
  it('is taken for a message that was acknowledged before its delivery has arrived, and not for a later one', async () => {
    const redis = await startRedis();
    const node = await startServer({ ...NODE_OPTIONS, redisUrl: redis.url, redisCheckIntervalMs: NEVER_MS });
    const member = await join(node);
    const { payload } = await member.request('join', 'r');
    const { epoch } = payload as { epoch: string };
    await publishUndelivered(redis, 'r', '"first"');
    const receipt = { room: 'r', epoch, offset: 1 };
    expect(await member.request('ack', receipt)).toMatchObject({ type: 'ack', payload: receipt });
    const refusal = { type: 'error', payload: { code: 'INVALID_PAYLOAD' } };
    expect(await member.request('ack', { ...receipt, offset: 2 })).toMatchObject(refusal);
    expect(await member.request('ack', { ...receipt, epoch: 'another' })).toMatchObject(refusal);
  });
});
