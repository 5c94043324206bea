import { connectAgain, join, type TestClient } from '../support/client.js';
import { ready, startNodes } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis.js';
import { publishUndelivered } from '../support/undelivered.js';

const texts = (client: TestClient, type = 'room:message'): unknown[] =>
  client.takeAll(type).map(({ payload }) => payload.data as unknown);

describe('two nodes over one Redis', () => {
  it('give all members of a room the same messages in the same order', async () => {
    const redis = await startRedis();
    const [one, two] = await startNodes(redis, 2);
    if (one === undefined || two === undefined) throw new Error('two nodes');
    const members = await Promise.all([one, two, one, two].map((node) => join(node, { claims: { sub: 'm' } }, 'r')));
    const publishers = await Promise.all([one, two].map((node, n) => join(node, { claims: { sub: `p${n}` } })));
    for (let n = 0; n < 40; n += 1) {
      for (const publisher of publishers) publisher.send('room:message', { room: 'r', data: n });
    }
    for (const publisher of publishers) await publisher.settle();
    const seen = await Promise.all(
      members.map(async ({ queue }) => {
        await eventually(
          () => queue.length,
          (count) => count === 80,
        );
        return queue.map(({ payload }) => [payload.offset, payload.data, payload.from, payload.id] as unknown);
      }),
    );
    expect(new Set(seen.map((messages) => JSON.stringify(messages))).size).toBe(1);
    expect(seen[0]?.map((message) => (message as number[])[0])).toEqual(Array.from({ length: 80 }, (_, n) => n + 1));
  });

  it('reach everybody and every connection of a user', async () => {
    const redis = await startRedis();
    const [one, two] = await startNodes(redis, 2);
    if (one === undefined || two === undefined) throw new Error('two nodes');
    const alices = [await join(one), await join(two)];
    const bob = await join(two, { claims: { sub: 'bob', scope: 'admin' } });
    await bob.request('user:message', { userId: 'alice', data: 'to alice' });
    await bob.request('broadcast', { data: 'to all' });
    for (const alice of alices) {
      expect((await alice.next('user:message')).payload).toMatchObject({ data: 'to alice', from: 'bob' });
      expect((await alice.next('broadcast')).payload).toMatchObject({ data: 'to all' });
    }
  });

  it('keep the numbering of a room with members, though nothing is published for longer than it is remembered', async () => {
    const redis = await startRedis();
    const [node] = await startNodes(redis, 1, { positionTtlMs: 6000 });
    if (node === undefined) throw new Error('a node');
    const member = await join(node, {}, 'r');
    const { epoch } = (await member.request('room:message', { room: 'r', data: 1 })).payload as { epoch: string };
    const key = 'rookery{r}:m';
    let left = Infinity;
    const isRenewed = async (): Promise<boolean> => {
      const before = left;
      left = Number(await redis.command('PTTL', key));
      return left > before;
    };
    await eventually(isRenewed, Boolean, 40_000);
    expect(await redis.command('HGET', key, 'e')).toBe(epoch);
    expect(member.takeAll('room:gap')).toEqual([]);
  });

  it('take a message once, whichever of them it is repeated to', async () => {
    const redis = await startRedis();
    const [one, two] = await startNodes(redis, 2);
    if (one === undefined || two === undefined) throw new Error('two nodes');
    const member = await join(one, { claims: { sub: 'm' } }, 'r');
    const [first, second] = [await join(one), await join(two)];
    const ack = await first.request('room:message', { room: 'r', data: 1, id: 'x' });
    const again = await second.request('room:message', { room: 'r', data: 1, id: 'x' });
    expect(again.payload).toEqual({ ...ack.payload, duplicate: true });
    await second.request('room:message', { room: 'r', data: 2 });
    await member.nextWhere(({ payload }) => payload?.data === 2);
    expect(texts(member)).toEqual([1]);
  });

  it('let a member go on at the other one, from where it stood', async () => {
    const redis = await startRedis();
    const [one, two] = await startNodes(redis, 2);
    if (one === undefined || two === undefined) throw new Error('two nodes');
    const publisher = await join(two, { claims: { sub: 'p' } });
    const member = await connectAgain(one);
    const { payload: start } = await member.request('join', 'r');
    await member.close();
    for (let n = 1; n <= 5; n += 1) await publisher.request('room:message', { room: 'r', data: n });
    const back = await connectAgain(two);
    const { epoch, offset } = start as { epoch: string; offset: number };
    const joined = await back.request('join', { room: 'r', recover: { epoch, offset } });
    expect(joined.payload).toMatchObject({ recovered: true, offset: 0 });
    for (let n = 1; n <= 5; n += 1) expect((await back.next('room:message')).payload.data).toBe(n);
  });

  it('find the loss of a room’s last delivery by themselves', async () => {
    const redis = await startRedis();
    const [one, two] = await startNodes(redis, 2);
    if (one === undefined || two === undefined) throw new Error('two nodes');
    const members = [await join(one, {}, 'r'), await join(two, {}, 'r')];
    await publishUndelivered(redis, 'r', '"lost"');
    for (const member of members) {
      expect((await member.next('room:message')).payload).toMatchObject({ data: 'lost', offset: 1 });
    }
  });

  it('are not ready while they cannot reach each other: they would have to refuse connections', async () => {
    const redis = await startRedis();
    const [one] = await startNodes(redis, 1);
    if (one === undefined) throw new Error('a node');
    await ready(one);
    // What only the connection between nodes needs when it is made.
    await redis.command('ACL', 'SETUSER', 'default', '-zrangebyscore');
    const clients = String(await redis.command('CLIENT', 'LIST'));
    const [, id = ''] = /id=(\d+) [^\n]* name=rookery-nodes /.exec(clients) ?? [];
    await redis.command('CLIENT', 'KILL', 'ID', id);
    await eventually(
      async () =>
        (await (await fetch(`${one.http}/health/ready`)).json()) as { details: { nodes: { status: string } } },
      ({ details }) => details.nodes.status === 'down',
    );
    await redis.command('ACL', 'SETUSER', 'default', '+zrangebyscore');
    await ready(one);
  });

  it('subscribe a room for as long as it has members there, and leave nothing in Redis that does not expire', async () => {
    const redis = await startRedis();
    const [one] = await startNodes(redis, 1);
    if (one === undefined) throw new Error('a node');
    const channels = async () => (await redis.command('PUBSUB', 'SHARDCHANNELS', 'rookery{*')) as string[];
    const member = await join(one, {}, 'r');
    await member.request('room:message', { room: 'r', data: 1, id: 'x' });
    await member.request('room:message', { room: 'r', data: 2, volatile: true });
    await member.request('ack', { room: 'r', ...(await positionOf(member)) });
    expect(await channels()).toContain('rookery{r}:c');
    await member.request('leave', 'r');
    await eventually(channels, (open) => !open.includes('rookery{r}:c'));
    await member.close();
    await eventually(channels, (open) => open.length === 0);
    const keys = (await redis.command('KEYS', '*')) as string[];
    expect(keys.length).toBeGreaterThanOrEqual(5);
    for (const key of keys) expect([key, await redis.command('PTTL', key)]).not.toEqual([key, -1]);
  });
});

async function positionOf(member: TestClient): Promise<{ epoch: string; offset: number }> {
  const { epoch, offset } = (await member.request('join', 'r')).payload as { epoch: string; offset: number };
  return { epoch, offset };
}
