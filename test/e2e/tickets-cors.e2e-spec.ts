import { Injectable } from '@nestjs/common';

import { TokenUnavailableError, type RookeryOptionsInput, type TokenVerifier } from '../../src/index.js';
import { startApplication } from '../support/application.js';
import { connect, type RefusedError } from '../support/client.js';
import { corsHeadersOf, preflight } from '../support/cors.js';
import { ORIGIN as PAGE, OTHER_ORIGINS as OTHERS } from '../support/origins.js';
import { PLATFORMS } from '../support/platforms.js';
import { startServer, tokenFor } from '../support/server.js';
import { askForTicket } from '../support/tickets.js';

const PRODUCTION: RookeryOptionsInput = { nodeEnv: 'production', allowedOrigins: [PAGE] };

describe.each(PLATFORMS)('a page of another origin on %s', (_platform, start) => {
  it('may ask for tickets, and need not ask again for hours whether it may', async () => {
    const server = await start(PRODUCTION);
    const { status, headers, text } = await preflight(server, PAGE);
    expect([status, text, headers['content-length']]).toEqual([204, '', '0']);
    expect(corsHeadersOf(headers)).toEqual({
      'access-control-allow-origin': PAGE,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'Authorization,Content-Type',
      'access-control-expose-headers': 'Retry-After',
      'access-control-max-age': '7200',
    });
    expect(headers['vary']).toBe('Origin');
  });

  it('gets one, and connects by it', async () => {
    const server = await start(PRODUCTION);
    const { status, headers, body } = await askForTicket(server).set('Origin', PAGE);
    expect(status).toBe(201);
    expect(corsHeadersOf(headers)).toEqual({
      'access-control-allow-origin': PAGE,
      'access-control-expose-headers': 'Retry-After',
    });
    expect(headers['vary']).toBe('Origin');
    const { ticket } = body as { ticket: string };
    const client = await connect(server, { token: ticket, headers: { origin: PAGE } });
    expect((await client.next('connected')).payload.userId).toBe('alice');
  });

  it('can read why it gets none, and when to ask again', async () => {
    const server = await start({ ...PRODUCTION, ticketsPerUser: 1, ticketTtlMs: 5000 });
    const unauthorized = await askForTicket(server, tokenFor({ exp: 1 })).set('Origin', PAGE);
    expect([unauthorized.status, unauthorized.headers['access-control-allow-origin']]).toEqual([401, PAGE]);
    expect(unauthorized.headers['retry-after']).toBeUndefined();

    await askForTicket(server).set('Origin', PAGE).expect(201);
    const { status, headers, body } = await askForTicket(server).set('Origin', PAGE);
    expect([status, headers['access-control-allow-origin']]).toEqual([429, PAGE]);
    const { retryAfterMs } = (body as { details: { retryAfterMs: number } }).details;
    expect(Number(headers['retry-after'])).toBe(Math.ceil(retryAfterMs / 1000));
  });

  it('can read that tickets cannot be had at the moment', async () => {
    @Injectable()
    class AwayVerifier implements TokenVerifier {
      verify(): never {
        throw new TokenUnavailableError('the keys are away');
      }
    }
    const options = { allowedOrigins: [PAGE] };
    const server = await startApplication({ options, overrides: { tokenVerifier: AwayVerifier } });
    const { status, headers } = await askForTicket(server).set('Origin', PAGE);
    expect([status, headers['access-control-allow-origin'], headers['retry-after']]).toEqual([503, PAGE, '2']);
  });

  it('uses up no ticket by asking whether it may', async () => {
    const server = await start({ ...PRODUCTION, ticketsPerUser: 1 });
    for (const _ of Array.from({ length: 5 })) {
      await preflight(server, PAGE).expect(204).expect('access-control-allow-origin', PAGE);
    }
    await askForTicket(server).set('Origin', PAGE).expect(201);
  });
});

describe('a page that is not of the list', () => {
  it.each(PLATFORMS)('may not, and may not connect either, on %s', async (_platform, start) => {
    const server = await start(PRODUCTION);
    for (const origin of OTHERS) {
      const { status, headers, body } = await preflight(server, origin);
      const answer = [origin, status, body, corsHeadersOf(headers), headers['vary']];
      const refusal = { code: 'ORIGIN_NOT_ALLOWED', message: 'This Origin is not allowed' };
      expect(answer).toEqual([origin, 403, refusal, {}, 'Origin']);
      const connecting = connect(server, { headers: { origin } });
      await expect(connecting).rejects.toMatchObject({ status: 403 } satisfies Partial<RefusedError>);
    }
  });

  // A page of the server's own origin sends it as well, and needs nobody's leave.
  it.each([...OTHERS, undefined])('%p gets an answer that browsers give to no other origin', async (origin) => {
    const server = await startServer(PRODUCTION);
    const { status, headers } = await askForTicket(server).set(origin === undefined ? {} : { Origin: origin });
    expect([status, headers['access-control-allow-origin'], headers['vary']]).toEqual([201, undefined, 'Origin']);
  });

  it('is every page in production without a list', async () => {
    const server = await startServer({ nodeEnv: 'production' });
    for (const origin of [PAGE, 'null', server.http]) {
      const { status, headers } = await preflight(server, origin);
      expect([status, corsHeadersOf(headers)]).toEqual([403, {}]);
      const answer = await askForTicket(server).set('Origin', origin);
      expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([201, undefined]);
    }
  });

  it('is none elsewhere without a list; each is named by itself', async () => {
    const server = await startServer({ nodeEnv: 'development' });
    for (const origin of [PAGE, 'http://localhost:5173']) {
      const { status, headers } = await preflight(server, origin);
      expect([status, headers['access-control-allow-origin'], headers['vary']]).toEqual([204, origin, 'Origin']);
      expect(headers['access-control-allow-credentials']).toBeUndefined();
      await askForTicket(server).set('Origin', origin).expect('access-control-allow-origin', origin);
    }
  });
});

describe('all other calls', () => {
  const calls: readonly [string, string][] = [
    ['POST', '/api/broadcast'],
    ['POST', '/api/rooms/general/messages'],
    ['POST', '/api/users/alice/messages'],
    ['POST', '/api/users/alice/revoke'],
    ['POST', '/api/tokens/revoke'],
    ['GET', '/api/rooms'],
    ['GET', '/api/rooms/general'],
    ['GET', '/api/rooms/general/members'],
    ['GET', '/api/rooms/general/messages'],
    ['GET', '/api/connections'],
    ['GET', '/api/connections/x'],
    ['DELETE', '/api/connections/x'],
    ['GET', '/metrics'],
    ['GET', '/health/ready'],
    ['GET', '/api/tickets'],
    ['POST', '/api/tickets/x'],
    ['POST', '/api/ticketsx'],
  ];

  it.each(calls)('%s %s are closed to pages of other origins', async (method, path) => {
    const server = await startServer({ ...PRODUCTION, metricsPublic: true });
    const asked = await preflight(server, PAGE, { path, method });
    const headers = corsHeadersOf(asked.headers);
    // The preflight of a path names its methods, whichever is asked for.
    if (path === '/api/tickets') expect(headers['access-control-allow-methods']).toBe('POST');
    else expect([asked.status, headers]).toEqual([404, {}]);

    const call = { method, headers: { origin: PAGE, authorization: `Bearer ${tokenFor({ scope: 'admin' })}` } };
    const answer = await fetch(server.http + path, call);
    expect(corsHeadersOf(Object.fromEntries(answer.headers))).toEqual({});
  });
});
