import { setTimeout as delay } from 'node:timers/promises';

import { eventually } from '../../../test/support/eventually.js';
import { startRedis } from '../../../test/support/redis.js';
import { Balancer } from '../support/balancer.js';
import { alive, startNodes, type Node } from '../support/nodes.js';
import { Member } from './member.js';

/** `SOAK_SECONDS=600` for a long run. */
const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 12);
const NODES = 3;
const CLIENTS = 100;
const ROOMS = 10;
/** Between two messages of one client; with the clients above that is some 250 messages a second. */
const BETWEEN_MESSAGES_MS = 400;
const PATIENCE_MS = 30_000;

const SETTINGS = { HISTORY_SIZE: '100000', HISTORY_TTL_MS: '3600000', MAX_CONNECTIONS_PER_ADDRESS: '0' };

const pick = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)] as T;

async function publishUntil(isOver: () => boolean, member: Member): Promise<void> {
  for (let n = 0; !isOver(); n += 1) {
    member.publish(n);
    await delay(BETWEEN_MESSAGES_MS * (0.5 + Math.random()));
  }
  await member.settled();
}

/** Kills one node after another by SIGKILL, and starts another in its place when all clients have found a new one. */
async function killNodes(nodes: readonly Node[], members: readonly Member[]): Promise<number> {
  const end = performance.now() + SECONDS * 1000;
  let kills = 0;
  while (performance.now() < end || kills < 2) {
    const node = pick(nodes);
    await node.kill();
    kills += 1;
    await eventually(
      () => members.filter(({ isConnected }) => !isConnected).length,
      (away) => away === 0,
      PATIENCE_MS,
    );
    await node.start();
  }
  return kills;
}

/** The ids of a room's messages in the order of their numbers. */
function orderOf(members: readonly Member[]): string[] {
  const places = members.flatMap(({ acknowledged }) => [...acknowledged]);
  return places.toSorted(([, a], [, b]) => a.offset - b.offset).map(([id]) => id);
}

describe(`${CLIENTS} clients on ${NODES} nodes of which one after another is killed`, () => {
  it(
    'see every message of their room once and in the one order, and lose none that they have published',
    async () => {
      const redis = await startRedis();
      const nodes = await startNodes(redis, NODES, SETTINGS);
      const balancer = await Balancer.start(() => alive(nodes));
      const members = Array.from({ length: CLIENTS }, (_, n) => new Member(balancer.ws, `u${n}`, `soak:${n % ROOMS}`));
      await Promise.all(members.map(({ room }) => room.join()));

      let isOver = false;
      const publishing = members.map((member) => publishUntil(() => isOver, member));
      const kills = await killNodes(nodes, members);
      isOver = true;
      await Promise.all(publishing);

      const reconnects = members.reduce((sum, { connects }) => sum + connects - 1, 0);
      expect(reconnects).toBeGreaterThanOrEqual(kills);
      for (let n = 0; n < ROOMS; n += 1) {
        const inRoom = members.filter(({ room }) => room.name === `soak:${n}`);
        const expected = orderOf(inRoom);
        expect(expected.length).toBeGreaterThan(SECONDS);
        for (const { userId, seen, failures } of inRoom) {
          await eventually(
            () => seen.length,
            (count) => count >= expected.length,
            PATIENCE_MS,
          ).catch(() => undefined);
          expect({ userId, failures, gaps: seen.filter(({ kind }) => kind === 'gap') }).toEqual({
            userId,
            failures: [],
            gaps: [],
          });
          expect(seen.map((entry) => entry.kind === 'message' && entry.id)).toEqual(expected);
        }
      }
    },
    SECONDS * 1000 + 120_000,
  );
});
