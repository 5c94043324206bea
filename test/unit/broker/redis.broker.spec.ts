import { randomUUID } from 'node:crypto';

import { resolveOptions } from '../../../src/config/resolve-options.js';
import { RoomRules } from '../../../src/config/room-rules.js';
import type { RookeryOptions } from '../../../src/config/rookery.options.js';
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

async function startBroker(options: RookeryOptions, rules: RoomRules): Promise<RedisBroker> {
  const settings = { redisUrl: redis.url, redisPrefix: randomUUID(), redisTimeoutMs: 20_000 };
  const broker = new RedisBroker(Object.assign(options, settings), rules);
  cleanUp(() => broker.onApplicationShutdown());
  await broker.onModuleInit();
  // On a busy machine it may take longer than a start waits for it.
  await eventually(() => broker.isReady(), Boolean);
  return broker;
}

brokerContract('RedisBroker', startBroker);

describe('RedisBroker', () => {
  it('enters all rooms of one turn with one subscription and one script', async () => {
    const options = resolveOptions({ nodeEnv: 'test' });
    const broker = await startBroker(options, new RoomRules(options));
    // The first one has Redis load the script.
    await broker.subscribe('first');
    const before = await redis.calls('ssubscribe', 'evalsha');
    const rooms = Array.from({ length: 40 }, (_none, index) => `r${index}`);
    const positions = await Promise.all(rooms.map((room) => broker.subscribe(room)));
    const after = await redis.calls('ssubscribe', 'evalsha');
    expect(positions.map(({ offset }) => offset)).toEqual(rooms.map(() => 0));
    expect(after.map((calls, index) => calls - (before[index] ?? 0))).toEqual([1, 1]);
  });

  it('does not stay subscribed to a room that is entered and left in one turn', async () => {
    const options = resolveOptions({ nodeEnv: 'test' });
    const broker = await startBroker(options, new RoomRules(options));
    const entered = broker.subscribe('brief').catch(() => undefined);
    broker.unsubscribe('brief');
    await entered;
    const channels = (await redis.command('PUBSUB', 'SHARDCHANNELS', '*{brief}*')) as string[];
    expect(channels).toEqual([]);
  });
});
