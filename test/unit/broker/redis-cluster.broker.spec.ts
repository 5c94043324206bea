import { randomUUID } from 'node:crypto';

import { RedisBroker } from '../../../src/broker/redis/redis.broker.js';
import { brokerContract } from '../../contract/broker.contract.js';
import { eventually } from '../../support/eventually.js';
import { TestRedisCluster } from '../../support/redis-cluster.js';
import { cleanUp } from '../../support/teardown.js';

let cluster: TestRedisCluster;

beforeAll(async () => {
  cluster = await TestRedisCluster.start();
});

afterAll(() => cluster.remove());

brokerContract('RedisBroker on a cluster', async (options, rules) => {
  const redis = { redisUrl: cluster.url, redisCluster: true, redisPrefix: randomUUID(), redisTimeoutMs: 20_000 };
  const broker = new RedisBroker(Object.assign(options, redis), rules);
  cleanUp(() => broker.onApplicationShutdown());
  await broker.onModuleInit();
  // On a busy machine it may take longer than a start waits for it.
  await eventually(() => broker.isReady(), Boolean);
  return broker;
});
