import { setTimeout as delay } from 'node:timers/promises';

import { ChaosNode, addressOfAny } from '../chaos/chaos-node.js';
import { Faults, type Scene } from '../chaos/faults.js';
import { violationsOf } from '../chaos/room-check.js';
import { eventually } from '../support/eventually.js';
import { RecoveringMember, RecoveringPublisher } from '../support/recovering-client.js';
import { startRedis } from '../support/redis.js';
import { Seeded } from '../support/seeded.js';
import { tokenFor } from '../support/server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

/** `CHAOS_SECONDS=300 CHAOS_SEED=7` for a longer run, and another one. */
const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 7);
const SEED = Number(process.env['CHAOS_SEED'] ?? 1);
const NODES = 3;
const MEMBERS = 6;
const PUBLISHERS = 3;
const ROOMS = ['r1', 'r2', 'r3'];
/** Each waits for its message to be accepted before it publishes the next one. */
const LINES = 4;
const BETWEEN_MESSAGES_MS = 25;
const BETWEEN_FAULTS_MS = 1500;
/** When a publisher without an answer goes to another node. */
const PATIENCE_MS = 2000;
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

interface Stage extends Scene {
  readonly publishers: readonly RecoveringPublisher[];
}

async function setTheStage(random: Seeded): Promise<Stage> {
  // Without fsync everything is still written before it is answered, so that a killed Redis has lost nothing.
  const redis = await startRedis({ persistent: true, config: { appendfsync: 'no' } });
  const nodes: ChaosNode[] = [];
  for (let n = 0; n < NODES; n += 1) nodes.push(new ChaosNode(await TcpProxy.start(redis.port), SETTINGS));
  await Promise.all(nodes.map((node) => node.start()));
  for (const node of nodes) await node.ready();
  const anyNode = (): string => addressOfAny(nodes, (bound) => random.below(bound));
  const members = Array.from({ length: MEMBERS }, (_, n) => new RecoveringMember(`m${n}`, ROOMS, anyNode));
  for (const member of members) await eventually(() => member.joined, Boolean, 20_000);
  const publishers = Array.from({ length: PUBLISHERS }, (_, n) => new RecoveringPublisher(`p${n}`, anyNode));
  return { redis, nodes, members, publishers };
}

function violations({ members, publishers }: Stage): string[] {
  return ROOMS.flatMap((room) =>
    violationsOf(
      members.flatMap(({ logs }) => logs.get(room) ?? []),
      publishers.flatMap(({ accepted }) => accepted.get(room) ?? []),
    ),
  );
}

/** Publishes, injects faults for so long as the run takes, and lets everything come to rest. */
async function play(stage: Stage, random: Seeded, lossy: boolean): Promise<Faults> {
  const done = new AbortController();
  const publish = async (publisher: RecoveringPublisher, line: string): Promise<void> => {
    for (let n = 0; !done.signal.aborted; n += 1) {
      await publisher.publish(ROOMS[random.below(ROOMS.length)] ?? '', line, n, PATIENCE_MS);
      await delay(BETWEEN_MESSAGES_MS);
    }
  };
  const publishing = stage.publishers.flatMap((publisher) =>
    Array.from({ length: LINES }, (_, line) => publish(publisher, String(line))),
  );
  const faults = new Faults(stage, random, SEVERITY, lossy);
  const end = performance.now() + SECONDS * 1000;
  while (performance.now() < end) {
    faults.next();
    await delay(random.below(BETWEEN_FAULTS_MS));
  }
  await faults.over();
  done.abort();
  await Promise.all(publishing);
  return faults;
}

/** Users whom a node says are in a room, on all nodes. */
async function usersIn(room: string, { http }: ChaosNode): Promise<string[]> {
  const response = await fetch(`${http}/api/rooms/${room}/members`, {
    headers: { authorization: `Bearer ${tokenFor({ scope: 'admin' })}` },
  });
  const { members } = (await response.json()) as { members: readonly { userId: string }[] };
  return members.map(({ userId }) => userId).toSorted();
}

/** Afterwards nothing is left of it all but what expires by itself. */
async function leavesNothing({ redis, nodes, members, publishers }: Stage): Promise<void> {
  for (const client of [...members, ...publishers]) client.stop();
  await eventually(
    async () => (await redis.command('PUBSUB', 'SHARDCHANNELS')) as string[],
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
      const stage = await setTheStage(random);
      const faults = await play(stage, random, lossy);
      const { members, publishers, nodes } = stage;
      const left = await eventually(
        () => violations(stage).slice(0, 20),
        ({ length }) => length === 0,
        30_000,
      ).catch(() => violations(stage).slice(0, 20));
      const context = { seed: SEED, story: faults.story.join(', '), said: nodes.map(({ lastWords }) => lastWords) };
      expect({ ...context, left }).toEqual({ ...context, left: [] });
      const losses = members.flatMap(({ logs }) => [...logs.values()].flatMap((log) => log.losses));
      const mayLose = faults.story.includes('restart Redis empty');
      expect({ ...context, losses: mayLose ? [] : losses }).toEqual({ ...context, losses: [] });
      if (!mayLose) {
        for (const room of ROOMS) {
          expect(new Set(members.map(({ logs }) => logs.get(room)?.ids.join())).size).toBe(1);
        }
      }
      for (const node of nodes) {
        await node.ready();
        for (const room of ROOMS) expect(await usersIn(room, node)).toEqual(members.map(({ userId }) => userId));
      }
      const accepted = publishers.flatMap((publisher) => [...publisher.accepted.values()].flat());
      expect(accepted.length).toBeGreaterThan(SECONDS * 10);
      await leavesNothing(stage);
    },
    SECONDS * 1000 + 120_000,
  );
});
