import { setTimeout as delay } from 'node:timers/promises';

import { ChaosNode, addressOfAny } from '../chaos/chaos-node.js';
import { Faults, type Scene } from '../chaos/faults.js';
import { Traffic } from '../chaos/traffic.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis.js';
import { Seeded } from '../support/seeded.js';
import { tokenFor } from '../support/server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

/** `npm run test:soak` takes longer. */
const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 4);
const SEED = Number(process.env['CHAOS_SEED'] ?? 1);
const NODES = 3;
const ROOMS = ['r1', 'r2', 'r3'];
const BETWEEN_FAULTS_MS = 1500;
/** What a long run may have for once that would make a short one long. */
const SEVERITY = SECONDS > 60 ? { redisMs: 6000, nodeMs: 12_000 } : { redisMs: 1500, nodeMs: 2500 };
/** Heap that is grown is not given back at once. */
const SLACK_BYTES = 100 * 1024 * 1024;

const SETTINGS = {
  REDIS_TIMEOUT_MS: '500',
  REDIS_CHECK_INTERVAL_MS: '250',
  HISTORY_SIZE: '100000',
  RATE_LIMIT: '0',
  DRAIN_TIMEOUT_MS: '2000',
};

async function setTheScene(random: Seeded): Promise<Scene> {
  // Without fsync everything is still written before it is answered, so that a killed Redis has lost nothing.
  const redis = await startRedis({ persistent: true, config: { appendfsync: 'no' } });
  const nodes: ChaosNode[] = [];
  for (let n = 0; n < NODES; n += 1) nodes.push(new ChaosNode(await TcpProxy.start(redis.port), SETTINGS));
  await Promise.all(nodes.map((node) => node.start()));
  for (const node of nodes) {
    await node.ready();
    node.idle = node.footprint();
  }
  const pick = (bound: number): number => random.below(bound);
  const traffic = await Traffic.start({
    rooms: ROOMS,
    members: 6,
    publishers: 3,
    lines: 4,
    pauseMs: 25,
    address: () => addressOfAny(nodes, pick),
    pick,
  });
  return { redis, nodes, traffic };
}

/** Injects faults for so long as the run takes, and lets everything come to rest. */
async function play(scene: Scene, random: Seeded, lossy: boolean): Promise<readonly string[]> {
  const faults = new Faults(scene, random, SEVERITY, lossy);
  const end = performance.now() + SECONDS * 1000;
  while (performance.now() < end) {
    faults.next();
    await delay(random.below(BETWEEN_FAULTS_MS));
  }
  await faults.over();
  await scene.traffic.end();
  return faults.story;
}

/** Whom a node says to be in a room, on all nodes. */
async function membersOf(room: string, { http }: ChaosNode): Promise<{ users: readonly string[]; partial: boolean }> {
  const response = await fetch(`${http}/api/rooms/${room}/members`, {
    headers: { authorization: `Bearer ${tokenFor({ scope: 'admin' })}` },
  });
  const answer = (await response.json()) as { members: readonly { userId: string }[]; partial?: boolean };
  return { users: answer.members.map(({ userId }) => userId).toSorted(), partial: answer.partial ?? false };
}

/** Nodes that were cut off or asleep have to hear of each other first. */
async function allKnowAll({ nodes, traffic }: Scene): Promise<void> {
  const users = traffic.members.map(({ userId }) => userId);
  for (const node of nodes) {
    await node.ready();
    for (const room of ROOMS) {
      await eventually(
        () => membersOf(room, node),
        (answer) => !answer.partial && answer.users.join() === users.join(),
      );
    }
  }
}

/** Afterwards nothing is left of it all but what expires by itself. */
async function leavesNothing({ redis, nodes, traffic }: Scene): Promise<void> {
  traffic.stop();
  await eventually(
    async () => (await redis.command('PUBSUB', 'SHARDCHANNELS', 'rookery{*')) as string[],
    (channels) => channels.length === 0,
  );
  for (const node of nodes) {
    await eventually(
      () => node.footprint().descriptors - node.idle.descriptors,
      (more) => more <= 0,
    );
    expect(node.footprint().bytes).toBeLessThan(node.idle.bytes + SLACK_BYTES);
  }
  for (const key of (await redis.command('KEYS', '*')) as string[]) {
    expect([key, await redis.command('PTTL', key)]).not.toEqual([key, -1]);
  }
}

describe('three nodes with a fault every few moments', () => {
  it.each([
    ['lose nothing, give nothing twice, and keep one order for all', false],
    ['tell every member what a Redis that lost everything has cost it', true],
  ])(
    '%s',
    async (_what, lossy) => {
      const random = new Seeded(SEED);
      const scene = await setTheScene(random);
      const { nodes, traffic } = scene;
      const story = await play(scene, random, lossy);
      const violations = await traffic.verdict();
      const context = {
        seed: SEED,
        story: story.join(', '),
        said: nodes.map(({ lastWords }) => lastWords),
        logs: violations.length === 0 ? [] : ROOMS.flatMap((room) => traffic.logsOf(room).map(String)),
      };
      expect({ ...context, violations }).toEqual({ ...context, violations: [] });
      if (!story.includes('restart Redis empty')) {
        expect({ ...context, losses: traffic.losses }).toEqual({ ...context, losses: [] });
        for (const room of ROOMS) expect(new Set(traffic.logsOf(room).map(({ ids }) => ids.join())).size).toBe(1);
      }
      await allKnowAll(scene);
      expect(traffic.accepted).toBeGreaterThan(SECONDS * 10);
      await leavesNothing(scene);
    },
    SECONDS * 1000 + 120_000,
  );
});
