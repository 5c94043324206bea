import { setTimeout as delay } from 'node:timers/promises';

import { startRedis, type TestRedis } from '../../../test/support/redis.js';
import { Balancer } from '../support/balancer.js';
import { alive, startNodes, type Node } from '../support/nodes.js';
import { byRoom, startMembers, type Member } from './member.js';
import { breaksOf, disagreements } from './seen.js';
import { allConnected, hasSeen, publishDuring } from './traffic.js';

/** `npm run test:soak` takes longer. */
const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 3);
const NODES = 2;
const MEMBERS = 20;
const ROOMS = 2;
/** One of them when there was something to lose. */
const LEAST_LOSSES = 3;

/** Rooms that keep so little that who was away for a moment cannot have everything. */
const SETTINGS = {
  HISTORY_SIZE: '10',
  MAX_CONNECTIONS_PER_ADDRESS: '0',
  REDIS_TIMEOUT_MS: '500',
  REDIS_CHECK_INTERVAL_MS: '250',
};

/** Has Redis lose all that it has, in a way that nodes must not undo and in one that they may, and members be away. */
async function loseMessages(redis: TestRedis, balancer: Balancer, nodes: readonly Node[], members: readonly Member[]) {
  const end = performance.now() + SECONDS * 1000;
  for (let losses = 0; performance.now() < end || losses < LEAST_LOSSES; losses += 1) {
    if (losses % 4 === 0) await redis.restart();
    else if (losses % 4 === 2) await redis.command('FLUSHALL');
    else balancer.cut();
    await delay(500 + Math.random() * 500);
    await nodes[losses % NODES]?.kill();
    await allConnected(members);
    await nodes[losses % NODES]?.start();
  }
}

describe(`${MEMBERS} clients on nodes that are killed, with a Redis that loses everything`, () => {
  it(
    'are told of every loss, and see the rest in one order without a break',
    async () => {
      const redis = await startRedis();
      const nodes = await startNodes(redis, NODES, SETTINGS);
      const balancer = await Balancer.start(() => alive(nodes));
      const members = await startMembers(balancer.ws, { members: MEMBERS, rooms: ROOMS });
      await publishDuring(members, () => loseMessages(redis, balancer, nodes, members));

      for (const inRoom of byRoom(members)) {
        // What is published last is the end of what everybody has to see.
        const last = await inRoom[0]?.room.publish({ n: -1 });
        for (const member of inRoom) {
          await hasSeen(member, last?.id);
          const { userId, failures, seen } = member;
          expect({ userId, failures, breaks: breaksOf(seen) }).toEqual({ userId, failures: [], breaks: [] });
          expect(seen.at(-1)).toMatchObject({ kind: 'message', id: last?.id });
          expect(seen.filter(({ kind }) => kind === 'gap').length).toBeGreaterThan(0);
        }
        expect(disagreements(inRoom.map(({ seen }) => seen))).toStrictEqual([]);
      }
    },
    SECONDS * 1000 + 120_000,
  );
});
