import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { WebSocket } from 'ws';

import { ConnectionsService } from '../../src/index.js';
import { eventually } from '../../test/support/eventually.js';
import { startServer, tokenFor, type TestServer } from '../../test/support/server.js';
import { cleanUp } from '../../test/support/teardown.js';
import { RookeryClient, type RookeryError, type StateChange, type TokenContext } from '../src/index.js';
import { FaultyProxy } from './support/faulty-proxy.js';
import { SOON, collect, rookery } from './support/rookery.js';

function statesOf(client: RookeryClient): StateChange[] {
  const changes: StateChange[] = [];
  client.on('state', (change) => changes.push(change));
  return changes;
}

/** Closes every connection of the server with a code. */
function closeAll(server: TestServer, code: number): void {
  for (const connection of server.app.get(ConnectionsService).all()) connection.close(code, 'test');
}

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

describe('a token function', () => {
  it('is asked at every connect, and for a refresh of the living connection', async () => {
    const server = await startServer({ authExpiringMs: 3_599_000 });
    const reasons: TokenContext['reason'][] = [];
    const client = rookery(server, {
      token: ({ reason }) => {
        reasons.push(reason);
        // The second one does not end soon.
        return tokenFor(reason === 'expiring' ? { exp: Math.floor(Date.now() / 1000) + 7200 } : {});
      },
    });
    await client.connect();
    const { clientId } = client;
    await eventually(
      () => reasons,
      (list) => list.includes('expiring'),
    );
    await client.request('nobody').catch(() => undefined);
    expect(client.clientId).toBe(clientId);
    closeAll(server, 1012);
    await eventually(
      () => reasons,
      (list) => list.length === 3,
    );
    expect(reasons).toEqual(['connect', 'expiring', 'connect']);
  });

  it('gets one chance without delay when the token is over, and back-off after that', async () => {
    const server = await startServer();
    const reasons: TokenContext['reason'][] = [];
    let good = true;
    const client = rookery(server, {
      token: ({ reason }) => {
        reasons.push(reason);
        return good ? tokenFor() : 'nonsense';
      },
    });
    await client.connect();
    const changes = statesOf(client);
    good = false;
    closeAll(server, 4401);
    await eventually(
      () => reasons.length,
      (count) => count > 4,
    );
    good = true;
    await client.connect();
    expect(reasons.slice(0, 4)).toEqual(['connect', 'refused', 'refused', 'refused']);
    expect(changes[0]).toMatchObject({ state: 'reconnecting', code: 4401, retryInMs: 0 });
    expect(changes[1]?.retryInMs).toBeGreaterThanOrEqual(1);
  });

  it('may fail: that is told, and it is asked again', async () => {
    const server = await startServer();
    let asked = 0;
    const client = rookery(server, {
      token: async () => {
        asked += 1;
        if (asked < 3) throw new Error('no network');
        return tokenFor();
      },
    });
    const errors: RookeryError[] = [];
    client.on('error', (error) => errors.push(error));
    await client.connect();
    expect(errors.map(({ code, cause }) => [code, String(cause)])).toEqual([
      ['TOKEN_FAILED', 'Error: no network'],
      ['TOKEN_FAILED', 'Error: no network'],
    ]);
  });

  it('is told when nobody waits for its answer any more', async () => {
    const server = await startServer();
    const signals: AbortSignal[] = [];
    const client = rookery(server, {
      connectTimeoutMs: 50,
      token: ({ signal }) => {
        signals.push(signal);
        return signals.length === 1 ? new Promise<string>(() => undefined) : tokenFor();
      },
    });
    await client.connect();
    expect(signals[0]?.aborted).toBe(true);
  });

  it('keeps a static token that is over from being shown again', async () => {
    const server = await startServer();
    const client = rookery(server, { token: tokenFor({ exp: 1 }) });
    await expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED', details: { status: 401 } });
  });

  it('puts its token into no address', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const token = tokenFor();
    const urls: string[] = [];
    class Spy extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        urls.push(url);
      }
    }
    const client = rookery(proxy, { token, WebSocket: Spy });
    await client.connect();
    expect(urls).toHaveLength(1);
    expect(urls[0]).not.toContain(token);
  });
});

describe('without a token', () => {
  it('says who it is to a server that trusts its network', async () => {
    const server = await startServer({ auth: 'none' });
    const client = rookery(server, { token: undefined, userId: 'carol' });
    await client.connect();
    expect(client.userId).toBe('carol');
  });
});
