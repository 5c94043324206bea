import type { Position } from '../../src/protocol/position.js';
import { join, type Frame, type TestClient } from './client.js';
import { startNodes } from './cluster.js';
import { eventually } from './eventually.js';
import { startRedis, type RedisSettings, type TestRedis } from './redis.js';
import type { TestServer } from './server.js';

export interface Cluster {
  readonly redis: TestRedis;
  readonly one: TestServer;
  readonly two: TestServer;
  /** In room `r`, one on each node. */
  readonly members: readonly [TestClient, TestClient];
  readonly publisher: TestClient;
}

export async function startCluster(settings: RedisSettings = {}): Promise<Cluster> {
  const redis = await startRedis(settings);
  const [one, two] = await startNodes(redis, 2);
  if (one === undefined || two === undefined) throw new Error('two nodes');
  const members = [
    await join(one, { claims: { sub: 'm1' } }, 'r'),
    await join(two, { claims: { sub: 'm2' } }, 'r'),
  ] as const;
  return { redis, one, two, members, publisher: await join(one, { claims: { sub: 'p' } }) };
}

/** Waits for a message with these data, and returns the data of all up to it. */
export async function upTo(client: TestClient, data: unknown): Promise<unknown[]> {
  await eventually(
    () => client.queue.some(({ type, payload }) => type === 'room:message' && payload.data === data),
    Boolean,
  );
  return client.takeAll('room:message').map(({ payload }) => payload.data as unknown);
}

/** What is said of `r`: the rooms of the server's own have their epochs too. */
export function gapOf(client: TestClient): Promise<Frame> {
  return client.nextWhere(({ type, payload }) => type === 'room:gap' && payload.room === 'r', 'a gap in the room');
}

export async function positionOf(client: TestClient): Promise<Position> {
  const { epoch, offset } = (await client.request('join', 'r')).payload as Position;
  return { epoch, offset };
}
