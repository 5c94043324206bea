import { jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';

import { RedisCluster } from '../../../src/cluster/redis.cluster.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import { eventually } from '../../support/eventually.js';
import { TestRedis } from '../../support/redis.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { cleanUp } from '../../support/teardown.js';

let redis: TestRedis;

beforeAll(async () => {
  redis = await TestRedis.start();
});

afterAll(() => redis.remove());

async function startNodes(
  count: number,
  redisUrl = redis.url,
  redisPrefix: string = randomUUID(),
): Promise<RedisCluster[]> {
  const options = resolveOptions({ nodeEnv: 'test', redisUrl, redisPrefix });
  const nodes = Array.from({ length: count }, () => new RedisCluster(options));
  for (const node of nodes) {
    cleanUp(() => node.onApplicationShutdown());
    await node.onModuleInit();
  }
  for (const node of nodes) {
    await eventually(
      () => node.others().length,
      (others) => others === count - 1,
    );
  }
  return nodes;
}

describe('nodes over one Redis', () => {
  it('tell each other, in order', async () => {
    const [one, two, three] = await startNodes(3);
    const heard: Record<string, unknown[]> = { two: [], three: [] };
    two?.on('topic', (payload, from) => heard['two']?.push([payload, from]));
    three?.on('topic', (payload, from) => heard['three']?.push([payload, from]));
    one?.on('topic', () => (heard['itself'] = []));
    const said = Array.from({ length: 10 }, (_, n) => n);
    for (const n of said) one?.tell('topic', n);
    const expected = said.map((n) => [n, one?.nodeId]);
    await eventually(
      () => heard,
      ({ two: second, three: third }) => second?.length === said.length && third?.length === said.length,
    );
    expect(heard).toEqual({ two: expected, three: expected });
  });

  it('notice by its number that a word was lost, and only then', async () => {
    const [one, two] = await startNodes(2);
    let resumed = 0;
    one?.onResumed(() => (resumed += 1));
    const heard: unknown[] = [];
    one?.on('topic', (payload) => heard.push(payload));
    const [channel = ''] = (await redis.command('PUBSUB', 'SHARDCHANNELS', '*{nodes}:all')) as string[];
    const say = (n: number): Promise<unknown> =>
      redis.command(
        'SPUBLISH',
        channel,
        JSON.stringify({ from: 'ghost', kind: 'tell', topic: 'topic', payload: n, n }),
      );
    for (const n of [7, 8, 9]) await say(n);
    two?.tell('topic', 'done');
    await eventually(
      () => heard,
      (words) => words.length === 4,
    );
    expect(resumed).toBe(0);
    await say(11);
    await eventually(
      () => resumed,
      (times) => times === 1,
    );
  });

  it('answer each other’s questions', async () => {
    const [one, two, three] = await startNodes(3);
    two?.on('sum', (numbers) => (numbers as number[]).reduce((sum, n) => sum + n, 0));
    three?.on('sum', async () => Promise.resolve(-1));
    const { answers, partial } = await (one?.ask('sum', [1, 2, 3]) ?? Promise.reject(new Error('no node')));
    expect(partial).toBe(false);
    expect(new Map(answers.map(({ node, answer }) => [node, answer]))).toEqual(
      new Map([
        [two?.nodeId, 6],
        [three?.nodeId, -1],
      ]),
    );
  });

  it('say when an answer is missing', async () => {
    const [one, two] = await startNodes(2);
    two?.on('never', () => new Promise(() => undefined));
    expect(await one?.ask('never', null)).toEqual({ answers: [], partial: true, gone: [] });
    expect(await one?.ask('unheard of', null)).toEqual({ answers: [], partial: true, gone: [] });
  });

  it('notice at once who says goodbye', async () => {
    const [one, two] = await startNodes(2);
    const gone: string[] = [];
    one?.onNodeGone((node) => gone.push(node));
    two?.beforeApplicationShutdown();
    await eventually(
      () => gone,
      ([node]) => node === two?.nodeId,
    );
    expect(one?.others()).toEqual([]);
    expect(await one?.ask('anything', null)).toEqual({ answers: [], partial: false, gone: [] });
  });

  it('lose one that is silent, though something of their own is always on its way', async () => {
    const proxy = await TcpProxy.start(redis.port);
    const [one, two] = await startNodes(2, `redis://127.0.0.1:${proxy.port}`);
    const gone: string[] = [];
    one?.onNodeGone((node) => gone.push(node));
    const talking = setInterval(() => one?.tell('topic', null), 20);
    const late = setInterval(() => {
      proxy.thaw();
      setTimeout(() => proxy.freeze(), 10);
    }, 100);
    cleanUp(() => [talking, late].forEach(clearInterval));
    two?.onApplicationShutdown();
    await eventually(
      () => gone,
      ([node]) => node === two?.nodeId,
    );
    expect(one?.others()).toEqual([]);
  });

  it('hear of each other again after their connections were cut, and know that word was lost', async () => {
    const [one, two] = await startNodes(2);
    const heard: unknown[] = [];
    let resumed = 0;
    one?.on('topic', (payload) => heard.push(payload));
    one?.onResumed(() => (resumed += 1));
    await redis.cutConnections();
    await eventually(
      () => {
        two?.tell('topic', 'again');
        return heard.length;
      },
      (count) => count > 0,
    );
    // By the connection that is back; and by a word that is missing, if one was on its way just then.
    expect([1, 2]).toContain(resumed);
    expect(one?.others()).toEqual([two?.nodeId]);
  });

  it('keep what all are to know, though the clock of one of them was hours ahead', async () => {
    const prefix = randomUUID();
    const HOUR_MS = 3_600_000;
    const [one] = await startNodes(1, redis.url, prefix);
    await one?.remember('revoked', 7, HOUR_MS);
    const now = Date.now.bind(Date);
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => now() + 5 * HOUR_MS);
    cleanUp(() => clock.mockRestore());
    await one?.remember('other', 1, HOUR_MS);
    clock.mockRestore();
    one?.onApplicationShutdown();

    const [two] = await startNodes(1, redis.url, prefix);
    expect(
      await eventually(
        () => two?.recall('revoked'),
        (value) => value !== undefined,
      ),
    ).toBe(7);
  });
});
