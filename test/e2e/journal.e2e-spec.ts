import request from 'supertest';

import { AdminModule, MetricsModule } from '../../src/index.js';
import { startApplication, type ApplicationParts, type TestApplication } from '../support/application.js';
import { connect, join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { ADAPTERS } from '../support/platforms.js';
import { frame, openRaw } from '../support/raw-client.js';
import { tokenFor } from '../support/server.js';

const OPERATOR = { sub: 'ops', scope: 'admin' };
const ANY = expect.any(String) as string;

function start(options: ApplicationParts['options'] = {}): Promise<TestApplication> {
  return startApplication({ options, imports: [AdminModule, MetricsModule] });
}

/** The one line of the journal about an event, once it is there. */
async function lineAbout(server: TestApplication, event: string): Promise<object | undefined> {
  const [line, ...more] = await eventually(
    () => server.log.about(event),
    (lines) => lines.length > 0,
  );
  expect(more).toEqual([]);
  return line;
}

describe('the log of refused requests', () => {
  it('has a line for each request without a grant: who, from where, on which connection, what, in which room', async () => {
    const server = await start({ rooms: [{ pattern: 'news', publish: 'server' }] });
    const alice = await join(server, { claims: { rooms: ['open', 'news'] } });
    const about = { event: 'request.refused', code: 'FORBIDDEN', user: 'alice', address: '127.0.0.1' };
    const cases: readonly [string, unknown, object][] = [
      ['join', 'closed', { action: 'join', room: 'closed', reason: 'The room policy does not allow join' }],
      ['join', { rooms: [{ room: 'shut' }, { room: 'open' }] }, { action: 'join', room: 'shut' }],
      ['room:message', { room: 'closed', data: 1 }, { action: 'publish', room: 'closed' }],
      ['room:message', { room: 'news', data: 1 }, { action: 'publish', room: 'news', reason: ANY }],
      ['broadcast', { data: 1 }, { action: 'publish', room: '@all' }],
      ['presence', 'closed', { action: 'presence', room: 'closed' }],
      ['history', { room: 'closed' }, { action: 'history', room: 'closed' }],
      ['leave', '@all', { action: 'leave', room: '@all' }],
    ];
    for (const [type, payload, expected] of cases) {
      await alice.request(type, payload);
      const line = server.log.about('request.refused').at(-1);
      expect(line).toMatchObject({ ...about, ...expected });
      expect(line?.['connection']).toEqual(ANY);
    }
    expect(server.log.about('request.refused')).toHaveLength(cases.length);
    expect(new Set(server.log.journal.map(({ level }) => level))).toEqual(new Set(['log']));
  });

  it('has one for a new token that is not good, and says what is wrong with it', async () => {
    const server = await start();
    const alice = await join(server);
    await alice.request('auth:refresh', { token: tokenFor({ exp: 1 }) });
    expect(await lineAbout(server, 'request.refused')).toMatchObject({
      code: 'TOKEN_EXPIRED',
      action: 'auth:refresh',
      user: 'alice',
    });
  });

  it('has mistakes in messages at the level debug only', async () => {
    const server = await start();
    const alice = await join(server);
    await alice.request('nonsense');
    await alice.request('history', { room: 'general', limit: 'x' });
    expect(server.log.journal.map(({ level, fields }) => [level, fields['code'], fields['reason']])).toEqual([
      ['debug', 'UNKNOWN_TYPE', ANY],
      ['debug', 'INVALID_PAYLOAD', expect.stringContaining('limit')],
    ]);
  });

  it('has a line for a member that is removed because its new token does not cover the room', async () => {
    const server = await start();
    const alice = await join(server, { claims: { rooms: ['a', 'b'] } }, 'a', 'b');
    await alice.request('auth:refresh', { token: tokenFor({ rooms: ['b'] }) });
    await alice.next('room:left');
    expect(await lineAbout(server, 'member.removed')).toMatchObject({ user: 'alice', room: 'a', connection: ANY });
  });
});

describe('the log of refused calls', () => {
  it.each(ADAPTERS)('says who was refused what, and why (%s)', async (_platform, makeAdapter) => {
    const server = await startApplication({
      adapter: makeAdapter(),
      options: { metricsToken: 'a-token-of-the-metrics' },
      imports: [AdminModule, MetricsModule],
    });
    const cases: readonly [string, string | undefined, object][] = [
      ['/api/rooms', undefined, { code: 'TOKEN_MISSING', status: 401, path: '/api/rooms', method: 'GET' }],
      ['/api/rooms?token=secret', tokenFor({ exp: 1 }), { code: 'TOKEN_EXPIRED', user: 'alice', path: '/api/rooms' }],
      ['/api/rooms', tokenFor(), { code: 'FORBIDDEN', status: 403, user: 'alice', reason: ANY }],
      ['/api/rooms/x/messages', tokenFor({ rooms: [] }), { code: 'FORBIDDEN', action: 'history', room: 'x' }],
      ['/metrics', 'no-token', { code: 'FORBIDDEN', path: '/metrics' }],
    ];
    for (const [path, token, expected] of cases) {
      const call = request(server.http).get(path);
      await (token === undefined ? call : call.auth(token, { type: 'bearer' }));
      expect(server.log.about('call.refused').at(-1)).toMatchObject({ address: '127.0.0.1', ...expected });
    }
    expect(server.log.about('call.refused')).toHaveLength(cases.length);
  });
});

describe('the log of closes', () => {
  it('says which operator closed which connection, and which connection it was', async () => {
    const server = await start();
    const alice = await connect(server);
    const { clientId } = (await alice.next('connected')).payload;
    const call = request(server.http).delete(`/api/connections/${clientId}`);
    await call.auth(tokenFor(OPERATOR), { type: 'bearer' }).expect(204);
    await alice.closed;

    expect(await lineAbout(server, 'operator.acted')).toEqual({
      event: 'operator.acted',
      action: 'disconnect connection',
      by: 'ops',
      target: clientId,
      address: '127.0.0.1',
    });
    expect(await lineAbout(server, 'connection.closed')).toEqual({
      event: 'connection.closed',
      code: 4403,
      reason: 'disconnected by an administrator',
      user: 'alice',
      address: '127.0.0.1',
      connection: clientId,
    });
  });

  it.each<[string, object | undefined, string, string]>([
    ['users/alice/revoke', undefined, 'revoke user', 'alice'],
    ['tokens/revoke', { jti: 'j1' }, 'revoke token', 'j1'],
  ])('says who revoked what, and which connections that closed (%s)', async (path, body, action, target) => {
    const server = await start();
    const alice = await join(server, { claims: { jti: 'j1' } });
    const call = request(server.http).post(`/api/${path}`).auth(tokenFor(OPERATOR), { type: 'bearer' });
    await call.send(body).expect(200);
    await alice.closed;
    expect(await lineAbout(server, 'operator.acted')).toMatchObject({ action, target, by: 'ops' });
    expect(await lineAbout(server, 'connection.closed')).toMatchObject({ code: 4401, reason: 'token revoked' });
  });

  it('says who closed all connections of a user, and how many there were', async () => {
    const server = await start();
    const clients = [await join(server), await join(server)];
    const call = request(server.http).delete('/api/users/alice/connections');
    await call.auth(tokenFor(OPERATOR), { type: 'bearer' }).expect(200);
    await Promise.all(clients.map(({ closed }) => closed));
    expect(await lineAbout(server, 'operator.acted')).toMatchObject({ target: 'alice', result: '2 connections' });
    expect(server.log.about('connection.closed')).toHaveLength(2);
  });

  it('says so when a token ends', async () => {
    const server = await start();
    const alice = await join(server, { claims: { exp: Math.ceil(Date.now() / 1000) + 1 } });
    await alice.closed;
    expect(await lineAbout(server, 'connection.closed')).toMatchObject({ code: 4401, reason: 'token expired' });
  });

  it('says so when a client is over its rate or sends too much that cannot be read', async () => {
    const server = await start({ rateBurst: 1, rateLimit: 1, maxOffences: 2 });
    const alice = await join(server);
    for (let count = 0; count < 10; count += 1) alice.send('ping');
    await alice.closed;
    expect(await lineAbout(server, 'connection.closed')).toMatchObject({ code: 4429, reason: 'rate limit' });
    expect(server.log.about('request.refused').length).toBeGreaterThan(0);
  });

  it.each([
    ['a reserved bit', 1002, frame({ reserved: 7 })],
    ['no UTF-8', 1007, frame({ payload: Buffer.from([0xff]) })],
    ['more bytes than it may', 1009, frame({ claimedLength: 2000 })],
  ])('says so when a frame has %s', async (_what, code, bytes) => {
    const server = await start({ maxMessageBytes: 1000 });
    const { socket } = await openRaw(server);
    socket.write(bytes);
    expect(await lineAbout(server, 'connection.closed')).toMatchObject({ code, user: 'alice', reason: ANY });
  });

  it('says so when a client shows no sign of life, which is counted as well', async () => {
    const server = await start({ heartbeatIntervalMs: 100, heartbeatTimeoutMs: 400, metricsPublic: true });
    await openRaw(server);
    expect(await lineAbout(server, 'connection.closed')).toMatchObject({
      code: 1006,
      reason: 'nothing came from the client for too long',
    });
    const metrics = await (await fetch(`${server.http}/metrics`)).text();
    expect(metrics).toContain('rookery_cuts_total{reason="silent"} 1\n');
  });

  it('has goodbyes of a drain at the level debug only', async () => {
    const server = await start();
    await join(server);
    await server.stop();
    const line = server.log.journal.find(({ fields }) => fields['event'] === 'connection.closed');
    expect(line).toMatchObject({ level: 'debug', fields: { code: 1001, reason: 'server going away' } });
  });

  it('has no line for clients that go by themselves, nor for messages that are accepted', async () => {
    const server = await start();
    const alice = await join(server, {}, 'general');
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    await alice.request('room:message', { room: 'general', data: 1 });
    await bob.next('room:message');
    await bob.close(1000);
    await alice.settle();
    expect(server.log.journal).toEqual([]);
  });
});
