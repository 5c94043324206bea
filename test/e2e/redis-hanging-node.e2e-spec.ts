import request from 'supertest';

import { join, type TestClient } from '../support/client.js';
import { knowsOthers, NODE_OPTIONS } from '../support/cluster.js';
import { BUSY_MS, eventually } from '../support/eventually.js';
import { plainClient } from '../support/plain-client.js';
import { startProcess, type ServerProcess } from '../support/process.js';
import { startRedis } from '../support/redis.js';
import { SECRET, startServer, tokenFor, type TestServer } from '../support/server.js';

/** What an answer may take when a node hangs: a second, and what a busy machine adds. */
const ANSWER_MS = 1000 + BUSY_MS;

interface Pair {
  readonly node: TestServer;
  readonly other: ServerProcess;
  /** On the node that answers, and on the other one; both in room `r`. */
  readonly near: TestClient;
  readonly farId: string;
}

async function startPair(): Promise<Pair> {
  const redis = await startRedis();
  const node = await startServer({ ...NODE_OPTIONS, redisUrl: redis.url });
  const other = startProcess({ REDIS_URL: redis.url, JWT_SECRET: SECRET });
  const far = await plainClient(`ws://127.0.0.1:${await other.port()}/ws?token=${tokenFor({ sub: 'far' })}`);
  const { payload } = await far.next('connected');
  await far.request('join', 'r');
  await knowsOthers(node, 1);
  return { node, other, near: await join(node, { claims: { sub: 'near' } }, 'r'), farId: payload.clientId };
}

function call(node: TestServer, method: 'get' | 'delete', path: string): request.Test {
  const token = tokenFor({ sub: 'root', scope: 'admin' });
  return request(node.http)[method](`/api/${path}`).auth(token, { type: 'bearer' });
}

/** The answer, which has to be there in time. */
async function inTime<T>(answer: PromiseLike<T>): Promise<T> {
  const startedAt = performance.now();
  const settled = await answer;
  expect(performance.now() - startedAt).toBeLessThan(ANSWER_MS);
  return settled;
}

describe('operators and clients, while a node hangs', () => {
  it('get answers in time that say that they are not whole, and whole ones when it goes on', async () => {
    const { node, other, near, farId } = await startPair();
    expect((await call(node, 'get', 'rooms/r')).body).toEqual({ room: 'r', size: 2 });
    other.kill('SIGSTOP');
    const partial = { room: 'r', size: 1, partial: true };
    // All at once: after ten seconds a node counts as gone, and is not waited for any more.
    const [room, members, presence, closed, ...connections] = await inTime(
      Promise.all([
        call(node, 'get', 'rooms/r'),
        call(node, 'get', 'rooms/r/members'),
        near.request('presence', 'r'),
        call(node, 'delete', 'users/nobody/connections'),
        call(node, 'get', `connections/${farId}`),
        call(node, 'delete', 'connections/nobody'),
      ]),
    );
    expect(room.body).toEqual(partial);
    expect(members.body).toMatchObject(partial);
    expect(presence.payload).toMatchObject(partial);
    expect(closed.body).toEqual({ success: true, disconnected: 0, partial: true });
    for (const { status, body } of connections) {
      expect([status, (body as { code: string }).code]).toEqual([503, 'UNAVAILABLE']);
    }
    other.kill('SIGCONT');
    const { body } = await eventually(
      () => call(node, 'get', 'rooms/r'),
      (answer) => (answer.body as { size: number }).size === 2,
    );
    expect(body).toEqual({ room: 'r', size: 2 });
    await call(node, 'get', `connections/${farId}`).expect(200);
  });

  it('see a connection of another node, with its node’s name', async () => {
    const { node, other, farId } = await startPair();
    const { body } = await call(node, 'get', `connections/${farId}`).expect(200);
    expect(body).toMatchObject({ clientId: farId, userId: 'far', rooms: ['@all', '@user:far', 'r'] });
    expect((body as { node: string }).node).toContain(`-${other.pid}-`);
    await call(node, 'get', 'connections/nobody').expect(404);
    await call(node, 'delete', `connections/${farId}`).expect(204);
  });
});
