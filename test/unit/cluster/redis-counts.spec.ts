import { randomUUID } from 'node:crypto';

import * as fc from 'fast-check';

import { CommandQueue } from '../../../src/broker/redis/command-queue.js';
import { createRedisClient, type RedisClient } from '../../../src/broker/redis/redis-client.js';
import { RedisCounts } from '../../../src/cluster/redis-counts.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import { BUSY_MS, eventually } from '../../support/eventually.js';
import { TestRedis } from '../../support/redis.js';
import { cleanUp } from '../../support/teardown.js';

const TIMEOUT_MS = 500;
const BOUND = 3;

let redis: TestRedis;

beforeAll(async () => {
  redis = await TestRedis.start();
});

afterAll(() => redis.remove());

interface Node {
  readonly counts: RedisCounts;
  readonly client: RedisClient;
  /** The others, as far as it knows. */
  alive: string[];
}

/** Nodes that count together; who is alive is the test's to say. */
async function startNodes(
  names: readonly string[],
  redisTimeoutMs = TIMEOUT_MS,
): Promise<{ nodes: Node[]; prefix: string }> {
  const options = resolveOptions({ nodeEnv: 'test', redisUrl: redis.url, redisTimeoutMs });
  const prefix = randomUUID();
  const nodes: Node[] = [];
  for (const nodeId of names) {
    const client = createRedisClient(options, 'test');
    client.on('error', () => undefined);
    cleanUp(() => client.disconnect());
    await client.connect();
    const commands = new CommandQueue(client, redisTimeoutMs, () => true, 'debug');
    const alive = names.filter((name) => name !== nodeId);
    const node: Node = {
      client,
      alive,
      counts: new RedisCounts({ nodeId, others: () => node.alive }, commands, prefix, BOUND),
    };
    nodes.push(node);
  }
  return { nodes, prefix };
}

async function twoNodes(): Promise<{ one: Node; two: Node; prefix: string }> {
  const { nodes, prefix } = await startNodes(['one', 'two']);
  const [one, two] = nodes;
  if (one === undefined || two === undefined) throw new Error('two nodes');
  return { one, two, prefix };
}

const entries = async (prefix: string): Promise<Record<string, string>> => {
  const fields = (await redis.command('HGETALL', `${prefix}:u`)) as string[];
  return Object.fromEntries(
    fields.flatMap((name, index) => (index % 2 === 0 ? [[name, fields[index + 1] ?? '']] : [])),
  );
};

/** Resolves when the node's entry says so; `undefined` for none. */
async function untilWritten(prefix: string, node: string, count: number | undefined): Promise<void> {
  await eventually(
    async () => (await entries(prefix))[node]?.split(' ')[0],
    (written) => written === (count === undefined ? undefined : String(count)),
  );
}

describe('counts over nodes', () => {
  it('never go over the bound, and have room for all that was given back', async () => {
    const { nodes, prefix } = await startNodes(['a', 'b', 'c'], BUSY_MS);
    const step = fc.record({ node: fc.nat({ max: 2 }), name: fc.constantFrom('u', 'v'), gives: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, waits) => {
        const held = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()] as const;
        const heldOf = (name: string): number => held.reduce((sum, counts) => sum + (counts.get(name) ?? 0), 0);
        const takes: Promise<void>[] = [];
        let most = 0;
        for (const { node, name, gives } of steps) {
          const counts = held[node];
          const has = counts?.get(name) ?? 0;
          if (gives && has > 0) {
            nodes[node]?.counts.give(name);
            counts?.set(name, has - 1);
          } else if (!gives) {
            const take = async (): Promise<void> => {
              if (await nodes[node]?.counts.take(name)) counts?.set(name, (counts.get(name) ?? 0) + 1);
              most = Math.max(most, heldOf(name));
            };
            takes.push(take());
            if (waits) await takes.at(-1);
          }
        }
        await Promise.all(takes);
        expect(most).toBeLessThanOrEqual(BOUND);
        for (const [index, counts] of held.entries()) {
          for (const [name, count] of counts) for (let n = 0; n < count; n += 1) nodes[index]?.counts.give(name);
        }
        await eventually(
          () => redis.command('EXISTS', `${prefix}:u`, `${prefix}:v`),
          (count) => count === 0,
        );
        for (let n = 0; n < BOUND; n += 1) expect(await nodes[n]?.counts.take('u')).toBe(true);
        expect(await nodes[0]?.counts.take('u')).toBe(false);
        for (let n = 0; n < BOUND; n += 1) nodes[n]?.counts.give('u');
        await eventually(
          () => redis.command('EXISTS', `${prefix}:u`),
          (count) => count === 0,
        );
      }),
      { numRuns: 40 },
    );
  });

  it('are asked for all names of one turn by one script', async () => {
    const { one, two } = await twoNodes();
    // The first one has Redis load the script.
    await one.counts.take('u');
    const [before = 0] = await redis.calls('evalsha');
    const takes = ['u', 'u', 'u', 'v', 'w'].map(async (name) => two.counts.take(name));
    expect(await Promise.all(takes)).toEqual([true, true, false, true, true]);
    const [after = 0] = await redis.calls('evalsha');
    // What was not taken is written down once more.
    expect(after - before).toBeLessThanOrEqual(2);
  });

  it('do not count what a node had that is gone, nor what could not be known of for long', async () => {
    const { one, two, prefix } = await twoNodes();
    for (let n = 0; n < BOUND; n += 1) expect(await one.counts.take('u')).toBe(true);
    expect(await two.counts.take('u')).toBe(false);
    two.alive = [];
    expect(await two.counts.take('u')).toBe(true);
    await untilWritten(prefix, 'two', 1);
    // It was not dead: from now on it is counted again.
    two.alive = ['one'];
    expect(await two.counts.take('u')).toBe(false);
    await redis.command('HSET', `${prefix}:u`, 'one', `${BOUND} 1`);
    expect(await two.counts.take('u')).toBe(true);
    expect(await entries(prefix)).not.toHaveProperty('one');
  });

  it('fall back to a node’s own where Redis does not answer in time, and are put right when it does', async () => {
    const { one, two, prefix } = await twoNodes();
    for (let n = 0; n < BOUND; n += 1) await one.counts.take('u');
    redis.pause();
    const startedAt = performance.now();
    expect(await Promise.all([two.counts.take('u'), two.counts.take('u')])).toEqual([true, true]);
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + BUSY_MS);
    one.counts.give('u');
    await eventually(
      () => one.client.status,
      (status) => status !== 'ready',
    );
    redis.resume();
    for (const { client } of [one, two]) {
      await eventually(
        () => client.status,
        (status) => status === 'ready',
      );
    }
    for (const { counts } of [one, two]) counts.refresh(performance.now());
    await untilWritten(prefix, 'one', 2);
    await untilWritten(prefix, 'two', 2);
    expect(await one.counts.take('u')).toBe(false);
  });

  it('are written anew when Redis has lost them, and in time before they expire', async () => {
    const { one, prefix } = await twoNodes();
    await one.counts.take('u');
    await untilWritten(prefix, 'one', 1);
    await redis.command('FLUSHALL');
    one.counts.writeAllAgain();
    one.counts.refresh(performance.now());
    await untilWritten(prefix, 'one', 1);
    const ttlMs = Number(await redis.command('PTTL', `${prefix}:u`));
    expect(ttlMs).toBeGreaterThan(0);
    await redis.command('DEL', `${prefix}:u`);
    // Half its time is over: more than a node lets pass.
    one.counts.refresh(performance.now() + ttlMs / 2);
    await untilWritten(prefix, 'one', 1);
    one.counts.give('u');
    await untilWritten(prefix, 'one', undefined);
    expect(await redis.command('EXISTS', `${prefix}:u`)).toBe(0);
  });
});
