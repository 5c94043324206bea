import { connect, join, RefusedError } from '../support/client.js';
import { NODE_OPTIONS, knowsOthers, startAcquaintedNodes } from '../support/cluster.js';
import { BUSY_MS, eventually } from '../support/eventually.js';
import { plainClient } from '../support/plain-client.js';
import { startProcess } from '../support/process.js';
import { startRedis } from '../support/redis.js';
import { SECRET, startServer, tokenFor, type TestServer } from '../support/server.js';

const TOO_MANY = { status: 429, headers: { 'retry-after': '5' }, body: { code: 'TOO_MANY_CONNECTIONS' } };
/** Within which a node that was killed is not counted any more. */
const GONE_WITHIN_MS = 15_000 + BUSY_MS;

async function untilLetIn(node: TestServer, patienceMs?: number): Promise<void> {
  const outcome = await eventually(
    () => connect(node).catch((error: unknown) => error),
    (connected) => !(connected instanceof RefusedError),
    patienceMs,
  );
  expect(outcome).toHaveProperty('socket');
}

function nodeAt(nodes: readonly TestServer[], index: number): TestServer {
  const node = nodes[index % nodes.length];
  if (node === undefined) throw new Error('a node');
  return node;
}

describe('the connections of one user', () => {
  it('have their bound over all nodes, and room again when one is closed', async () => {
    const redis = await startRedis();
    const [one, two, three] = await startAcquaintedNodes(redis, 3, { maxConnectionsPerUser: 2 });
    if (one === undefined || two === undefined || three === undefined) throw new Error('three nodes');
    const [first] = [await join(one), await join(two)];
    for (const node of [one, two, three]) await expect(connect(node)).rejects.toMatchObject(TOO_MANY);
    await join(three, { claims: { sub: 'bob' } });
    await first.close();
    await untilLetIn(three);
    await expect(connect(one)).rejects.toMatchObject(TOO_MANY);
    const keys = (await redis.command('KEYS', 'rookery:users:*')) as string[];
    expect(keys.toSorted()).toEqual(['rookery:users:alice', 'rookery:users:bob']);
    for (const key of keys) expect(await redis.command('PTTL', key)).toBeGreaterThan(0);
  });

  it('hold the bound when they come all at once', async () => {
    const redis = await startRedis();
    const nodes = await startAcquaintedNodes(redis, 2, { maxConnectionsPerUser: 5 });
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_none, n) => connect(nodeAt(nodes, n))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  });

  it('of a node that leaves or is killed count no more', async () => {
    const redis = await startRedis();
    const options = { ...NODE_OPTIONS, redisUrl: redis.url, maxConnectionsPerUser: 1 };
    const node = await startServer(options);
    const leaving = await startServer(options);
    await knowsOthers(node, 1);
    await knowsOthers(leaving, 1);
    await join(leaving);
    await expect(connect(node)).rejects.toMatchObject(TOO_MANY);
    await leaving.stop();
    await untilLetIn(node);

    const killed = startProcess({ REDIS_URL: redis.url, JWT_SECRET: SECRET, MAX_CONNECTIONS_PER_USER: '1' });
    const address = `ws://127.0.0.1:${await killed.port()}/ws?token=${tokenFor({ sub: 'bob' })}`;
    await knowsOthers(node, 1);
    await (await plainClient(address)).request('ping');
    await expect(connect(node, { claims: { sub: 'bob' } })).rejects.toMatchObject(TOO_MANY);
    const killedAt = performance.now();
    killed.kill('SIGKILL');
    await eventually(
      () => connect(node, { claims: { sub: 'bob' } }).catch((error: unknown) => error),
      (outcome) => !(outcome instanceof RefusedError),
    );
    expect(performance.now() - killedAt).toBeLessThan(GONE_WITHIN_MS);
  });

  it('are not written down where they have no bound', async () => {
    const redis = await startRedis();
    const [one] = await startAcquaintedNodes(redis, 1, { maxConnectionsPerUser: 0 });
    if (one === undefined) throw new Error('a node');
    for (let n = 0; n < 3; n += 1) await join(one);
    expect(await redis.command('KEYS', 'rookery:users:*')).toEqual([]);
  });
});
