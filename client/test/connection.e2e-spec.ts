import { WebSocket } from 'ws';

import { ConnectionsService } from '../../src/index.js';
import { eventually } from '../../test/support/eventually.js';
import { startServer, tokenFor } from '../../test/support/server.js';
import { cleanUp } from '../../test/support/teardown.js';
import { RookeryClient } from '../src/index.js';
import { FaultyProxy } from './support/faulty-proxy.js';
import { SOON, closeAll, collect, rookery, statesOf } from './support/rookery.js';

/** So long that only what a test does can have moved it. */
const HOUR_MS = 3_600_000;

const until = (client: RookeryClient, state: string): Promise<unknown> =>
  eventually(
    () => client.state,
    (now) => now === state,
  );

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

  it('A client that cannot connect says in the state why, in the words of the network', async () => {
    const client = rookery({ ws: 'ws://127.0.0.1:1/ws' });
    const changes = statesOf(client);
    await eventually(
      () => changes,
      (list) => list.some(({ retryInMs }) => retryInMs !== undefined),
    );
    expect(changes.at(-1)).toMatchObject({
      code: 1006,
      reason: expect.stringContaining('ECONNREFUSED'),
      cause: { code: 'ECONNREFUSED' },
    });
  });

  it('Reconnecting tries at once, however long the next attempt would have waited', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    proxy.closed = true;
    const client = rookery(proxy, { reconnect: { minDelayMs: HOUR_MS, maxDelayMs: HOUR_MS } });
    const changes = statesOf(client);
    await eventually(
      () => changes,
      (list) => list.some(({ retryInMs }) => retryInMs === HOUR_MS),
    );
    proxy.closed = false;
    client.reconnect();
    await client.connect();
    const { clientId } = client;
    // The connection is alive: it stays.
    client.reconnect();
    await client.request('nobody').catch(() => undefined);
    expect(client.clientId).toBe(clientId);
  });

  it('Reconnecting opens a client that was closed, and finds out that a connection is dead', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const client = rookery(proxy, { liveness: { intervalMs: HOUR_MS, timeoutMs: 50 } });
    await client.connect();
    await client.close();
    client.reconnect();
    await client.connect();
    const { clientId } = client;
    proxy.stall();
    client.reconnect();
    await eventually(
      () => client.clientId,
      (id) => id !== undefined && id !== clientId,
    );
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
