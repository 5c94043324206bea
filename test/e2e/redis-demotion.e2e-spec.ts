import { connect, join, type TestClient } from '../support/client.js';
import { NODE_OPTIONS, knowsOthers, publishSafely, readiness, ready } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { inSync } from '../support/redis-cluster.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

interface Pair {
  readonly primary: TestRedis;
  readonly replica: TestRedis;
  /** In place of a DNS name. */
  readonly name: TcpProxy;
}

async function startPair(): Promise<Pair> {
  const config = { 'repl-diskless-sync-delay': '0' };
  const [primary, replica] = [await startRedis({ config }), await startRedis({ config })];
  await replica.command('REPLICAOF', '127.0.0.1', String(primary.port));
  await inSync(replica);
  return { primary, replica, name: await TcpProxy.start(primary.port) };
}

/** Promotes the replica and demotes the primary, which keeps all its connections. */
async function fail({ primary, replica, name }: Pair): Promise<void> {
  await replica.command('REPLICAOF', 'NO', 'ONE');
  name.leadNewTo(replica.port);
  await primary.command('REPLICAOF', '127.0.0.1', String(replica.port));
}

function startNode(name: TcpProxy): Promise<TestServer> {
  return startServer({ ...NODE_OPTIONS, redisUrl: `redis://127.0.0.1:${name.port}` });
}

/** Names of the nodes' connections to a server. */
async function connectionsTo(server: TestRedis): Promise<string[]> {
  const list = String(await server.command('CLIENT', 'LIST'));
  return [...list.matchAll(/ name=(rookery-\S+)/g)].map(([, name]) => name ?? '').toSorted();
}

const OF_TWO_NODES = ['commands', 'deliveries', 'nodes'].flatMap((part) => [`rookery-${part}`, `rookery-${part}`]);

async function dataUpTo(member: TestClient, last: number): Promise<unknown[]> {
  await eventually(
    () => member.queue.some(({ type, payload }) => type === 'room:message' && payload.data === last),
    Boolean,
  );
  return member.takeAll('room:message').map(({ payload }) => payload.data as unknown);
}

describe('a primary that becomes a replica and keeps its connections', () => {
  it('is left by all connections of all nodes, and members get every message once and in order', async () => {
    const pair = await startPair();
    const [one, two] = [await startNode(pair.name), await startNode(pair.name)];
    const members = [await join(one, {}, 'r'), await join(two, { claims: { sub: 'bob' } }, 'r')];
    const publisher = await join(one, { claims: { sub: 'p' } });
    for (let n = 1; n <= 5; n += 1) await publishSafely(publisher, 'r', n, `i${n}`);
    await fail(pair);
    for (let n = 6; n <= 10; n += 1) await publishSafely(publisher, 'r', n, `i${n}`);
    await eventually(
      () => connectionsTo(pair.replica),
      (names) => JSON.stringify(names) === JSON.stringify(OF_TWO_NODES),
    );
    expect(await connectionsTo(pair.primary)).toEqual([]);
    const three = await startNode(pair.name);
    for (const node of [one, two, three]) await knowsOthers(node, 2);
    await ready(one, two, three);
    members.push(await join(three, { claims: { sub: 'carol' } }, 'r'));
    await publishSafely(publisher, 'r', 11, 'i11');
    expect(await dataUpTo(members[2] ?? publisher, 11)).toEqual([11]);
    for (const member of members.slice(0, 2)) {
      expect(await dataUpTo(member, 11)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
      // The room continues in another epoch; nothing is lost.
      for (const { payload } of member.takeAll('room:gap')) expect(payload).toMatchObject({ recovered: true });
    }
    for (const member of members) {
      const { payload } = await eventually(
        () => member.request('presence', 'r'),
        (answer) => answer.payload.size === 3,
      );
      expect(payload).not.toHaveProperty('partial');
    }
  });

  it('is left though no command is sent to it', async () => {
    const pair = await startPair();
    await startNode(pair.name);
    await startNode(pair.name);
    await fail(pair);
    await eventually(
      () => connectionsTo(pair.replica),
      (names) => JSON.stringify(names) === JSON.stringify(OF_TWO_NODES),
    );
    expect(await connectionsTo(pair.primary)).toEqual([]);
  });

  it('is not used again while its name still leads to it, and readiness says so', async () => {
    const pair = await startPair();
    const node = await startNode(pair.name);
    await pair.replica.command('REPLICAOF', 'NO', 'ONE');
    await pair.primary.command('REPLICAOF', '127.0.0.1', String(pair.replica.port));
    const { broker } = await eventually(
      () => readiness(node),
      (answer) => answer.status === 503 && answer.broker.message === 'Redis: the server is a replica',
    );
    expect(broker.status).toBe('down');
    await expect(connect(node)).rejects.toMatchObject({ status: 503 });
    pair.name.leadNewTo(pair.replica.port);
    await ready(node);
    await eventually(() => connect(node).catch(() => undefined), Boolean);
  });
});

describe('two primaries behind one name', () => {
  it('are not used together: all connections of a node lead to one', async () => {
    const [first, second] = [await startRedis(), await startRedis()];
    const name = await TcpProxy.start(first.port);
    const node = await startNode(name);
    const member = await join(node, {}, 'r');
    name.leadNewTo(second.port);
    const id = /id=(\d+) [^\n]* name=rookery-nodes/.exec(String(await first.command('CLIENT', 'LIST')))?.[1];
    await first.command('CLIENT', 'KILL', 'ID', id ?? '');
    await eventually(
      () => connectionsTo(second),
      (names) => names.length === 3,
    );
    expect(await connectionsTo(first)).toEqual([]);
    await ready(node);
    await publishSafely(await join(node, { claims: { sub: 'p' } }), 'r', 1, 'i');
    expect(await dataUpTo(member, 1)).toEqual([1]);
  });
});
