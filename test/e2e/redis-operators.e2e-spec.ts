import request from 'supertest';

import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { connect, join } from '../support/client.js';
import { startNodes } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { TestRedis } from '../support/redis.js';
import { tokenFor, type Claims, type TestServer } from '../support/server.js';

const ADMIN = { sub: 'root', scope: 'admin' };

let redis: TestRedis;

beforeAll(async () => {
  redis = await TestRedis.start();
});

afterAll(() => redis.remove());

function call(node: TestServer, method: 'get' | 'post' | 'delete', path: string, claims: Claims): request.Test {
  return request(node.http)[method](path).auth(tokenFor(claims), { type: 'bearer' });
}

async function twoNodes(options: RookeryOptionsInput = {}): Promise<readonly [TestServer, TestServer]> {
  await redis.command('FLUSHALL');
  const [one, two] = await startNodes(redis, 2, options);
  if (one === undefined || two === undefined) throw new Error('two nodes');
  return [one, two];
}

describe('operators of two nodes', () => {
  it('see a room’s size and members over both', async () => {
    const [one, two] = await twoNodes();
    const alice = await join(one, {}, 'r');
    await join(two, { claims: { sub: 'bob' } }, 'r');
    const { body } = await eventually(
      () => call(one, 'get', '/api/rooms/r/members', ADMIN),
      (answer) => (answer.body as { size: number }).size === 2,
    );
    const users = (body as { members: { userId: string }[] }).members.map(({ userId }) => userId);
    expect(users.toSorted()).toEqual(['alice', 'bob']);
    expect(body).not.toHaveProperty('partial');
    expect((await call(two, 'get', '/api/rooms/r', ADMIN)).body).toEqual({ room: 'r', size: 2 });
    expect((await alice.request('presence', 'r')).payload).toMatchObject({ room: 'r', size: 2 });
  });

  it('close a connection on the other one, and all of a user on both', async () => {
    const [one, two] = await twoNodes();
    const members = [await join(one), await join(two), await join(two)];
    const third = await call(two, 'get', '/api/connections', ADMIN);
    const { node, connections } = third.body as { node: string; connections: { clientId: string; node: string }[] };
    expect(connections[0]?.node).toBe(node);
    await call(one, 'delete', `/api/connections/${connections[0]?.clientId ?? ''}`, ADMIN).expect(204);
    expect(await members[1]?.closed).toMatchObject({ code: 4403 });
    await call(one, 'delete', '/api/connections/nobody', ADMIN).expect(404);
    const { body } = await call(one, 'delete', '/api/users/alice/connections', ADMIN).expect(200);
    expect(body).toEqual({ success: true, disconnected: 2 });
    for (const member of members) expect(await member.closed).toMatchObject({ code: 4403 });
  });

  it('revoke all of a user’s tokens on both, and for nodes to come', async () => {
    const [one, two] = await twoNodes();
    // Of now, however long the rest takes: what is issued in a later second than the revocation is good again.
    const iat = Math.floor(Date.now() / 1000);
    const members = [await join(one), await join(two)];
    const bob = await join(two, { claims: { sub: 'bob' } });
    await call(one, 'post', '/api/users/alice/revoke', ADMIN).expect(200);
    for (const member of members) expect(await member.closed).toEqual({ code: 4401, reason: 'token revoked' });
    const [three] = await startNodes(redis, 1);
    for (const node of [one, two, three]) {
      if (node === undefined) throw new Error('a node');
      await expect(connect(node, { claims: { iat } })).rejects.toMatchObject({ status: 401 });
    }
    await call(two, 'get', '/api/rooms/r', { iat }).expect(401);
    expect(await bob.request('auth:refresh', { token: tokenFor({ iat }) })).toMatchObject({
      payload: { code: 'TOKEN_INVALID' },
    });
    const later = Math.floor(Date.now() / 1000) + 2;
    expect((await connect(two, { claims: { iat: later } })).socket.readyState).toBe(1);
    await bob.settle();
  });

  it('revoke one token by its id', async () => {
    const [one, two] = await twoNodes();
    const revoked = await join(two, { claims: { jti: 'stolen' } });
    const other = await join(two, { claims: { jti: 'own' } });
    await call(one, 'post', '/api/tokens/revoke', ADMIN).send({ jti: 'stolen' }).expect(200);
    expect(await revoked.closed).toMatchObject({ code: 4401 });
    await expect(connect(two, { claims: { jti: 'stolen' } })).rejects.toMatchObject({ status: 401 });
    await other.settle();
    await call(one, 'post', '/api/tokens/revoke', ADMIN).send({}).expect(400);
    await call(one, 'post', '/api/tokens/revoke', {}).send({ jti: 'own' }).expect(403);
  });

  it('are told when an answer is not whole', async () => {
    const [one, two] = await twoNodes();
    await join(one, {}, 'r');
    await join(two, {}, 'r');
    await eventually(
      async () => (await call(one, 'get', '/api/rooms/r', ADMIN)).body as { size: number },
      ({ size }) => size === 2,
    );
    await redis.command('CLIENT', 'PAUSE', '1500', 'ALL');
    expect((await call(one, 'get', '/api/rooms/r', ADMIN)).body).toMatchObject({ room: 'r', size: 1, partial: true });
  });
});
