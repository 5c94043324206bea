import { readFileSync } from 'node:fs';

import request from 'supertest';

import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { connect, connectAgain, join } from '../support/client.js';
import { knowsOthers, NODE_OPTIONS, publishSafely, readiness, ready } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { upTo, positionOf } from '../support/pair-of-nodes.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startServer, tokenFor, type TestServer } from '../support/server.js';
import { ticketFor } from '../support/tickets.js';

const USER = 'rookery';
const PASSWORD = 'secret';

/** The line that operators are told to use. */
function documentedRules(): string[] {
  const document = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const [line] = /^ACL SETUSER rookery .*$/m.exec(document) ?? [];
  if (line === undefined) throw new Error('docs/operations.md has no line for the user');
  return line.split(' ').slice(3);
}

/** A Redis with the user of the documents, and rules that come after those. */
async function startRedisFor(...more: string[]): Promise<TestRedis> {
  const redis = await startRedis();
  await redis.command('ACL', 'SETUSER', USER, ...documentedRules(), ...more);
  return redis;
}

function startNode(redis: TestRedis, more: RookeryOptionsInput = {}): Promise<TestServer> {
  const redisUrl = `redis://${USER}:${PASSWORD}@127.0.0.1:${redis.port}`;
  return startServer({ ...NODE_OPTIONS, maxConnectionsPerUser: 3, redisUrl, ...more });
}

/** What nobody was allowed to do since it was reset. */
async function denied(redis: TestRedis): Promise<unknown> {
  return redis.command('ACL', 'LOG');
}

describe('a Redis user with exactly the rights of the documents', () => {
  it('serves everything: messages, history, presence, counts, tickets, acknowledgements, revocation', async () => {
    const redis = await startRedisFor();
    const [one, two] = [await startNode(redis), await startNode(redis)];
    await ready(one, two);
    for (const node of [one, two]) await knowsOthers(node, 1);
    const alice = await join(one, {}, 'r');
    const bob = await join(two, { claims: { sub: 'bob' } }, 'r');
    const before = await positionOf(bob);
    for (let n = 1; n <= 3; n += 1) await publishSafely(alice, 'r', n, `i${n}`);
    expect((await publishSafely(alice, 'r', 3, 'i3')).payload).toMatchObject({ duplicate: true });
    await alice.request('room:message', { room: 'r', data: 'volatile', volatile: true });
    expect(await upTo(bob, 'volatile')).toEqual([1, 2, 3, 'volatile']);
    const history = await bob.request('history', { room: 'r' });
    expect(history).toMatchObject({ type: 'history' });
    const { payload: seen } = await bob.request('presence', 'r');
    expect(seen).toMatchObject({ size: 2 });
    expect(await bob.request('ack', { room: 'r', offset: 3, epoch: before.epoch })).not.toMatchObject({
      payload: { code: 'UNAVAILABLE' },
    });
    const carol = await connectAgain(one, { claims: { sub: 'carol' } });
    const joined = await carol.request('join', { room: 'r', recover: before });
    expect(joined.payload).toMatchObject({ recovered: true });
    await connect(two, { token: await ticketFor(one, { sub: 'dave' }) });
    const admin = tokenFor({ sub: 'root', scope: 'admin' });
    await request(one.http).post('/api/users/bob/revoke').auth(admin, { type: 'bearer' }).expect(200);
    expect(await bob.closed).toMatchObject({ code: 4401 });
    // What is renewed and compared at an interval was, too.
    await redis.cutConnections();
    await eventually(() => publishSafely(alice, 'r', 4, 'i4'), Boolean);
    expect(await denied(redis)).toEqual([]);
  });

  it('serves a database of its own', async () => {
    const redis = await startRedisFor();
    const node = await startNode(redis, { redisUrl: `redis://${USER}:${PASSWORD}@127.0.0.1:${redis.port}/2` });
    await ready(node);
    await publishSafely(await join(node, {}, 'r'), 'r', 1, 'i');
    expect(await denied(redis)).toEqual([]);
  });
});

describe('a Redis user who lacks a right at the start', () => {
  it.each([
    ['-info', '+info'],
    ['-evalsha', '+evalsha'],
    ['-eval', '+eval'],
    ['-spublish', '+spublish'],
    ['-ssubscribe', '+ssubscribe'],
    ['-xadd', '+xadd'],
    ['-hgetall', '+hgetall'],
    ['-zadd', '+zadd'],
  ])('by %s keeps the node from being ready, and readiness names %s', async (taken, right) => {
    const redis = await startRedisFor(taken);
    const node = await startNode(redis);
    const { broker } = await eventually(
      () => readiness(node),
      (answer) => answer.status === 503 && answer.broker.message?.includes(right) === true,
    );
    expect(broker.message).not.toContain(PASSWORD);
    await expect(connect(node)).rejects.toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    await redis.command('ACL', 'SETUSER', USER, right);
    await ready(node);
    await eventually(() => join(node, {}, 'r').catch(() => undefined), Boolean);
  });

  it.each([
    ['keys of rooms', ['resetkeys', '~rookery:*'], '~rookery{*'],
    ['channels of rooms', ['resetchannels', '&rookery:*'], '&rookery{*'],
    ['channels of nodes', ['resetchannels', '&rookery{*'], '&rookery:*'],
    ['all channels', ['resetchannels'], '&rookery{* &rookery:*'],
  ])('to %s keeps the node from being ready, and readiness names the pattern', async (_what, rules, pattern) => {
    const redis = await startRedisFor(...rules);
    const node = await startNode(redis);
    await eventually(
      () => readiness(node),
      (answer) => answer.status === 503 && answer.broker.message?.endsWith(pattern) === true,
    );
    await expect(connect(node)).rejects.toMatchObject({ status: 503 });
  });

  it('to other keys keeps the node from being ready', async () => {
    const redis = await startRedisFor('resetkeys', '~rookery{*');
    const node = await startNode(redis);
    const { broker } = await eventually(
      () => readiness(node),
      ({ status }) => status === 503,
    );
    expect(broker.message).toBe('Redis: the user lacks the right to a key');
  });
});

describe('a Redis user who loses a right', () => {
  it('is named in the log once, with the right', async () => {
    const redis = await startRedisFor();
    const node = await startNode(redis);
    const logger = new RecordingLogger();
    node.app.useLogger(logger);
    await ready(node);
    await redis.command('ACL', 'SETUSER', USER, '-spublish');
    for (let n = 0; n < 20; n += 1) {
      await eventually(
        () => readiness(node),
        ({ status }) => status === 503,
      );
    }
    const lines = logger.warnings.filter((line) => line.includes('+spublish'));
    expect(lines).toEqual([
      expect.stringContaining('Redis: the user lacks the rights +spublish; this node is not ready'),
    ]);
  });

  it.each(['spublish', 'ssubscribe', 'evalsha', 'xadd', 'info'])(
    'to %s makes its nodes not ready at once, and ready when it is back; messages come once and in order',
    async (command) => {
      const redis = await startRedisFor();
      const [one, two] = [await startNode(redis), await startNode(redis)];
      await ready(one, two);
      const publisher = await join(one, {});
      const member = await join(two, { claims: { sub: 'bob' } }, 'r');
      await publishSafely(publisher, 'r', 1, 'i1');
      await redis.command('ACL', 'SETUSER', USER, `-${command}`);
      for (const node of [one, two]) {
        await eventually(
          () => readiness(node),
          (answer) => answer.status === 503 && answer.broker.message?.includes(`+${command}`) === true,
        );
        await expect(connect(node)).rejects.toMatchObject({ status: 503 });
      }
      const refused = publishSafely(publisher, 'r', 2, 'i2');
      await publisher.settle();
      await redis.command('ACL', 'SETUSER', USER, `+${command}`);
      await refused;
      await ready(one, two);
      await publishSafely(publisher, 'r', 3, 'i3');
      expect(await upTo(member, 3)).toEqual([1, 2, 3]);
      expect(member.takeAll('room:gap')).toEqual([]);
      const late = await join(two, { claims: { sub: 'late' } });
      const { payload } = await late.request('history', { room: 'r' });
      expect((payload as { messages: { data: unknown }[] }).messages.map(({ data }) => data)).toEqual([1, 2, 3]);
    },
  );
});
