import { startRedis } from '../../../test/support/redis.js';
import { Balancer } from '../support/balancer.js';
import { alive, startNodes, type Node } from '../support/nodes.js';
import { byRoom, startMembers, type Member } from './member.js';
import { breaksOf } from './seen.js';
import { allConnected, hasSeen, publishDuring } from './traffic.js';

/** `npm run test:soak` takes longer, and has more of them. */
const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 3);
const MEMBERS = Number(process.env['SOAK_MEMBERS'] ?? 30);
const NODES = 3;
const ROOMS = 5;
const LEAST_KILLS = 2;

const SETTINGS = { HISTORY_SIZE: '1000000', HISTORY_TTL_MS: '86400000', MAX_CONNECTIONS_PER_ADDRESS: '0' };

const pick = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)] as T;

/** Kills one node after another by SIGKILL, and starts another in its place when all members have found a new one. */
async function killNodes(nodes: readonly Node[], members: readonly Member[]): Promise<number> {
  const end = performance.now() + SECONDS * 1000;
  let kills = 0;
  while (performance.now() < end || kills < LEAST_KILLS) {
    const node = pick(nodes);
    await node.kill();
    kills += 1;
    await allConnected(members);
    await node.start();
  }
  return kills;
}

/** The ids of a room's messages, in the order of their numbers. */
function orderOf(members: readonly Member[]): string[] {
  const places = members.flatMap(({ acknowledged }) => [...acknowledged]);
  return places.toSorted(([, a], [, b]) => a.offset - b.offset).map(([id]) => id);
}

describe(`${MEMBERS} clients on ${NODES} nodes of which one after another is killed`, () => {
  it(
    'see every message of their room once, in the one order, and lose none that they have published',
    async () => {
      const redis = await startRedis();
      const nodes = await startNodes(redis, NODES, SETTINGS);
      const balancer = await Balancer.start(() => alive(nodes));
      const members = await startMembers(balancer.ws, { members: MEMBERS, rooms: ROOMS });
      const kills = await publishDuring(members, () => killNodes(nodes, members));

      const reconnects = members.reduce((sum, { connects }) => sum + connects - 1, 0);
      expect(reconnects).toBeGreaterThanOrEqual(kills);
      for (const inRoom of byRoom(members)) {
        const expected = orderOf(inRoom);
        expect(expected.length).toBeGreaterThan(inRoom.length);
        for (const member of inRoom) {
          await hasSeen(member, expected.at(-1));
          const { userId, failures, seen } = member;
          expect({ userId, failures, breaks: breaksOf(seen) }).toEqual({ userId, failures: [], breaks: [] });
          expect(seen.map((entry) => (entry.kind === 'message' ? entry.id : entry.reason))).toEqual(expected);
        }
      }
    },
    SECONDS * 1000 + 120_000,
  );
});
