import { PUBLISH } from '../../src/broker/redis/scripts/publish.lua.js';
import type { TestRedis } from './redis.js';

/** Publishes as a node does, except that nobody gets a delivery. */
export async function publishUndelivered(
  redis: TestRedis,
  room: string,
  data: string,
  prefix = 'rookery',
): Promise<void> {
  const key = `${prefix}{${room}}`;
  const frame = `${data.length},0,0,${data.length}\n${data}${data}`;
  const args = [`${key}:m`, `${key}:s`, `${key}:nobody`, 'unused', '60000', '100', '60000', '60000', '', '', frame];
  await redis.command('EVAL', PUBLISH, '3', ...args);
}
