import { setTimeout as delay } from 'node:timers/promises';

import { eventually } from '../support/eventually.js';
import { startProcess, type ServerProcess } from '../support/process.js';
import { RecoveringMember, RecoveringPublisher } from '../support/recovering-client.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { SECRET } from '../support/server.js';

/** `CHAOS_SECONDS=600` for a long run. */
const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 12);
const NODES = 3;
const MEMBERS = 6;
const PUBLISHERS = 3;
const STREAMS = 4;
const BETWEEN_FAULTS_MS = 1500;

/** A node's process, and another in its place when it is killed. */
class Node {
  private process: ServerProcess | undefined;
  address: string | undefined;

  constructor(private readonly redis: TestRedis) {}

  async start(): Promise<void> {
    this.process = startProcess({
      REDIS_URL: this.redis.url,
      JWT_SECRET: SECRET,
      REDIS_TIMEOUT_MS: '500',
      REDIS_CHECK_INTERVAL_MS: '250',
      HISTORY_SIZE: '100000',
      RATE_LIMIT: '0',
      LOG_LEVEL: 'warn',
    });
    this.address = `ws://127.0.0.1:${await this.process.port()}/ws`;
  }

  async replace(): Promise<void> {
    this.address = undefined;
    this.process?.kill('SIGKILL');
    await this.process?.exited;
    await this.start();
  }
}

type Fault = (redis: TestRedis, nodes: readonly Node[]) => Promise<void>;

const pick = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)] as T;

const FAULTS: Readonly<Record<string, Fault>> = {
  'kill a node': (_redis, nodes) => pick(nodes).replace(),
  'pause Redis': async (redis) => {
    redis.pause();
    await delay(Math.random() * 1500);
    redis.resume();
  },
  'restart Redis': (redis) => redis.restart(),
  'cut connections': (redis) => redis.cutConnections(),
};

async function publishUntil(isDone: () => boolean, publisher: RecoveringPublisher, stream: number): Promise<void> {
  for (let n = 0; !isDone(); n += 1) await publisher.publish(`${stream}-${n}`, 2000);
}

describe('three nodes with a fault every few moments', () => {
  it(
    'lose nothing, give nothing twice, and keep one order for all',
    async () => {
      const redis = await startRedis({ persistent: true });
      const nodes = Array.from({ length: NODES }, () => new Node(redis));
      await Promise.all(nodes.map((node) => node.start()));
      const anyNode = (): string => pick(nodes.flatMap(({ address }) => address ?? [])) ?? 'ws://127.0.0.1:1/ws';
      const members = Array.from({ length: MEMBERS }, (_, n) => new RecoveringMember(`m${n}`, 'r', anyNode));
      for (const member of members) await eventually(() => member.joined, Boolean, 20_000);
      const publishers = Array.from({ length: PUBLISHERS }, (_, n) => new RecoveringPublisher(`p${n}`, 'r', anyNode));

      let done = false;
      // Several at a time: their order is that in which the broker takes them.
      const publishing = publishers.flatMap((publisher) =>
        Array.from({ length: STREAMS }, (_, stream) => publishUntil(() => done, publisher, stream)),
      );
      const faults: string[] = [];
      const end = performance.now() + SECONDS * 1000;
      while (performance.now() < end) {
        const [name, fault] = pick(Object.entries(FAULTS));
        faults.push(name);
        await fault(redis, nodes);
        await delay(Math.random() * BETWEEN_FAULTS_MS);
      }
      done = true;
      await Promise.all(publishing);

      const accepted = publishers.flatMap((publisher) => Array.from(publisher.accepted));
      const expected = accepted.toSorted(([, a], [, b]) => a - b).map(([id]) => id);
      for (const member of members) {
        await eventually(
          () => member.messages.length,
          (count) => count >= expected.length,
          20_000,
        ).catch(() => undefined);
        const context = faults.join(', ');
        expect({ context, losses: member.losses }).toEqual({ context, losses: [] });
        expect(member.messages.map(({ data }) => data)).toEqual(expected);
      }
      expect(expected.length).toBeGreaterThan(SECONDS);
    },
    SECONDS * 1000 + 90_000,
  );
});
