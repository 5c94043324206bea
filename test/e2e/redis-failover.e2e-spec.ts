import type { Position } from '../../src/protocol/position.js';
import { connectAgain, join, type Frame, type TestClient } from '../support/client.js';
import { NODE_OPTIONS, publishSafely, readiness, ready } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

interface Pair {
  readonly primary: TestRedis;
  readonly replica: TestRedis;
  readonly proxy: TcpProxy;
  readonly node: TestServer;
}

/** A node on a primary that has a replica. */
async function startPair(): Promise<Pair> {
  const [primary, replica] = [await startRedis({ config: { 'repl-diskless-sync-delay': '0' } }), await startRedis()];
  await replica.command('REPLICAOF', '127.0.0.1', String(primary.port));
  await eventually(
    async () => String(await replica.command('INFO', 'replication')),
    (info) => info.includes('master_link_status:up'),
  );
  return { primary, replica, ...(await startNode(primary)) };
}

/** A node that reaches Redis by a way of its own. */
async function startNode(primary: TestRedis): Promise<Pick<Pair, 'proxy' | 'node'>> {
  const proxy = await TcpProxy.start(primary.port);
  const node = await startServer({ ...NODE_OPTIONS, redisUrl: `redis://127.0.0.1:${proxy.port}` });
  return { proxy, node };
}

async function offsetOf(redis: TestRedis): Promise<string | undefined> {
  const info = String(await redis.command('INFO', 'replication'));
  return /(?:master|slave)_repl_offset:(\d+)/.exec(info)?.[1];
}

async function hasReplicated({ primary, replica }: Pair): Promise<void> {
  await eventually(
    async () => [await offsetOf(primary), await offsetOf(replica)],
    ([one, other]) => one !== undefined && one === other,
  );
}

const gapIn = (client: TestClient, recovered: true | undefined): Promise<Frame> =>
  client.nextWhere(
    ({ type, payload }) => type === 'room:gap' && payload.room === 'r' && payload.recovered === recovered,
    'a gap',
  );

const gets = (member: TestClient, data: unknown): Promise<Frame> =>
  member.nextWhere(({ type, payload }) => type === 'room:message' && payload.data === data);

describe('a failover', () => {
  it('to a replica that had everything loses nothing; until it is promoted, publishing is unavailable', async () => {
    const pair = await startPair();
    const { primary, replica, proxy, node } = pair;
    const member = await join(node, {}, 'r');
    const publisher = await join(node, { claims: { sub: 'p' } });
    await publishSafely(publisher, 'r', 1, 'i1');
    await hasReplicated(pair);
    await primary.kill();
    proxy.leadTo(replica.port);
    const { broker } = await eventually(
      () => readiness(node),
      ({ broker: { message = '' } }) => message.includes('the server is a replica'),
    );
    expect(broker.status).toBe('down');
    const refused = await publisher.request('room:message', { room: 'r', data: 2, id: 'i2' });
    expect(refused).toMatchObject({ type: 'error', payload: { code: 'UNAVAILABLE' } });
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await ready(node);
    await publishSafely(publisher, 'r', 2, 'i2');
    expect((await gapIn(member, true)).payload).toMatchObject({ offset: 1 });
    for (const n of [1, 2]) expect((await member.next('room:message')).payload.data).toBe(n);
  });

  it('to a replica that was behind loses nothing that a node has seen', async () => {
    const pair = await startPair();
    const { primary, replica, proxy, node } = pair;
    const member = await join(node, {}, 'r');
    const publisher = await join(node, { claims: { sub: 'p' } });
    const { epoch } = (await publishSafely(publisher, 'r', 1, 'i1')).payload as Position;
    await hasReplicated(pair);
    // With the replica's connection cut, what follows does not get there.
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await publishSafely(publisher, 'r', 2, 'i2');
    await member.nextWhere(({ payload }) => payload?.data === 2);
    await primary.kill();
    proxy.leadTo(replica.port);
    await ready(node);
    expect((await gapIn(member, true)).payload).toMatchObject({ reason: 'epoch', offset: 2 });
    const back = await connectAgain(node);
    const joined = await back.request('join', { room: 'r', recover: { epoch, offset: 1 } });
    expect(joined.payload).toMatchObject({ recovered: true });
    expect((await back.next('room:message')).payload).toMatchObject({ data: 2, offset: 2 });
    expect((await publishSafely(publisher, 'r', 2, 'i2')).payload).toMatchObject({ duplicate: true, epoch, offset: 2 });
  });

  it('that nodes notice one after the other is told again, where one was still accepted by the old primary', async () => {
    const pair = await startPair();
    const { primary, replica, proxy, node } = pair;
    const late = await startNode(primary);
    const member = await join(node, {}, 'r');
    const publisher = await join(late.node, { claims: { sub: 'p' } });
    await publishSafely(publisher, 'r', 1, 'i1');
    await hasReplicated(pair);
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await publishSafely(publisher, 'r', 2, 'i2');
    await gets(member, 2);
    proxy.leadTo(replica.port);
    expect((await gapIn(member, true)).payload).toMatchObject({ offset: 2 });
    const { payload } = await publishSafely(publisher, 'r', 3, 'i3');
    expect(payload).toMatchObject({ offset: 3 });
    late.proxy.leadTo(replica.port);
    const { epoch, offset } = (await gapIn(member, undefined)).payload;
    expect(offset).toBe(2);
    // It is told once: neither the same node nor another one that knows no more has the room begin anew.
    await publishSafely(publisher, 'r', 4, 'i4');
    expect((await gets(member, 4)).payload).toMatchObject({ offset: 3 });
    for (const way of [proxy, late.proxy]) way.cut();
    await ready(node, late.node);
    const accepted = await publishSafely(publisher, 'r', 5, 'i5');
    expect(accepted.payload).toMatchObject({ epoch, offset: 4 });
    expect((await gets(member, 5)).payload).toMatchObject({ offset: 4 });
  });

  it('parts the histories: whoever stayed with the old primary gets what follows there, and nothing twice', async () => {
    const pair = await startPair();
    const { primary, replica, proxy, node } = pair;
    const late = await startNode(primary);
    const [early, stayed] = [await join(node, {}, 'r'), await join(late.node, {}, 'r')];
    const publishers = {
      new: await join(node, { claims: { sub: 'p' } }),
      old: await join(late.node, { claims: { sub: 'q' } }),
    };
    const { epoch } = (await publishSafely(publishers.new, 'r', 'both', 'b')).payload as Position;
    for (const member of [early, stayed]) await gets(member, 'both');
    await hasReplicated(pair);
    await replica.command('REPLICAOF', 'NO', 'ONE');
    proxy.leadTo(replica.port);
    // It waits for the other node, which got the last message, too, and never comes.
    await publishSafely(publishers.new, 'r', 'new', 'n');
    await publishSafely(publishers.old, 'r', 'old', 'o');
    await gets(stayed, 'old');
    late.proxy.leadTo(replica.port);
    const gap = await gapIn(stayed, undefined);
    expect(gap.payload).toMatchObject({ reason: 'epoch', offset: 1 });
    expect((await gets(stayed, 'new')).payload.offset).toBe(2);
    // The others hear that something was accepted that they will not get, and have lost nothing else.
    expect((await gapIn(early, undefined)).payload).toMatchObject({ reason: 'epoch', offset: 2 });
    await publishSafely(publishers.old, 'r', 'after', 'a');
    for (const member of [early, stayed]) {
      await gets(member, 'after');
      expect(member.takeAll('room:message').map(({ payload }) => payload.data as unknown)).toEqual(
        member === early ? ['new'] : [],
      );
    }
    // Who comes back from before the parting is told of the loss, too, and gets all that the room has.
    const back = await connectAgain(node);
    const joined = await back.request('join', { room: 'r', recover: { epoch, offset: 1 } });
    expect(joined.payload).toMatchObject({ recovered: false, reason: 'epoch', offset: 1 });
    expect((await gets(back, 'after')).payload.offset).toBe(3);
    expect(back.takeAll('room:message').map(({ payload }) => payload.data as unknown)).toEqual(['new']);
  });
});
