import { Injectable } from '@nestjs/common';
import request from 'supertest';

import { GrantTemplate, TokenError, type Principal, type TokenVerifier } from '../../src/index.js';
import { startApplication } from '../support/application.js';
import { connect, join, type ConnectOptions } from '../support/client.js';
import { startServer, tokenFor } from '../support/server.js';
import { askForTicket, ticketFor } from '../support/tickets.js';

const REFUSED = { status: 401, body: { code: 'TOKEN_INVALID' } };
const ADMIN = { sub: 'root', scope: 'admin' };

/** Each way to bring a token to an upgrade. */
const WAYS: readonly [string, (ticket: string) => ConnectOptions][] = [
  ['the query', (ticket) => ({ token: ticket })],
  ['the header', (ticket) => ({ token: null, headers: { authorization: `Bearer ${ticket}` } })],
  ['the subprotocol', (ticket) => ({ token: null, protocols: [`bearer.${ticket}`, 'rookery.v1.json'] })],
];

/** Takes tokens such as `opaque-alice`, as long as nobody has called them back. */
@Injectable()
class OpaqueVerifier implements TokenVerifier {
  static calledBack = '';

  verify(token: string): Promise<Principal> {
    const [kind, userId = ''] = token.split('-');
    if (kind !== 'opaque' || userId === OpaqueVerifier.calledBack) return Promise.reject(new TokenError('Unknown'));
    return Promise.resolve({ userId, admin: false, grants: new GrantTemplate(['own:{sub}']).for(userId) });
  }
}

describe('a ticket', () => {
  it.each(WAYS)('lets one connection in by %s, and no second', async (_where, by) => {
    const server = await startServer();
    const exp = Math.floor(Date.now() / 1000) + 600;
    const ticket = await ticketFor(server, { sub: 'carol', rooms: ['chat:*'], exp });
    const client = await connect(server, by(ticket));
    expect((await client.next('connected')).payload).toMatchObject({ userId: 'carol', expiresAt: exp * 1000 });
    expect(client.socket.protocol).not.toContain('rkt_');
    expect(await client.request('join', 'chat:1')).toMatchObject({ type: 'room:joined' });
    expect(await client.request('join', 'other')).toMatchObject({ payload: { code: 'FORBIDDEN' } });
    for (const [, way] of WAYS) await expect(connect(server, way(ticket))).rejects.toMatchObject(REFUSED);
  });

  it('says when it ends', async () => {
    const server = await startServer({ ticketTtlMs: 1000 });
    const before = Date.now();
    const { body, headers } = await askForTicket(server).expect(201);
    const { ticket, expiresAt } = body as { ticket: string; expiresAt: number };
    expect(ticket).toMatch(/^rkt_[\w-]{43}$/);
    expect(headers['cache-control']).toBe('no-store');
    expect(expiresAt).toBeGreaterThanOrEqual(before + 1000);
    expect(expiresAt).toBeLessThanOrEqual(Date.now() + 1000);
  });

  it('ends no later than its token', async () => {
    const server = await startServer();
    const exp = Math.floor(Date.now() / 1000) + 20;
    expect((await askForTicket(server, tokenFor({ exp })).expect(201)).body).toMatchObject({ expiresAt: exp * 1000 });
  });

  it('goes with its token when that is revoked, and so does the connection that came by it', async () => {
    const server = await startServer();
    const claims = { jti: 'one' };
    const [ticket, other, third] = [
      await ticketFor(server, claims),
      await ticketFor(server, claims),
      await ticketFor(server, { jti: 'two', iat: Math.floor(Date.now() / 1000) }),
    ];
    const client = await join(server, { token: ticket });
    const revoke = (path: string): request.Test =>
      request(server.http).post(`/api/${path}`).auth(tokenFor(ADMIN), { type: 'bearer' });
    await revoke('tokens/revoke').send({ jti: 'one' }).expect(200);
    expect(await client.closed).toMatchObject({ code: 4401 });
    await expect(connect(server, { token: other })).rejects.toMatchObject(REFUSED);
    await revoke('users/alice/revoke').expect(200);
    await expect(connect(server, { token: third })).rejects.toMatchObject(REFUSED);
  });

  it('renews a living connection, once', async () => {
    const server = await startServer();
    const client = await join(server, {}, 'r', 's');
    const exp = Math.floor(Date.now() / 1000) + 900;
    const ticket = await ticketFor(server, { rooms: ['r'], exp });
    expect(await client.request('auth:refresh', { token: ticket })).toMatchObject({
      payload: { expiresAt: exp * 1000 },
    });
    expect((await client.next('room:left')).payload).toEqual({ room: 's' });
    for (const token of [ticket, await ticketFor(server, { sub: 'bob' })]) {
      expect(await client.request('auth:refresh', { token })).toMatchObject({ payload: { code: 'TOKEN_INVALID' } });
    }
    await client.settle();
  });

  it('is no token for REST, and makes no further ticket', async () => {
    const server = await startServer();
    const ticket = await ticketFor(server, ADMIN);
    await request(server.http).get('/api/rooms').auth(ticket, { type: 'bearer' }).expect(401);
    await askForTicket(server, ticket).expect(401);
    expect((await join(server, { token: ticket })).socket.readyState).toBe(1);
    await request(server.http).post('/api/tickets').expect(401);
    await askForTicket(server, tokenFor({ exp: 1 })).expect(401);
  });

  it.each(['rkt_', 'rkt_x', `rkt_${'A'.repeat(43)}`, `rkt_${'A'.repeat(5000)}`])('%s is none', async (ticket) => {
    const server = await startServer();
    await expect(connect(server, { token: ticket })).rejects.toMatchObject(REFUSED);
  });

  it('is made so many times for one user, and not for want of another', async () => {
    const server = await startServer({ ticketsPerUser: 2 });
    await ticketFor(server);
    await connect(server, { token: await ticketFor(server) });
    const { body, headers } = await askForTicket(server).expect(429);
    const { code, details } = body as { code: string; details: { retryAfterMs: number } };
    expect(code).toBe('RATE_LIMITED');
    expect(details.retryAfterMs).toBeGreaterThan(0);
    expect(details.retryAfterMs).toBeLessThanOrEqual(30_000);
    expect(headers['retry-after']).toBe(String(Math.ceil(details.retryAfterMs / 1000)));
    await ticketFor(server, { sub: 'bob' });
  });

  it('is made so many times in all', async () => {
    const server = await startServer({ maxTickets: 2 });
    for (const sub of ['a', 'b']) await ticketFor(server, { sub });
    await askForTicket(server, tokenFor({ sub: 'c' })).expect(429);
  });

  it('stands for an application’s own tokens too, which are judged again when it is used', async () => {
    const server = await startApplication({ overrides: { tokenVerifier: OpaqueVerifier } });
    const [ticket, other] = [await ticketFor(server, 'opaque-alice'), await ticketFor(server, 'opaque-bob')];
    const client = await join(server, { token: ticket });
    expect(await client.request('join', 'own:alice')).toMatchObject({ type: 'room:joined' });
    await expect(connect(server, { token: ticket })).rejects.toMatchObject(REFUSED);
    OpaqueVerifier.calledBack = 'bob';
    await expect(connect(server, { token: other })).rejects.toMatchObject(REFUSED);
  });

  it('is not to be had where connections need no token', async () => {
    const server = await startServer({ auth: 'none' });
    for (const call of [request(server.http).post('/api/tickets'), askForTicket(server, tokenFor(ADMIN))]) {
      const { status, body } = await call;
      expect([status, body]).toEqual([
        403,
        { code: 'FORBIDDEN', message: 'Connections need no token here, and so no ticket (AUTH=none)' },
      ]);
    }
  });
});
