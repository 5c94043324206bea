import request from 'supertest';

import { Cluster } from '../../src/cluster/cluster.js';
import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { connect, connectAgain, join, type TestClient } from '../support/client.js';
import { knowsOthers, startNodes } from '../support/cluster.js';
import { positionOf, upTo } from '../support/pair-of-nodes.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startSentinels } from '../support/sentinels.js';
import { tokenFor, type TestServer } from '../support/server.js';

const ADMIN = tokenFor({ sub: 'root', scope: 'admin' });

/** One of several deployments on the same Redis. */
interface Deployment {
  readonly one: TestServer;
  readonly two: TestServer;
}

async function startDeployment(redis: TestRedis, options: RookeryOptionsInput): Promise<Deployment> {
  const [one, two] = await startNodes(redis, 2, { maxConnectionsPerUser: 2, ...options });
  if (one === undefined || two === undefined) throw new Error('two nodes');
  return { one, two };
}

/** Has two deployments with the same users, rooms and ids on one Redis. */
async function keepApart(first: Deployment, second: Deployment): Promise<void> {
  const both = [first, second];
  // No node takes one of the other deployment for its own.
  for (const { one, two } of both) for (const node of [one, two]) await knowsOthers(node, 1);
  const alices: TestClient[] = [];
  const bobs: TestClient[] = [];
  for (const { one, two } of both) {
    alices.push(await join(one, {}, 'r'));
    bobs.push(await join(two, { claims: { sub: 'bob' } }, 'r'));
  }
  const positions = await Promise.all(bobs.map(positionOf));
  for (let n = 1; n <= 10; n += 1) {
    for (const [index, alice] of alices.entries()) {
      const reply = await alice.request('room:message', { room: 'r', data: `${index}-${n}`, id: `id-${n}` });
      expect(reply).toMatchObject({ type: 'ack', payload: { offset: n } });
    }
  }
  for (const [index, bob] of bobs.entries()) {
    const own = Array.from({ length: 10 }, (_none, n) => `${index}-${n + 1}`);
    expect(await upTo(bob, `${index}-10`)).toEqual(own);
    expect(bob.takeAll('room:gap')).toEqual([]);
    const back = await connectAgain(both[index]?.one ?? first.one, { claims: { sub: 'carol' } });
    const { payload } = await back.request('join', { room: 'r', recover: positions[index] });
    expect(payload).toMatchObject({ recovered: true });
    expect(await upTo(back, `${index}-10`)).toEqual(own);
    await back.close();
    const { payload: seen } = await bob.request('presence', 'r');
    expect(seen).toMatchObject({ room: 'r', size: 2 });
    expect(seen).not.toHaveProperty('partial');
  }
  // Two connections of a user are allowed in each deployment.
  for (const { one, two } of both) {
    await join(two);
    await expect(connect(one)).rejects.toMatchObject({ status: 429 });
  }
  for (const [index, { one, two }] of both.entries()) {
    const [asking, answering] = [one, two].map((node) => node.app.get<Cluster>(Cluster, { strict: false }));
    answering?.on('deployment', () => index);
    const asked = await asking?.ask('deployment', null);
    expect(asked).toMatchObject({ answers: [{ answer: index }], partial: false, gone: [] });
  }

  await request(first.one.http).post('/api/users/bob/revoke').auth(ADMIN, { type: 'bearer' }).expect(200);
  expect(await bobs[0]?.closed).toMatchObject({ code: 4401 });
  await request(first.two.http).delete('/api/users/alice/connections').auth(ADMIN, { type: 'bearer' }).expect(200);
  expect(await alices[0]?.closed).toMatchObject({ code: 4403 });
  await alices[1]?.settle();
  await bobs[1]?.settle();
  expect((await bobs[1]?.request('presence', 'r'))?.payload).toMatchObject({ size: 2 });
}

describe('two deployments on one Redis', () => {
  it('are apart in everything by the number of their database', async () => {
    const redis = await startRedis();
    const first = await startDeployment(redis, {});
    const second = await startDeployment(redis, { redisUrl: `${redis.url}/1` });
    await keepApart(first, second);
  });

  it('are apart in everything by two databases of which neither is the first', async () => {
    const redis = await startRedis();
    const first = await startDeployment(redis, { redisUrl: `${redis.url}/1` });
    const second = await startDeployment(redis, { redisUrl: `${redis.url}/11` });
    await keepApart(first, second);
  });

  it('are apart in everything by their prefix', async () => {
    const redis = await startRedis();
    const first = await startDeployment(redis, { redisPrefix: 'rookery' });
    const second = await startDeployment(redis, { redisPrefix: 'rookery2' });
    await keepApart(first, second);
  });

  it('are apart by their database behind sentinels', async () => {
    const sentinels = await startSentinels();
    const found = { redisSentinels: sentinels.addresses, redisSentinelName: sentinels.name };
    const { master } = sentinels;
    const first = await startDeployment(master, { ...found, redisUrl: 'redis://ignored' });
    const second = await startDeployment(master, { ...found, redisUrl: 'redis://ignored/3' });
    await keepApart(first, second);
    expect(String(await master.command('INFO', 'keyspace'))).toMatch(/db0:[^]*db3:/);
  });

  it('keep the names of channels in database 0, so that older nodes and newer ones hear each other', async () => {
    const redis = await startRedis();
    const [node] = await startNodes(redis, 1, { redisUrl: `${redis.url}/0` });
    if (node === undefined) throw new Error('a node');
    await join(node, {}, 'r');
    const channels = (await redis.command('PUBSUB', 'SHARDCHANNELS')) as string[];
    expect(channels).toEqual(expect.arrayContaining(['rookery{r}:c', 'rookery:{nodes}:all']));
  });
});
