import { WebSocket } from 'ws';

import { eventually } from '../../test/support/eventually.js';
import { startServer, tokenFor } from '../../test/support/server.js';
import { RookeryError, type TokenContext } from '../src/index.js';
import { FaultyProxy } from './support/faulty-proxy.js';
import { closeAll, rookery, statesOf } from './support/rookery.js';

describe('a token function', () => {
  it('is asked at every connect, and for a refresh of the living connection', async () => {
    const server = await startServer();
    const reasons: TokenContext['reason'][] = [];
    const client = rookery(server, {
      token: ({ reason }) => {
        reasons.push(reason);
        // The first one ends soon.
        return tokenFor(reason === 'connect' ? { exp: Math.floor(Date.now() / 1000) + 6 } : {});
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
    const changes = statesOf(client);
    await client.connect();
    expect(changes.filter(({ retryInMs }) => retryInMs !== undefined)).toMatchObject([
      { reason: 'No token: Error: no network', cause: new Error('no network') },
      { reason: 'No token: Error: no network', cause: new Error('no network') },
    ]);
    expect(errors.map(({ code, cause }) => [code, String(cause)])).toEqual([
      ['TOKEN_FAILED', 'Error: no network'],
      ['TOKEN_FAILED', 'Error: no network'],
    ]);
  });

  it('ends the client by throwing SIGNED_OUT: nothing is tried any more, and everybody is told why', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    let asked = 0;
    const client = rookery(proxy, {
      token: async () => {
        asked += 1;
        throw new RookeryError('SIGNED_OUT', 'The session has ended');
      },
    });
    const changes = statesOf(client);
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    const published = client.room('r').publish(1);
    await expect(client.connect()).rejects.toMatchObject({
      code: 'CLOSED',
      retryable: false,
      message: 'Closed: The session has ended',
      cause: { code: 'SIGNED_OUT' },
    });
    await expect(published).rejects.toMatchObject({ code: 'CLOSED', cause: { code: 'SIGNED_OUT' } });
    expect(changes.at(-1)).toMatchObject({
      state: 'closed',
      reason: 'The session has ended',
      cause: { code: 'SIGNED_OUT' },
    });
    expect([asked, proxy.connections, errors]).toEqual([1, 0, []]);
  });

  it('ends a living connection, too, when it says SIGNED_OUT in place of a new token', async () => {
    const server = await startServer();
    const soon = Math.floor(Date.now() / 1000) + 6;
    const client = rookery(server, {
      token: ({ reason }) => {
        if (reason !== 'connect') throw new RookeryError('SIGNED_OUT', 'The session has ended');
        return tokenFor({ exp: soon });
      },
    });
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    await client.connect();
    const changes = statesOf(client);
    await eventually(
      () => client.state,
      (state) => state === 'closed',
    );
    expect(changes).toMatchObject([{ previous: 'connected', state: 'closed', cause: { code: 'SIGNED_OUT' } }]);
    expect(errors).toEqual([]);
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
