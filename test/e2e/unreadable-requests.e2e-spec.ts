import { createServer, type Server } from 'node:http';

import type { INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

import { MetricsModule } from '../../src/index.js';
import { startApplication } from '../support/application.js';
import { join } from '../support/client.js';
import { metric } from '../support/metrics.js';
import { PLATFORMS } from '../support/platforms.js';
import { exchange, handshake, openSocket, type HandshakeChanges, type RawAnswer } from '../support/raw-socket.js';
import { startServer, tokenFor, type TestServer } from '../support/server.js';

/** The longest token that PROTOCOL.md allows. */
const MAX_TOKEN_LENGTH = 16_384;

/** A good token of about a length: never longer, and shorter by less than four characters. */
function longToken(length = MAX_TOKEN_LENGTH): string {
  const missing = length - tokenFor({ pad: '' }).length;
  return tokenFor({ pad: 'x'.repeat(Math.floor((missing * 3) / 4)) });
}

const CODES = { 400: 'BAD_REQUEST', 408: 'REQUEST_TIMEOUT', 431: 'HEADERS_TOO_LARGE' } as const;

const refusals = (server: TestServer, status: keyof typeof CODES): Promise<number> =>
  metric(server, `refusals_total{status="${status}",code="${CODES[status]}"}`);

/** Status and code of an answer; fails when it is no refusal in JSON. */
function outcomeOf({ status, headers, body }: RawAnswer): { status: number; code: string } {
  expect(headers['content-type']).toMatch(/^application\/json/);
  expect(headers['connection']).toBe('close');
  const { code, message } = JSON.parse(body) as { code: string; message: string };
  expect(message).toMatch(/\w+/);
  return { status, code };
}

const TOO_LARGE = { status: 431, code: 'HEADERS_TOO_LARGE' };

const WAYS: readonly (readonly [string, (token: string) => HandshakeChanges])[] = [
  ['query', (token) => ({ target: `/ws?token=${token}` })],
  ['header', (token) => ({ target: '/ws', headers: { Authorization: `Bearer ${token}` } })],
  [
    'subprotocol',
    (token) => ({ target: '/ws', headers: { 'Sec-WebSocket-Protocol': `rookery.v1.json, bearer.${token}` } }),
  ],
  ['cookie', (token) => ({ headers: { Cookie: `session=${token}` } })],
];

describe.each(PLATFORMS)('a long head on %s', (_platform, start) => {
  it.each(WAYS)('is read with the longest token there may be in the %s', async (_way, changes) => {
    const server = await start();

    expect((await exchange(server, handshake(changes(longToken())))).status).toBe(101);
  });

  it.each(WAYS)('beyond the limit, by the %s, gets 431 in JSON, which is counted', async (_way, changes) => {
    const server = await start({ maxHeaderBytes: 4096 });
    const answer = await exchange(server, handshake(changes('x'.repeat(5000))));

    expect(outcomeOf(answer)).toEqual(TOO_LARGE);
    expect(answer.headers['upgrade']).toBeUndefined();
    expect(await refusals(server, 431)).toBe(1);
    await join(server);
  });

  it('is counted once, however much follows, and its connection ends', async () => {
    const server = await start({ maxHeaderBytes: 4096 });
    const socket = await openSocket(server);
    socket.write(`GET /ws HTTP/1.1\r\nX-Long: ${'x'.repeat(5000)}`);
    await socket.answer();
    for (let piece = 0; piece < 20; piece += 1) socket.write('x'.repeat(10_000));
    await socket.untilClosed();

    expect(await refusals(server, 431)).toBe(1);
  });

  it('of a plain request gets the same', async () => {
    const server = await start({ maxHeaderBytes: 4096 });
    const text = `GET /api/rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${'x'.repeat(5000)}\r\n\r\n`;

    expect(outcomeOf(await exchange(server, text))).toEqual(TOO_LARGE);
  });
});

describe.each(PLATFORMS)('what is no HTTP on %s', (_platform, start) => {
  it.each([
    ['a broken line', 'GET /ws\x00 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a greeting of TLS', Buffer.from('16030100f8010000f40303', 'hex')],
    ['two lengths', 'POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
  ])('gets 400 for %s', async (_what, bytes) => {
    const server = await start();
    const socket = await openSocket(server);
    socket.write(bytes);

    expect(outcomeOf(await socket.answer())).toEqual({ status: 400, code: 'BAD_REQUEST' });
    await socket.untilClosed();
    expect(await refusals(server, 400)).toBe(1);
    await join(server);
  });

  it('ends the connection of a request whose body breaks off into nonsense', async () => {
    const server = await start();
    const socket = await openSocket(server);
    socket.write('POST /api/broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n');
    socket.write('Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nnonsense\r\n');

    expect((await socket.answer()).status).toBe(400);
    await socket.untilClosed();
    expect(await refusals(server, 400)).toBe(1);
    await join(server);
  });

  it('harms nothing when the client has gone before the answer', async () => {
    const server = await start({ maxHeaderBytes: 4096 });
    for (const leave of ['reset', 'end', 'destroy'] as const) {
      for (const bytes of ['nonsense\r\n\r\n', `GET /ws HTTP/1.1\r\nX: ${'x'.repeat(50_000)}`]) {
        const socket = await openSocket(server);
        socket.write(bytes);
        if (leave === 'reset') socket.reset();
        else socket.tcp[leave]();
      }
    }
    await join(server);
  });
});

describe('a request that takes too long', () => {
  it('gets 408 in JSON, which is counted; a client that says nothing is cut without a word', async () => {
    const server = await startServer();
    server.app.getHttpServer().headersTimeout = 300;
    const silent = await openSocket(server);
    const slow = await openSocket(server);
    slow.write('GET /ws HTTP/1.1\r\nHost: x\r\n');

    expect(outcomeOf(await slow.answer())).toEqual({ status: 408, code: 'REQUEST_TIMEOUT' });
    await silent.untilClosed();
    expect(silent.received.toString()).toBe('');
    expect(await refusals(server, 408)).toBe(1);
  });
});

function answerOthers(app: INestApplication<Server>): void {
  const answer = 'HTTP/1.1 418 Own\r\nContent-Length: 0\r\n\r\n';
  app.getHttpServer().on('clientError', (_error, socket) => socket.end(answer));
}

const withHeader = (length: number): string => handshake({ headers: { 'X-Long': 'x'.repeat(length) } });

describe('an application', () => {
  it('answers what cannot be read by a listener of its own, and Rookery counts it', async () => {
    const server = await startApplication({ imports: [MetricsModule], prepare: answerOthers });

    expect((await exchange(server, 'nonsense\r\n\r\n')).status).toBe(418);
    expect(await refusals(server, 400)).toBe(1);
  });

  it('keeps the limit that it has given its server on Express', async () => {
    class OwnAdapter extends ExpressAdapter {
      override initHttpServer(): void {
        this.httpServer = createServer({ maxHeaderSize: 8192 }, this.getInstance<() => void>());
      }
    }
    const server = await startApplication({ adapter: new OwnAdapter() });

    expect((await exchange(server, withHeader(4000))).status).toBe(101);
    expect(outcomeOf(await exchange(server, withHeader(9000)))).toEqual(TOO_LARGE);
  });

  it('keeps the limit that it has given its server on Fastify', async () => {
    const server = await startApplication({ adapter: new FastifyAdapter({ http: { maxHeaderSize: 8192 } }) });

    expect(outcomeOf(await exchange(server, withHeader(9000)))).toEqual(TOO_LARGE);
  });
});
