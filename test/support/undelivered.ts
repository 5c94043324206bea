import { RoomKeys } from '../../src/broker/redis/room-keys.js';
import { PUBLISH } from '../../src/broker/redis/scripts/publish.lua.js';
import type { TestRedis } from './redis.js';

const TTL_MS = '60000';

/** Publishes as a node does, except that nobody gets a delivery. */
export async function publishUndelivered(
  redis: TestRedis,
  room: string,
  data: string,
  { prefix = 'rookery', isCluster = false } = {},
): Promise<void> {
  const [unused = '', meta = '', stream = '', channel = ''] = new RoomKeys(prefix, isCluster).all(room);
  const keys = [unused, meta, stream, `${channel}:nobody`];
  const frame = `${data.length},0,0,${data.length}\n${data}${data}`;
  await redis.command('EVAL', PUBLISH, '4', ...keys, 'fresh', TTL_MS, '100', TTL_MS, TTL_MS, '', '', frame);
}
