import { Cluster } from '../../src/cluster/cluster.js';
import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import type { TestClient } from './client.js';
import { eventually } from './eventually.js';
import type { TestRedis } from './redis.js';
import { startServer, type TestServer } from './server.js';

/**
 * What nodes of tests have in common: they find out soon what has happened to Redis, and not so soon that a busy
 * machine looks like it.
 */
export const NODE_OPTIONS: RookeryOptionsInput = { redisTimeoutMs: 1000, redisCheckIntervalMs: 100 };

/** Nodes of one server over the same Redis, in this process. */
export function startNodes(redis: TestRedis, count: number, options: RookeryOptionsInput = {}): Promise<TestServer[]> {
  const starts = Array.from({ length: count }, () => startServer({ ...NODE_OPTIONS, redisUrl: redis.url, ...options }));
  return Promise.all(starts);
}

/** Resolves when a node knows of so many others. */
export async function knowsOthers(node: TestServer, count: number): Promise<void> {
  const cluster = node.app.get<Cluster>(Cluster, { strict: false });
  await eventually(
    () => cluster.others().length,
    (known) => known === count,
  );
}

/** Nodes that know each other: from the first moment on each counts what the others have. */
export async function startAcquaintedNodes(
  redis: TestRedis,
  count: number,
  options: RookeryOptionsInput = {},
): Promise<TestServer[]> {
  const nodes = await startNodes(redis, count, options);
  for (const node of nodes) await knowsOthers(node, count - 1);
  return nodes;
}

/** How a node's readiness probe answers. */
export async function readiness(
  node: TestServer,
): Promise<{ status: number; broker: { status: string; message?: string } }> {
  const response = await fetch(`${node.http}/health/ready`);
  const { details } = (await response.json()) as { details: { broker: { status: string; message?: string } } };
  return { status: response.status, broker: details.broker };
}

/** Resolves when every node is ready. */
export async function ready(...nodes: readonly TestServer[]): Promise<void> {
  for (const node of nodes) {
    await eventually(
      () => readiness(node),
      ({ status }) => status === 200,
    );
  }
}

/** Publishes until it is accepted, always under the same id, as a client does whose server cannot reach its broker. */
export async function publishSafely(client: TestClient, room: string, data: unknown, id: string) {
  return eventually(
    () => client.request('room:message', { room, data, id }),
    ({ type }) => type === 'ack',
  );
}
