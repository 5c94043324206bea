import { keySlot } from '../../../src/broker/redis/key-slot.js';
import { RoomKeys } from '../../../src/broker/redis/room-keys.js';
import { TestRedis } from '../../support/redis.js';

describe('keySlot', () => {
  let redis: TestRedis;

  beforeAll(async () => {
    redis = await TestRedis.start({ config: { 'cluster-enabled': 'yes' } });
  });

  afterAll(() => redis.remove());

  it.each([
    '',
    'a',
    '123456789',
    'a{b}c',
    'a{}c',
    'a{b',
    'a}b{c}d',
    '{{a}}',
    'a{b}{c}',
    'Zürich 🐦 {ü}',
    '\u0000',
    'x'.repeat(999),
  ])('agrees with Redis on %j', async (key) => {
    expect(keySlot(key)).toBe(await redis.command('CLUSTER', 'KEYSLOT', key));
  });

  it('gives each slot of a cluster its own key for rooms without a message', async () => {
    const keys = new RoomKeys('rookery', true);
    for (const slot of [0, 1, 5460, 16_383]) {
      expect(await redis.command('CLUSTER', 'KEYSLOT', keys.unused(slot))).toBe(slot);
    }
  });
});
