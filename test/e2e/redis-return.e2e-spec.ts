import type { JoinedPayload } from '../../src/protocol/messages.js';
import { join, type TestClient } from '../support/client.js';
import { startNodes } from '../support/cluster.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const HERD = 30;

/** Counts the commands that read a stream, which only the script for histories does. */
async function readsOf(redis: TestRedis): Promise<number> {
  const [calls = 0] = await redis.calls('xrange');
  return calls;
}

interface Bench {
  readonly redis: TestRedis;
  readonly publisher: TestClient;
  /** Clients of the node that is left. */
  readonly herd: readonly TestClient[];
  /** Where they were in room `r` when their node was lost. */
  readonly position: Pick<JoinedPayload, 'epoch' | 'offset'>;
}

/** The clients of a lost node, connected to another one and not in their room yet. */
async function startHerd(): Promise<Bench> {
  const redis = await startRedis();
  const [one, two] = await startNodes(redis, 2);
  if (one === undefined || two === undefined) throw new Error('two nodes');
  const publisher = await join(one, { claims: { sub: 'p' } }, 'r');
  const { payload } = await publisher.request('join', 'r');
  const ack = await publisher.request('room:message', { room: 'r', data: 'seen' });
  const position = { epoch: payload.epoch as string, offset: ack.payload.offset as number };
  const herd = await Promise.all(Array.from({ length: HERD }, (_none, n) => join(two, { claims: { sub: `m${n}` } })));
  return { redis, publisher, herd, position };
}

describe('the clients of a lost node at another one', () => {
  it('get what they missed, each message once and in order, and it is read from Redis once for all', async () => {
    const { redis, publisher, herd, position } = await startHerd();
    for (const data of [1, 2, 3]) await publisher.request('room:message', { room: 'r', data });
    const before = await readsOf(redis);
    const returned = herd.map(async (client, index) => {
      const { payload } = await client.request('join', { room: 'r', recover: position });
      expect(payload).toMatchObject({ ...position, recovered: true });
      if (index === HERD / 2) await publisher.request('room:message', { room: 'r', data: 4 });
      const messages = await Promise.all([1, 2, 3, 4].map(() => client.next('room:message')));
      return messages.map((message) => message.payload.data);
    });
    for (const messages of await Promise.all(returned)) expect(messages).toEqual([1, 2, 3, 4]);
    expect(await readsOf(redis)).toBeLessThan(before + HERD);
  });

  it('cost no read at all where they missed nothing', async () => {
    const { redis, publisher, herd, position } = await startHerd();
    const before = await readsOf(redis);
    for (const client of herd) {
      const { payload } = await client.request('join', { room: 'r', recover: position });
      expect(payload).toMatchObject({ ...position, recovered: true });
    }
    expect(await readsOf(redis)).toBe(before);
    await publisher.request('room:message', { room: 'r', data: 'live' });
    for (const client of herd) expect((await client.next('room:message')).payload).toMatchObject({ data: 'live' });
  });
});
