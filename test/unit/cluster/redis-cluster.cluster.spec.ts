import { RedisCluster } from '../../../src/cluster/redis.cluster.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import { eventually } from '../../support/eventually.js';
import { TestRedisCluster } from '../../support/redis-cluster.js';
import { cleanUp } from '../../support/teardown.js';

let redis: TestRedisCluster;

beforeAll(async () => {
  redis = await TestRedisCluster.start();
});

afterAll(() => redis.remove());

async function startNode(): Promise<RedisCluster> {
  const node = new RedisCluster(resolveOptions({ nodeEnv: 'test', redisUrl: redis.url, redisCluster: true }));
  cleanUp(() => node.onApplicationShutdown());
  await node.onModuleInit();
  return node;
}

describe('nodes over a Redis Cluster', () => {
  it('count together, and hand over what is collected once', async () => {
    const [one, two] = [await startNode(), await startNode()];
    for (const node of [one, two]) {
      await eventually(
        () => node.others().length,
        (count) => count === 1,
      );
    }
    const [counts, others] = [one.counts('users', 2), two.counts('users', 2)];
    // Names enough to be on each of the servers.
    for (let n = 0; n < 20; n += 1) {
      const name = `user${n}`;
      expect([await counts.take(name), await others.take(name), await counts.take(name)]).toEqual([true, true, false]);
      others.give(name);
      await eventually(
        () => counts.take(name),
        (taken) => taken,
      );
      await one.deposit(name, 'text', 10_000);
      expect([await two.collect(name), await one.collect(name)]).toEqual(['text', undefined]);
    }
  });
});
