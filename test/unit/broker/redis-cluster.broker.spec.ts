import { randomUUID } from 'node:crypto';

import { RedisBroker } from '../../../src/broker/redis/redis.broker.js';
import { brokerContract } from '../../contract/broker.contract.js';
import { startRedisCluster, type TestRedis } from '../../support/redis.js';
import { cleanUp } from '../../support/teardown.js';

let servers: readonly TestRedis[];

beforeAll(async () => {
  servers = await startRedisCluster();
}, 60_000);

afterAll(() => Promise.all(servers.map((server) => server.remove())));

brokerContract('RedisBroker on a cluster', async (options, rules) => {
  const redisUrl = servers[0]?.url ?? '';
  const broker = new RedisBroker(
    Object.assign(options, { redisUrl, redisCluster: true, redisPrefix: randomUUID() }),
    rules,
  );
  cleanUp(() => broker.onApplicationShutdown());
  await broker.onModuleInit();
  return broker;
});
