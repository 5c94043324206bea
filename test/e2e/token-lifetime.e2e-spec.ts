import { join } from '../support/client.js';
import { startServer, tokenFor } from '../support/server.js';

const inSeconds = (seconds: number): number => Math.ceil(Date.now() / 1000) + seconds;

describe('a living connection', () => {
  it('is warned, closed with 4401 when its token ends, and lives on with a new one', async () => {
    const server = await startServer({ authExpiringMs: 4000 });
    const exp = inSeconds(6);
    const refreshing = await join(server, { claims: { exp } }, 'general');
    const letting = await join(server, { claims: { exp } });
    const { payload: warning } = await letting.next('auth:expiring');
    expect(warning.expiresAt).toBe(exp * 1000);
    expect(Date.now()).toBeLessThan(exp * 1000);

    const later = inSeconds(3600);
    const refreshed = await refreshing.request('auth:refresh', { token: tokenFor({ exp: later }) });
    expect(refreshed).toMatchObject({ type: 'auth:refreshed', payload: { expiresAt: later * 1000 } });
    expect((await letting.closed).code).toBe(4401);
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
    await refreshing.settle();
    expect((await refreshing.request('room:message', { room: 'general', data: 1 })).type).toBe('ack');
  });

  it('is closed at the end of a refreshed token, too', async () => {
    const server = await startServer({ authExpiringMs: 0 });
    const client = await join(server);
    await client.request('auth:refresh', { token: tokenFor({ exp: inSeconds(5) }) });

    expect((await client.closed).code).toBe(4401);
  });
});

describe('auth:refresh', () => {
  it.each([
    ['of another user', () => tokenFor({ sub: 'bob' })],
    ['under another secret', () => tokenFor({}, 'another secret of thirty-two characters and more')],
    ['that has expired', () => tokenFor({ exp: 1 })],
    ['that is none', () => 'nonsense'],
  ])('to a token %s is refused, and the old one counts', async (_what, makeToken) => {
    const server = await startServer();
    const client = await join(server, { claims: { rooms: ['general'] } }, 'general');
    const token = makeToken();
    const refused = await client.request('auth:refresh', { token });

    expect(refused).toMatchObject({ type: 'error', payload: { code: 'TOKEN_INVALID' } });
    expect(JSON.stringify(refused)).not.toContain(token);
    expect((await client.request('room:message', { room: 'general', data: 1 })).type).toBe('ack');
    expect(client.takeAll('room:left')).toEqual([]);
  });

  it('with fewer grants takes the connection out of the rooms that they do not cover', async () => {
    const server = await startServer();
    const client = await join(server, { claims: { rooms: ['general', 'team:*'] } }, 'general', 'team:red');
    const other = await join(server, { claims: { sub: 'bob' } }, 'team:red', 'general');
    await client.request('auth:refresh', { token: tokenFor({ rooms: ['general'] }) });
    expect((await client.next('room:left')).payload).toEqual({ room: 'team:red' });
    await other.request('room:message', { room: 'team:red', data: 'secret' });
    await other.request('room:message', { room: 'general', data: 'open' });

    expect((await client.next('room:message')).payload).toMatchObject({ room: 'general', data: 'open' });
    expect(client.takeAll('room:message')).toEqual([]);
    expect((await client.request('join', 'team:red')).payload.code).toBe('FORBIDDEN');
    expect((await client.request('room:message', { room: 'team:red', data: 1 })).payload.code).toBe('FORBIDDEN');
  });

  it('with more grants opens more rooms', async () => {
    const server = await startServer();
    const client = await join(server, { claims: { rooms: [] } });
    expect((await client.request('join', 'general')).payload.code).toBe('FORBIDDEN');
    await client.request('auth:refresh', { token: tokenFor({ rooms: ['general'] }) });

    expect((await client.request('join', 'general')).type).toBe('room:joined');
  });
});
