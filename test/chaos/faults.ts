import { setTimeout as delay } from 'node:timers/promises';

import type { TestRedis } from '../support/redis.js';
import type { Seeded } from '../support/seeded.js';
import type { ChaosNode } from './chaos-node.js';
import type { Traffic } from './traffic.js';

/** What faults happen to. */
export interface Scene {
  readonly redis: TestRedis;
  readonly nodes: readonly ChaosNode[];
  readonly traffic: Traffic;
}

/** How long faults last at most, in milliseconds. */
export interface Severity {
  readonly redisMs: number;
  readonly nodeMs: number;
}

type NodeFault = (node: ChaosNode, lastingMs: number) => Promise<void>;
type RedisFault = (redis: TestRedis, lastingMs: number) => Promise<void>;

const NODE_FAULTS: Readonly<Record<string, NodeFault>> = {
  'kill a node': (node) => node.replace('SIGKILL'),
  'replace a node': (node) => node.replace('SIGTERM'),
  'pause a node': async (node, lastingMs) => {
    node.pause();
    await delay(lastingMs);
    node.resume();
  },
  'hide Redis from a node': async ({ way }, lastingMs) => {
    way.freeze();
    await delay(lastingMs);
    way.thaw();
  },
  'cut a node off': ({ way }) => Promise.resolve(way.cut()),
};

const REDIS_FAULTS: Readonly<Record<string, RedisFault>> = {
  'pause Redis': async (redis, lastingMs) => {
    redis.pause();
    await delay(lastingMs);
    redis.resume();
  },
  'restart Redis': (redis) => redis.restart(),
  'stop Redis for a while': async (redis, lastingMs) => {
    await redis.kill();
    await delay(lastingMs);
    await redis.launch();
  },
  // Redis may be away itself, in which case its connections are cut anyway.
  'cut connections': (redis) => redis.cutConnections().catch(() => undefined),
};

/** Its loss of everything is told to everybody, so it is no fault for those who want to lose nothing. */
const LOSSY_FAULTS: Readonly<Record<string, RedisFault>> = {
  ...REDIS_FAULTS,
  'restart Redis empty': async (redis) => {
    await redis.kill();
    redis.forget();
    await redis.launch();
  },
};

/**
 * One fault after the other, as a seed has them. They overlap: what happens to one process does not wait for what
 * happens to another.
 */
export class Faults {
  /** What happened, in order. */
  readonly story: string[] = [];
  private readonly busy = new Map<object, Promise<void>>();
  private readonly redisFaults: readonly (readonly [string, RedisFault])[];

  constructor(
    private readonly scene: Scene,
    private readonly random: Seeded,
    private readonly severity: Severity,
    lossy: boolean,
  ) {
    this.redisFaults = Object.entries(lossy ? LOSSY_FAULTS : REDIS_FAULTS);
  }

  /** Has something happen; returns when it has begun. */
  next(): void {
    const { redis, nodes, traffic } = this.scene;
    const dice = this.random.below(10);
    if (dice < 4) {
      const [name, fault] = this.any(this.redisFaults);
      this.happen(name, redis, () => fault(redis, this.random.below(this.severity.redisMs)));
    } else if (dice < 9) {
      const [name, fault] = this.any(Object.entries(NODE_FAULTS));
      const at = this.random.below(nodes.length);
      const node = nodes[at];
      if (node !== undefined)
        this.happen(`${name} (${at})`, node, () => fault(node, this.random.below(this.severity.nodeMs)));
    } else {
      this.story.push('cut clients');
      for (const member of traffic.members) if (this.random.below(2) === 0) member.cut();
    }
  }

  /** Resolves when everything that has happened is over. */
  async over(): Promise<void> {
    await Promise.all(this.busy.values());
  }

  private any<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)] as T;
  }

  private happen(name: string, to: object, fault: () => Promise<void>): void {
    if (this.busy.has(to)) return;
    this.story.push(name);
    this.busy.set(
      to,
      fault().finally(() => this.busy.delete(to)),
    );
  }
}
