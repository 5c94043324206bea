import { Broker } from '../../src/broker/broker.js';
import { connect, join, type RefusedError } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { PLATFORMS } from '../support/platforms.js';
import { openRaw } from '../support/raw-client.js';
import { startServer, tokenFor, type TestServer } from '../support/server.js';

interface Health {
  readonly status: string;
  readonly details: Record<string, { status: string; message?: string }>;
}

async function ready(server: TestServer): Promise<{ status: number; body: Health }> {
  const response = await fetch(`${server.http}/health/ready`);
  return { status: response.status, body: (await response.json()) as Health };
}

/** Metric lines by name and labels. */
async function metricsOf(server: TestServer): Promise<Map<string, number>> {
  const text = await (await fetch(`${server.http}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

function ours(metrics: Map<string, number>): string[] {
  return [...metrics.keys()].filter((name) => name.startsWith('rookery_'));
}

describe('health', () => {
  it.each(PLATFORMS)('is live and ready, each part with its state (%s)', async (_platform, start) => {
    // The machine may be busy with something else.
    const server = await start({ maxEventLoopDelayMs: 0 });
    const { status, body } = await ready(server);

    expect((await fetch(`${server.http}/health/live`)).status).toBe(200);
    expect(status).toBe(200);
    expect(Object.fromEntries(Object.entries(body.details).map(([name, part]) => [name, part.status]))).toEqual({
      draining: 'up',
      broker: 'up',
      nodes: 'up',
      eventLoop: 'up',
      memory: 'up',
    });
  });

  it.each(PLATFORMS)('is not ready with a reason while the broker does not answer (%s)', async (_platform, start) => {
    const server = await start();
    const broker = server.app.get<Broker>(Broker, { strict: false });
    Object.assign(broker, { ping: () => Promise.reject(new Error('connection refused')) });
    const { status, body } = await ready(server);

    expect(status).toBe(503);
    expect(body.details['broker']).toEqual({ status: 'down', message: 'connection refused' });
    expect((await fetch(`${server.http}/health/live`)).status).toBe(200);
  });

  it('is not ready with a reason above the bound of memory', async () => {
    const server = await startServer({ maxMemoryBytes: 1000 });
    const { status, body } = await ready(server);

    expect(status).toBe(503);
    expect(body.details['memory']).toMatchObject({ status: 'down', message: 'above 1000 bytes' });
  });

  it('is not ready with a reason while the event loop is late', async () => {
    const server = await startServer({ maxEventLoopDelayMs: 100 });
    await eventually(
      () => {
        const end = performance.now() + 300;
        while (performance.now() < end);
        return ready(server);
      },
      ({ status, body }) => status === 503 && body.details['eventLoop']?.message === 'delay above 100 ms',
    );
  });

  it('is live but not ready while the node drains', async () => {
    const server = await startServer({ drainTimeoutMs: 3000 });
    const lingering = await openRaw(server);
    const stopping = server.stop();
    const { body } = await eventually(
      () => ready(server),
      ({ status }) => status === 503,
    );
    const live = await fetch(`${server.http}/health/live`);
    lingering.socket.tcp.destroy();
    await stopping;

    expect(body.details['draining']).toEqual({ status: 'down', message: 'the node is shutting down' });
    expect(live.status).toBe(200);
  });
});

describe('metrics', () => {
  it.each(PLATFORMS)('count what happens, by closed sets of labels (%s)', async (_platform, start) => {
    const server = await start();
    const alice = await join(server, {}, 'general');
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    await alice.request('room:message', { room: 'general', data: 1 });
    await bob.next('room:message');
    await alice.request('nonsense');
    await connect(server, { token: 'bad' }).catch((error: unknown) => error as RefusedError);
    await fetch(`${server.http}/api/broadcast`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${tokenFor({ scope: 'admin' })}` },
      body: '{"message":1}',
    });
    await bob.next('broadcast');
    await bob.close(1000);
    const metrics = await eventually(
      () => metricsOf(server),
      (values) => values.get('rookery_connections') === 1,
    );

    expect(Object.fromEntries(metrics)).toMatchObject({
      rookery_connections: 1,
      rookery_rooms: 3,
      rookery_memberships: 3,
      rookery_connections_opened_total: 2,
      rookery_messages_in_total: 4,
      'rookery_published_total{source="websocket"}': 1,
      'rookery_published_total{source="rest"}': 1,
      'rookery_errors_total{code="UNKNOWN_TYPE"}': 1,
      'rookery_refusals_total{status="401",code="TOKEN_MALFORMED"}': 1,
      'rookery_closes_total{code="1000"}': 1,
      rookery_outbox_bytes: 0,
    });
    for (const name of [
      'rookery_bytes_in_total',
      'rookery_bytes_out_total',
      'rookery_deliveries_total',
      'rookery_fan_out_seconds_count',
    ]) {
      expect(metrics.get(name)).toBeGreaterThan(0);
    }
    expect(metrics.has('nodejs_eventloop_lag_seconds')).toBe(true);
  });

  it('do not grow with what clients send', async () => {
    const server = await startServer({ rateLimit: 0, maxOffences: 0 });
    const client = await join(server);
    // One of each kind first, so that each label that there is is there.
    const provoke = async (salt: string): Promise<void> => {
      await client.request(`type-${salt}`);
      await client.request('join', `room-${salt}`);
      await client.request('room:message', { room: `room-${salt}`, data: salt, id: salt });
      await client.request('join', `\u0000${salt}`);
      const leaving = await join(server, { claims: { sub: `user-${salt}` } });
      await leaving.close(4000 + Number(salt));
      await connect(server, { token: salt }).catch(() => undefined);
      await fetch(`${server.http}/path-${salt}`);
    };
    await provoke('1');
    const before = await metricsOf(server);
    for (let salt = 2; salt < 30; salt += 1) await provoke(String(salt));
    const after = await metricsOf(server);

    expect(ours(after)).toEqual(ours(before));
    expect([...after.keys()].filter((name) => /room-|user-|type-|path-/.test(name))).toEqual([]);
  });
});
