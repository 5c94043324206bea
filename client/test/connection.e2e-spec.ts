import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { WebSocket } from 'ws';

import { ConnectionsService } from '../../src/index.js';
import { eventually } from '../../test/support/eventually.js';
import { startServer, tokenFor } from '../../test/support/server.js';
import { cleanUp } from '../../test/support/teardown.js';
import { RookeryClient } from '../src/index.js';
import { FaultyProxy } from './support/faulty-proxy.js';
import { SOON, closeAll, collect, rookery, statesOf } from './support/rookery.js';

const until = (client: RookeryClient, state: string): Promise<unknown> =>
  eventually(
    () => client.state,
    (now) => now === state,
  );

/** Answers every upgrade with a status, and counts them. */
async function refuser(
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ ws: string; asked: () => number }> {
  let asked = 0;
  const server = createServer();
  server.on('upgrade', (_request, socket) => {
    asked += 1;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} No\r\n${lines.join('')}Content-Length: 0\r\nConnection: close\r\n\r\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(() => server.close());
  return { ws: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`, asked: () => asked };
}

describe('a client’s connection', () => {
  it('tells of its states, and who it is', async () => {
    const server = await startServer();
    const client = rookery(server);
    const changes = statesOf(client);
    expect(client.state).toBe('connecting');
    await client.connect();
    expect(client).toMatchObject({ state: 'connected', userId: 'alice', clientId: expect.any(String) });
    await client.close();
    expect(client).toMatchObject({ state: 'closed', userId: undefined, clientId: undefined });
    expect(changes.map(({ state, previous }) => [previous, state])).toEqual([
      ['closed', 'connecting'],
      ['connecting', 'connected'],
      ['connected', 'closed'],
    ]);
  });

  it('tries until there is a server', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    proxy.closed = true;
    const client = rookery(proxy);
    const changes = statesOf(client);
    await eventually(
      () => proxy.connections,
      (count) => count > 3,
    );
    expect(client.state).toBe('connecting');
    proxy.closed = false;
    await client.connect();
    expect(changes.filter(({ retryInMs }) => retryInMs !== undefined).length).toBeGreaterThan(2);
  });

  it('gives up after as many attempts as it may make', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    proxy.closed = true;
    const client = rookery(proxy, { reconnect: { ...SOON, maxAttempts: 3 } });
    await expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(proxy.connections).toBe(3);
  });

  it.each([1001, 1006, 1011, 1012, 3000, 4508])('comes back after %d', async (code) => {
    const server = await startServer();
    const client = rookery(server);
    await client.connect();
    const before = client.clientId;
    const changes = statesOf(client);
    if (code === 1006) for (const connection of server.app.get(ConnectionsService).all()) connection.terminate();
    else closeAll(server, code);
    await eventually(
      () => client.clientId,
      (id) => id !== undefined && id !== before,
    );
    expect(changes[0]).toMatchObject({ state: 'reconnecting', previous: 'connected', code });
  });

  it.each([4400, 4403, 4429, 4499])('does not come back after %d', async (code) => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const client = rookery(proxy);
    const joined = client.room('r').join();
    await joined;
    const left = new Promise((resolve) => client.room('r').once('left', resolve));
    const changes = statesOf(client);
    closeAll(server, code);
    expect(await left).toMatchObject({ room: 'r', error: { code: 'CLOSED', details: { code } } });
    expect(changes).toMatchObject([{ state: 'closed', previous: 'connected', code, reason: 'test' }]);
    expect(client.room('r').state).toBe('idle');
    await expect(client.room('r').publish(1)).rejects.toMatchObject({ code: 'CLOSED', retryable: false });
    await expect(client.request('x')).rejects.toMatchObject({ code: 'CLOSED' });
    expect(proxy.connections).toBe(1);
  });

  it.each([400, 401, 403, 404, 426])('does not come back when it is refused with %d', async (status) => {
    const refusing = await refuser(status);
    const client = rookery(refusing);
    const changes = statesOf(client);
    await expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED', details: { status } });
    expect(refusing.asked()).toBe(1);
    expect(changes.at(-1)).toMatchObject({ state: 'closed', status });
  });

  it('waits as long as a refusal says', async () => {
    const refusing = await refuser(503, { 'Retry-After': '7' });
    const client = rookery(refusing);
    const changes = statesOf(client);
    await eventually(
      () => changes,
      (list) => list.some(({ retryInMs }) => retryInMs !== undefined),
    );
    expect(changes.at(-1)).toMatchObject({ state: 'connecting', status: 503, retryInMs: 7000 });
  });

  it('is closed where the address cannot be one', async () => {
    const client = rookery({ ws: 'http://[' });
    await expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('gives up an attempt that leads to nothing', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    proxy.expect({ direction: 'up', after: 0, kind: 'stall' }, { direction: 'down', after: 20, kind: 'stall' });
    const client = rookery(proxy, { connectTimeoutMs: 100 });
    await client.connect();
    expect(proxy.connections).toBeGreaterThanOrEqual(3);
  });

  it('finds a dead connection by its silence, without waiting for TCP', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const client = rookery(proxy, { liveness: { intervalMs: 200, timeoutMs: 200 } });
    await client.connect();
    const changes = statesOf(client);
    proxy.stall();
    await eventually(
      () => changes,
      (list) => list.some(({ state }) => state === 'connected'),
    );
    expect(changes[0]).toMatchObject({ state: 'reconnecting', reason: 'silent' });
  });

  it('is left alone while the server answers', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const client = rookery(proxy, { liveness: { intervalMs: 20, timeoutMs: 500 } });
    await client.connect();
    const before = proxy.bytes.up;
    await eventually(
      () => proxy.bytes.up,
      (bytes) => bytes > before + 100,
    );
    expect(proxy.connections).toBe(1);
  });

  it('comes back when the server says so, after a drain', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const client = rookery(proxy);
    const room = client.room('r');
    const seen = collect(room);
    await room.join();
    const changes = statesOf(client);
    for (const connection of server.app.get(ConnectionsService).all()) {
      connection.send('server:draining', { reconnectInMs: 123 });
      connection.close(1001);
    }
    await until(client, 'reconnecting');
    const published = room.publish('meanwhile');
    await published;
    expect(changes[0]).toMatchObject({ state: 'reconnecting', code: 1001, retryInMs: 123 });
    await eventually(
      () => seen.length,
      (count) => count === 1,
    );
  });

  it('needs a WebSocket where the platform has none', async () => {
    const original = globalThis.WebSocket;
    cleanUp(() => Object.assign(globalThis, { WebSocket: original }));
    Object.assign(globalThis, { WebSocket: undefined });
    const client = new RookeryClient('ws://127.0.0.1:1');
    await expect(client.connect()).rejects.toMatchObject({
      code: 'CLOSED',
      message: expect.stringContaining('WebSocket'),
    });
    Object.assign(globalThis, { WebSocket });
    const server = await startServer();
    const other = new RookeryClient(server.ws, { token: tokenFor() });
    cleanUp(() => other.close());
    await other.connect();
  });
});
