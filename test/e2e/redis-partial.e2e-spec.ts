import { connect, join, RefusedError, type TestClient } from '../support/client.js';
import { NODE_OPTIONS, publishSafely, readiness, ready } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { TestRedisCluster } from '../support/redis-cluster.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/server.js';

interface Health {
  readonly status: number;
  readonly broker: { readonly status: string; readonly message?: string; readonly degraded?: string };
}

function health(node: TestServer): Promise<Health> {
  return readiness(node);
}

async function outcomeOf(node: TestServer, sub: string): Promise<TestClient | RefusedError> {
  return connect(node, { claims: { sub } }).catch((error: unknown) => {
    if (error instanceof RefusedError) return error;
    throw error;
  });
}

describe('a Redis whose memory is full', () => {
  it('makes nodes not ready for as long as it rejects publishes, though it accepts one now and then', async () => {
    const redis = await startRedis({ config: { 'maxmemory-policy': 'noeviction' } });
    const options = { ...NODE_OPTIONS, redisUrl: redis.url, rateLimit: 0, historyTtlMs: 400 };
    const node = await startServer(options);
    await ready(node);
    const publisher = await join(node);
    const [, used = '0'] = /^used_memory:(\d+)/m.exec(String(await redis.command('INFO', 'memory'))) ?? [];
    await redis.command('CONFIG', 'SET', 'maxmemory', String(Number(used) + 300_000));
    const outcomes = { accepted: 0, refused: 0 };
    const publishing = new AbortController();
    // Histories expire during the test, so that some messages find room from time to time.
    const publish = async (): Promise<void> => {
      for (let n = 0; !publishing.signal.aborted; n += 1) {
        const reply = await publisher.request('room:message', { room: `r${n % 50}`, data: 'x'.repeat(20_000) });
        if (reply.type === 'ack') outcomes.accepted += 1;
        else outcomes.refused += 1;
      }
    };
    const published = publish();
    await eventually(
      () => health(node),
      ({ status, broker }) => status === 503 && broker.message?.includes('OOM') === true,
    );
    const refusedBefore = outcomes.refused;
    const answers: number[] = [];
    while (answers.length < 300 || outcomes.refused < refusedBefore + 300) answers.push((await health(node)).status);
    expect(new Set(answers)).toEqual(new Set([503]));
    await expect(connect(node)).rejects.toMatchObject({ status: 503 });
    publishing.abort();
    await published;
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await ready(node);
    await publishSafely(await join(node, { claims: { sub: 'late' } }, 'r'), 'r', 1, 'i');
  });
});

describe('a Redis Cluster without one of its masters', () => {
  let redis: TestRedisCluster;

  beforeEach(async () => {
    redis = await TestRedisCluster.start();
  });

  afterEach(() => redis.remove());

  function startNode(): Promise<TestServer> {
    return startServer({
      ...NODE_OPTIONS,
      redisUrl: redis.url,
      redisCluster: true,
      redisTimeoutMs: 2000,
      rateLimit: 0,
    });
  }

  async function masterOf(room: string): Promise<TestRedis> {
    const [master] = redis.masters;
    return redis.ownerOf(Number(await master?.command('CLUSTER', 'KEYSLOT', `rookery{${room}}:m`)));
  }

  /** Users by whether their own room is on a master. */
  async function usersOf(master: TestRedis): Promise<{ on: string[]; off: string[] }> {
    const users: { on: string[]; off: string[] } = { on: [], off: [] };
    for (let n = 0; n < 30; n += 1) {
      const user = `user${n}`;
      users[(await masterOf(`@user:${user}`)).port === master.port ? 'on' : 'off'].push(user);
    }
    return users;
  }

  it('is ready for part of the users and says so; the others are refused before the upgrade', async () => {
    const node = await startNode();
    await ready(node);
    const everybody = await masterOf('@all');
    const victim = redis.masters.find(({ port }) => port !== everybody.port);
    if (victim === undefined) throw new Error('another master');
    const { on, off } = await usersOf(victim);
    const publisher = await join(node, { claims: { sub: off[0] } });
    await victim.kill();
    const { broker } = await eventually(
      () => health(node),
      (answer) => answer.broker.degraded !== undefined,
    );
    expect(broker.status).toBe('up');
    expect(broker.degraded).toMatch(/^Redis: 1 of 3 masters \(\d+ of 16384 slots\) cannot be used: /);
    for (let n = 0; n < 50; n += 1) expect((await health(node)).status).toBe(200);
    for (const user of on)
      expect(await outcomeOf(node, user)).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    for (const user of off) {
      const member = await outcomeOf(node, user);
      if (member instanceof RefusedError) throw member;
      await member.settle();
    }
    let reached = 0;
    for (let n = 0; n < 12; n += 1) {
      const room = `r${n}`;
      const isAway = (await masterOfLiving(room)) === victim.port;
      const { type } = await publisher.request('room:message', { room, data: n });
      expect({ room, type }).toEqual({ room, type: isAway ? 'error' : 'ack' });
      if (!isAway) reached += 1;
    }
    expect(reached).toBeGreaterThan(0);
    await victim.launch();
    await eventually(
      () => health(node),
      (answer) => answer.status === 200 && answer.broker.degraded === undefined,
    );
    for (const user of on.slice(0, 3))
      await eventually(() => connect(node, { claims: { sub: user } }).catch(() => undefined), Boolean);

    async function masterOfLiving(room: string): Promise<number> {
      const living = redis.masters.find((master) => master !== victim);
      const slot = Number(await living?.command('CLUSTER', 'KEYSLOT', `rookery{${room}}:m`));
      return (await redis.ownerOf(slot)).port;
    }
  });

  it('is not ready on a node where nobody could join the room of everybody, and is ready where it is open', async () => {
    const [one, two] = [await startNode(), await startNode()];
    await ready(one, two);
    const victim = await masterOf('@all');
    const { off } = await usersOf(victim);
    const [first = '', second = ''] = off;
    const member = await join(one, { claims: { sub: first } });
    await victim.kill();
    await eventually(
      () => health(two),
      ({ status, broker }) => status === 503 && broker.message?.startsWith('Redis: 1 of 3 masters') === true,
    );
    expect(await outcomeOf(two, first)).toMatchObject({ status: 503 });
    await eventually(
      () => health(one),
      ({ status, broker }) => status === 200 && broker.degraded !== undefined,
    );
    expect(await outcomeOf(one, second)).toHaveProperty('socket');
    await member.settle();
    await victim.launch();
    await ready(two);
  });
});
