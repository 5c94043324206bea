import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { Traffic } from '../chaos/traffic.js';
import { connectAgain, join, type Frame } from '../support/client.js';
import { NODE_OPTIONS, ready } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { metric } from '../support/metrics.js';
import { TestRedisCluster, inSync, stopReplication } from '../support/redis-cluster.js';
import type { TestRedis } from '../support/redis.js';
import { Seeded } from '../support/seeded.js';
import { startServer, type TestServer } from '../support/server.js';
import { cleanUp } from '../support/teardown.js';
import { publishUndelivered } from '../support/undelivered.js';

/** Some on each master. */
const ROOMS = ['r1', 'r2', 'r3', 'r4', 'r5', 'r6'];

let redis: TestRedisCluster;

beforeAll(async () => {
  redis = await TestRedisCluster.start({ replicas: true });
});

afterAll(() => redis.remove());

function startNodes(count: number, more: RookeryOptionsInput = {}): Promise<TestServer[]> {
  // Keys of each test's own: its publishers use the same ids.
  const redisPrefix = randomUUID();
  const cluster = { redisUrl: redis.url, redisCluster: true, redisPrefix, redisTimeoutMs: 2000 };
  const options = { ...NODE_OPTIONS, ...cluster, rateLimit: 0, ...more };
  return Promise.all(Array.from({ length: count }, () => startServer(options)));
}

function startTraffic(nodes: readonly TestServer[], rooms = ROOMS): Promise<Traffic> {
  const random = new Seeded(1);
  const pick = (bound: number): number => random.below(bound);
  const address = (): string => nodes[pick(nodes.length)]?.ws ?? '';
  return Traffic.start({ rooms, members: 4, publishers: 2, lines: 4, pauseMs: 10, address, pick });
}

async function slotOf(room: string): Promise<number> {
  const [master] = redis.masters;
  return Number(await master?.command('CLUSTER', 'KEYSLOT', `rookery{${room}}:m`));
}

describe('nodes on a Redis Cluster', () => {
  it('are one server: messages, history, members and presence, whichever master has the room', async () => {
    const [one, two] = await startNodes(2);
    if (one === undefined || two === undefined) throw new Error('two nodes');
    const owners = new Set<number>();
    for (const room of ROOMS) owners.add((await redis.ownerOf(await slotOf(room))).port);
    expect(owners.size).toBe(3);
    const publisher = await join(one, { claims: { sub: 'p' } });
    const member = await join(two, { claims: { sub: 'm' } }, ...ROOMS);
    const positions = new Map<string, unknown>();
    for (const room of ROOMS) {
      const { payload } = await publisher.request('room:message', { room, data: 1 });
      positions.set(room, { epoch: payload.epoch, offset: payload.offset });
      expect((await member.next('room:message')).payload).toMatchObject({ room, data: 1, from: 'p' });
      const { payload: seen } = await publisher.request('presence', room);
      expect(seen).toMatchObject({ size: 1, members: [{ userId: 'm' }] });
    }
    await member.close();
    for (const room of ROOMS) await publisher.request('room:message', { room, data: 2 });
    const back = await connectAgain(one, { claims: { sub: 'm' } });
    for (const room of ROOMS) {
      const { payload } = await back.request('join', { room, recover: positions.get(room) });
      expect(payload).toMatchObject({ recovered: true, offset: 1 });
      expect((await back.next('room:message')).payload).toMatchObject({ room, data: 2, offset: 2 });
    }
  });

  it('lose nothing and keep the order while a slot moves to another master', async () => {
    const nodes = await startNodes(2);
    const [room = ''] = ROOMS;
    const slot = await slotOf(room);
    const from = await redis.ownerOf(slot);
    const to = redis.masters.find(({ port }) => port !== from.port);
    if (to === undefined) throw new Error('another master');
    const traffic = await startTraffic(nodes, [room, 'r2']);
    await traffic.goesOn(100);
    // Some keys are here and some are there: nothing can be done with the room now.
    await redis.move(slot, to, () => refuses(nodes));
    expect((await redis.ownerOf(slot)).port).toBe(to.port);
    await traffic.goesOn(200);
    await deliversDirectly(nodes, traffic);
    await traffic.end();
    expect(await traffic.verdict()).toEqual([]);
    expect(traffic.losses).toEqual([]);
  });

  it('number what a client publishes in its order, even while the slot moves', async () => {
    // Time enough for the move: what is refused has no order.
    const [node] = await startNodes(1, { redisTimeoutMs: 10_000 });
    if (node === undefined) throw new Error('a node');
    const [, room = ''] = ROOMS;
    const slot = await slotOf(room);
    const from = await redis.ownerOf(slot);
    const to = redis.masters.find(({ port }) => port !== from.port);
    if (to === undefined) throw new Error('another master');
    const publisher = await join(node);
    await publisher.request('room:message', { room, data: 'first' });
    const replies: Promise<Frame>[] = [];
    let accepted = 0;
    const send = async (): Promise<Frame> => {
      const reply = await publisher.request('room:message', { room, data: 1 });
      if (reply.type === 'ack') accepted += 1;
      return reply;
    };
    const sending = setInterval(() => replies.push(send()), 5);
    cleanUp(() => clearInterval(sending));
    // What was begun while nothing could be done there waits, and what comes later must not overtake it.
    await redis.move(slot, to, () => delay(250));
    // On a machine so busy that the move took too long, all that waited was refused.
    const before = accepted;
    await eventually(
      () => accepted - before,
      (more) => more > 10,
    );
    clearInterval(sending);
    const offsets = (await Promise.all(replies)).flatMap(({ payload }) => (payload.offset as number | undefined) ?? []);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  });

  it('find a lost delivery while another master is away, with nobody to take its place', async () => {
    const redisPrefix = randomUUID();
    const [node] = await startNodes(1, { redisPrefix });
    if (node === undefined) throw new Error('a node');
    const member = await join(node, {}, ...ROOMS);
    const [room = ''] = ROOMS;
    const owner = await redis.ownerOf(await slotOf(room));
    const others: TestRedis[] = [];
    for (const other of ROOMS) others.push(await redis.ownerOf(await slotOf(other)));
    const lost = others.find((other) => other !== owner);
    if (lost === undefined) throw new Error('another master');
    const replica = redis.replicas[redis.masters.indexOf(lost)];
    await replica?.kill();
    await lost.kill();
    await publishUndelivered(owner, room, '"lost"', { prefix: redisPrefix, isCluster: true });
    expect((await member.next('room:message')).payload).toMatchObject({ room, data: 'lost' });
    await lost.launch();
    await replica?.launch();
    await redis.settled();
  });

  it('go on with a replica that takes over while its master is healthy, and lose nothing', async () => {
    const nodes = await startNodes(2);
    const traffic = await startTraffic(nodes);
    await traffic.goesOn(100);
    const slot = await slotOf(ROOMS[0] ?? '');
    const master = await redis.ownerOf(slot);
    const replica = await redis.replicaOf(master);
    await replica.command('CLUSTER', 'FAILOVER');
    await eventually(
      () => redis.ownerOf(slot),
      (owner) => owner === replica,
    );
    await traffic.goesOn(200);
    await deliversDirectly(nodes, traffic);
    await traffic.end();
    expect(await traffic.verdict()).toEqual([]);
    expect(traffic.losses).toEqual([]);
    await inSync(master);
  });

  it('go on with its replica when a master dies, and give back what it had not passed on', async () => {
    const nodes = await startNodes(2);
    const traffic = await startTraffic(nodes);
    await traffic.goesOn(100);
    const master = await redis.ownerOf(await slotOf(ROOMS[0] ?? ''));
    await stopReplication(master);
    await traffic.goesOn(50);
    await master.kill();
    await redis.settled(redis.servers.filter((server) => server !== master));
    await ready(...nodes);
    await traffic.goesOn(200);
    await deliversDirectly(nodes, traffic);
    await traffic.end();
    expect(await traffic.verdict()).toEqual([]);
    expect(traffic.losses).toEqual([]);
    await master.launch();
    await inSync(master);
  });
});

async function sum(nodes: readonly TestServer[], series: string): Promise<number> {
  const counts = await Promise.all(nodes.map((node) => metric(node, series)));
  return counts.reduce((total, count) => total + count, 0);
}

/** Resolves when somebody has been told to come again. */
async function refuses(nodes: readonly TestServer[]): Promise<void> {
  await eventually(
    () => sum(nodes, 'errors_total{code="UNAVAILABLE"}'),
    (count) => count > 0,
  );
}

/** Deliveries come by themselves again: nothing has to be read from history because it was missing. */
async function deliversDirectly(nodes: readonly TestServer[], traffic: Traffic): Promise<void> {
  const mended = (): Promise<number> => sum(nodes, 'mended_total');
  await eventually(
    async () => {
      const before = await mended();
      await traffic.goesOn(100);
      return (await mended()) - before;
    },
    (more) => more === 0,
  );
}
