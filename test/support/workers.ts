import { eventually } from './eventually.js';
import { startProcess, type ProcessOptions, type ServerProcess } from './process.js';
import type { TestRedis } from './redis.js';
import { SECRET, tokenFor } from './server.js';

export const WORKERS = 2;
/** A connection that was handed to a worker at the moment of its death, or to one that is stopped, is answered by nobody. */
export const HANG_MS = 4000;
/** Which worker takes a connection is chance: a condition may need many tries, each of which may hang. */
export const MANY_TRIES_MS = 150_000;

/** The stand-alone server in several processes. */
export function startWorkers(
  redis: TestRedis,
  environment: Readonly<Record<string, string>> = {},
  options?: ProcessOptions,
): ServerProcess {
  return startProcess({ WORKERS: String(WORKERS), REDIS_URL: redis.url, JWT_SECRET: SECRET, ...environment }, options);
}

/** The worker that a new connection to the port gets to: its process id is part of its node's name. */
export async function anyWorker(port: number): Promise<number> {
  const headers = { authorization: `Bearer ${tokenFor({ scope: 'admin' })}`, connection: 'close' };
  const signal = AbortSignal.timeout(HANG_MS);
  const answer = await fetch(`http://127.0.0.1:${port}/api/connections`, { headers, signal });
  const { node } = (await answer.json()) as { node: string };
  return Number(node.split('-').at(-2));
}

/** All workers that answer on the port. */
export async function allWorkers(port: number): Promise<number[]> {
  const seen = new Set<number>();
  await eventually(
    async () => seen.add(await anyWorker(port)).size,
    (size) => size === WORKERS,
    MANY_TRIES_MS,
  );
  return [...seen];
}
