import { startProcess, type ServerProcess } from '../../../test/support/process.js';
import type { TestRedis } from '../../../test/support/redis.js';
import { SECRET } from '../../../test/support/server.js';

/** A node's process, and another in its place when it is killed. */
export class Node {
  private process: ServerProcess | undefined;
  /** Where it listens; undefined while it is not there. */
  port: number | undefined;

  constructor(
    private readonly redis: TestRedis,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  async start(): Promise<void> {
    this.process = startProcess({
      REDIS_URL: this.redis.url,
      JWT_SECRET: SECRET,
      LOG_LEVEL: 'warn',
      ...this.settings,
    });
    this.port = await this.process.port();
  }

  /** SIGKILL: no goodbye, no drain. */
  async kill(): Promise<void> {
    this.port = undefined;
    this.process?.kill('SIGKILL');
    await this.process?.exited;
  }
}

/** Nodes of one server over the same Redis, each in a process of its own. */
export async function startNodes(
  redis: TestRedis,
  count: number,
  settings: Readonly<Record<string, string>>,
): Promise<Node[]> {
  const nodes = Array.from({ length: count }, () => new Node(redis, settings));
  await Promise.all(nodes.map((node) => node.start()));
  return nodes;
}

/** The ports of those that are alive. */
export const alive = (nodes: readonly Node[]): number[] => nodes.flatMap(({ port }) => port ?? []);
