import { eventually } from '../support/eventually.js';
import { plainClient } from '../support/plain-client.js';
import { TestRedis } from '../support/redis.js';
import { tokenFor } from '../support/server.js';
import { MANY_TRIES_MS, allWorkers, startWorkers } from '../support/workers.js';

let redis: TestRedis;

beforeAll(async () => {
  redis = await TestRedis.start();
});

afterAll(() => redis.remove());

describe('several processes on one port', () => {
  it('are one server that says once where it is, replace one that dies, and end together with 0', async () => {
    const server = startWorkers(redis);
    const port = await server.port();
    const [first = 0, ...others] = await allWorkers(port);

    const clients = await Promise.all(
      Array.from({ length: 6 }, (_, n) => plainClient(`ws://127.0.0.1:${port}/ws?token=${tokenFor({ sub: `u${n}` })}`)),
    );
    for (const client of clients) await client.request('join', 'r');
    await clients[0]?.request('room:message', { room: 'r', data: 'hello' });
    for (const client of clients.slice(1)) expect((await client.next('room:message')).payload.data).toBe('hello');

    process.kill(first, 'SIGKILL');
    const after = await eventually(
      () => allWorkers(port).catch(() => [first]),
      (workers) => !workers.includes(first),
      MANY_TRIES_MS,
    );
    expect(after).toEqual(expect.arrayContaining(others));

    server.kill('SIGTERM');
    await server.exited;
    expect(server.exitCode()).toBe(0);
    // Not by the other worker, and not by the one that took the place of the first.
    expect(server.output().match(/Rookery is running/g)).toHaveLength(1);
  });

  it('end, and say what is wrong with a setting', async () => {
    const broken = startWorkers(redis, { REDIS_URL: '' });
    await broken.exited;
    expect(broken.exitCode()).toBe(1);
    await eventually(broken.output, (output) => output.includes('WORKERS and REDIS_URL'));
  });
});
