import { randomUUID } from 'node:crypto';

import { RedisBroker } from '../../../src/broker/redis/redis.broker.js';
import { brokerContract } from '../../contract/broker.contract.js';
import { eventually } from '../../support/eventually.js';
import { TestRedis } from '../../support/redis.js';
import { cleanUp } from '../../support/teardown.js';

let redis: TestRedis;

beforeAll(async () => {
  redis = await TestRedis.start();
});

afterAll(() => redis.remove());

brokerContract('RedisBroker', async (options, rules) => {
  const settings = { redisUrl: redis.url, redisPrefix: randomUUID(), redisTimeoutMs: 20_000 };
  const broker = new RedisBroker(Object.assign(options, settings), rules);
  cleanUp(() => broker.onApplicationShutdown());
  await broker.onModuleInit();
  // On a busy machine it may take longer than a start waits for it.
  await eventually(() => broker.isReady(), Boolean);
  return broker;
});
