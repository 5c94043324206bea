import request from 'supertest';

import type { TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { plainClient } from '../support/plain-client.js';
import { startProcess, type ServerProcess } from '../support/process.js';
import { SECRET, tokenFor } from '../support/server.js';

/** So long that only a server which waits for nothing ends sooner, on any machine. */
const DRAIN_TIMEOUT_MS = 120_000;
/** How long a busy machine may take over the end of a process that waits for nothing. */
const EXIT_PATIENCE_MS = 60_000;
const KIB = 1024;

interface Server extends ServerProcess {
  readonly http: string;
  readonly ws: string;
}

async function start(settings: Readonly<Record<string, string>> = {}): Promise<Server> {
  const environment = {
    JWT_SECRET: SECRET,
    DRAIN_TIMEOUT_MS: String(DRAIN_TIMEOUT_MS),
    MAX_CONNECTIONS_PER_ADDRESS: '0',
    ...settings,
  };
  const server = startProcess(environment);
  const port = await server.port();
  return { ...server, http: `http://127.0.0.1:${port}`, ws: `ws://127.0.0.1:${port}/ws` };
}

async function enter({ ws }: Server, userId: string): Promise<TestClient> {
  const client = await plainClient(`${ws}?token=${tokenFor({ sub: userId })}`);
  await client.next('connected');
  return client;
}

async function enterMany(server: Server, count: number): Promise<TestClient[]> {
  const clients: TestClient[] = [];
  while (clients.length < count) {
    const batch = Array.from({ length: Math.min(100, count - clients.length) }, (_, n) =>
      enter(server, `user-${clients.length + n}`),
    );
    clients.push(...(await Promise.all(batch)));
  }
  return clients;
}

/** Waits for the end; returns the exit code and how long it took from the call on. */
async function end(server: Server): Promise<{ code: number | null; tookMs: number }> {
  const startedAt = performance.now();
  await server.exited;
  return { code: server.exitCode(), tookMs: performance.now() - startedAt };
}

describe('SIGTERM', () => {
  it('says goodbye to 1,000 clients, each with a delay of its own, spread over a while', async () => {
    const server = await start();
    const clients = await enterMany(server, 1000);
    const closedAt: number[] = [];
    const codes = clients.map(async (client) => {
      const { code } = await client.closed;
      closedAt.push(performance.now());
      return code;
    });

    // As long as one of them does not answer, the server is there and drains.
    const slow = clients[0] as TestClient;
    slow.socket.pause();
    server.kill('SIGTERM');
    const ended = end(server);
    const ready = await firstToldOf(clients).then(() => request(server.http).get('/health/ready'));
    expect(ready.status).toBe(503);
    expect(JSON.stringify(ready.body)).toContain('shutting down');
    expect((await request(server.http).get('/health/live')).status).toBe(200);
    await expect(enter(server, 'late')).rejects.toThrow('503');
    slow.socket.resume();

    expect(new Set(await Promise.all(codes))).toEqual(new Set([1001]));
    const delays = clients.map(({ queue }) => queue.map(({ type, payload }) => [type, typeof payload.reconnectInMs]));
    expect(new Set(delays.map((frames) => JSON.stringify(frames)))).toEqual(
      new Set(['[["server:draining","number"]]']),
    );
    const distinct = new Set(clients.map(({ queue }) => queue[0]?.payload.reconnectInMs));
    expect(distinct.size).toBeGreaterThan(300);
    expect(Math.max(...closedAt) - Math.min(...closedAt)).toBeGreaterThan(1000);

    const { code, tookMs } = await ended;
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(EXIT_PATIENCE_MS);
    await eventually(server.output, (output) => output.includes('Drained 1000 connections'));
  });

  it('ends an idle server at once', async () => {
    const server = await start();
    server.kill('SIGTERM');
    const { code, tookMs } = await end(server);
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(EXIT_PATIENCE_MS);
  });

  it('lets a client have all of what is on its way to it', async () => {
    const server = await start({ OUTBOX_BYTES: String(16 * KIB * KIB), RATE_LIMIT: '0' });
    const [sender, slow, witness] = await enterMany(server, 3).then(
      (clients) => clients as [TestClient, TestClient, TestClient],
    );
    await slow.request('join', 'general');
    slow.socket.pause();
    const messages = 100;
    for (let n = 1; n <= messages; n += 1) {
      const data = { n, text: 'x'.repeat(100 * KIB) };
      expect((await sender.request('room:message', { room: 'general', data })).type).toBe('ack');
    }
    expect(await outboxBytesOf(server, 'user-1')).toBeGreaterThan(KIB * KIB);

    server.kill('SIGTERM');
    const ended = end(server);
    await witness.next('server:draining');
    slow.socket.resume();
    expect(await slow.closed).toMatchObject({ code: 1001 });
    const got = slow.queue.map(({ type, payload }) => (type === 'room:message' ? Number(payload.data.n) : type));
    expect(got).toEqual([...Array.from({ length: messages }, (_, n) => n + 1), 'server:draining']);
    expect((await ended).code).toBe(0);
  });

  it('does not wait longer than it may for a client that answers nothing', async () => {
    const server = await start({ DRAIN_TIMEOUT_MS: '1000' });
    const [silent, other] = await enterMany(server, 2).then((clients) => clients as [TestClient, TestClient]);
    silent.socket.pause();
    server.kill('SIGTERM');
    const { code, tookMs } = await end(server);
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(1000 + EXIT_PATIENCE_MS);
    expect(await other.closed).toMatchObject({ code: 1001 });
    await eventually(server.output, (output) => output.includes('1 of them cut'));
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('is not changed by a %s that follows', async (second) => {
    const server = await start();
    const clients = await enterMany(server, 300);
    server.kill('SIGTERM');
    const ended = end(server);
    await firstToldOf(clients);
    server.kill(second);
    server.kill(second);
    const codes = await Promise.all(clients.map(async ({ closed }) => (await closed).code));
    expect(new Set(codes)).toEqual(new Set([1001]));
    expect((await ended).code).toBe(0);
  });
});

/** Resolves when one of the clients has been told that the server drains. */
async function firstToldOf(clients: readonly TestClient[]): Promise<void> {
  await eventually(
    () => clients.some(({ queue }) => queue.some(({ type }) => type === 'server:draining')),
    (told) => told,
  );
}

async function outboxBytesOf({ http }: Server, userId: string): Promise<number> {
  const admin = tokenFor({ sub: 'operator', scope: 'admin' });
  const { body } = await request(http).get('/api/connections').auth(admin, { type: 'bearer' });
  const { connections } = body as { connections: { userId: string; outboxBytes: number }[] };
  return connections.find((connection) => connection.userId === userId)?.outboxBytes ?? NaN;
}
