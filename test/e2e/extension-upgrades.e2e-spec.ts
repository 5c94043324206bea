import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

import type { INestApplication } from '@nestjs/common';
import { WebSocket, WebSocketServer } from 'ws';

import { MetricsModule, type RookeryOptionsInput } from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { metric } from '../support/metrics.js';
import { ADAPTERS } from '../support/platforms.js';
import { handshake, openSocket } from '../support/raw-socket.js';
import { tokenFor } from '../support/server.js';
import { cleanUp } from '../support/teardown.js';

type Listener = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/** An application with an upgrade listener of its own beside Rookery's. */
function startWith(
  listener: Listener,
  options: RookeryOptionsInput = { upgradeTimeoutMs: 100 },
  adapter: (typeof ADAPTERS)[number][1] = ADAPTERS[0][1],
): Promise<TestApplication> {
  return startApplication({
    adapter: adapter(),
    options,
    imports: [MetricsModule],
    prepare: (app: INestApplication<Server>) => app.getHttpServer().on('upgrade', listener),
  });
}

/** A server at `/other` that sends every message back. */
function otherServer(): Listener {
  const other = new WebSocketServer({ noServer: true });
  other.on('connection', (ws) => ws.on('message', (data: Buffer) => ws.send(data.toString())));
  cleanUp(() => other.clients.forEach((client) => client.terminate()));
  return (request, socket, head) => {
    if (request.url === '/other') other.handleUpgrade(request, socket, head, (ws) => other.emit('connection', ws));
  };
}

const elsewhere = handshake({ target: '/elsewhere' });

const refused = (server: TestApplication): Promise<number> =>
  metric(server, 'refusals_total{status="404",code="NOT_FOUND"}');

describe.each(ADAPTERS)('on %s, beside another WebSocket server', (_platform, adapter) => {
  it('an upgrade that nobody serves gets 404, which is counted, and ends', async () => {
    const server = await startWith(otherServer(), { upgradeTimeoutMs: 100 }, adapter);
    const socket = await openSocket(server);
    socket.write(elsewhere);
    const { status, body } = await socket.answer();

    expect([status, JSON.parse(body)]).toEqual([404, { code: 'NOT_FOUND', message: expect.any(String) as string }]);
    await socket.untilClosed();
    expect(await refused(server)).toBe(1);
  });

  it('the other one goes on past the time that an upgrade has', async () => {
    const server = await startWith(otherServer(), { upgradeTimeoutMs: 100 }, adapter);
    const client = new WebSocket(`${server.http.replace('http', 'ws')}/other`);
    cleanUp(() => client.terminate());
    await once(client, 'open');
    // Its time is over when that of a later one is.
    const later = await openSocket(server);
    later.write(elsewhere);
    await later.answer();
    client.send('hello');

    expect(String((await once(client, 'message'))[0])).toBe('hello');
    await join(server);
    expect(await refused(server)).toBe(1);
  });
});

describe('an upgrade at a path that is not Rookery’s', () => {
  it('is its listener’s own as soon as that one reads from it', async () => {
    const taken: Socket[] = [];
    const server = await startWith((request, socket) => {
      if (request.url === '/slow') taken.push(socket.on('data', () => undefined));
    });
    const slow = await openSocket(server);
    slow.write(handshake({ target: '/slow' }));
    await eventually(
      () => taken.length,
      (count) => count === 1,
    );
    const later = await openSocket(server);
    later.write(elsewhere);
    await later.answer();
    taken[0]?.end('HTTP/1.1 101 Late\r\n\r\n');

    expect((await slow.answer()).status).toBe(101);
  });

  it('may be reset or ended by its client at any time', async () => {
    const server = await startWith(() => undefined);
    for (const leave of ['reset', 'end', 'destroy'] as const) {
      const socket = await openSocket(server);
      socket.write(`${elsewhere}and more that nobody reads`);
      if (leave === 'reset') socket.reset();
      else socket.tcp[leave]();
    }
    const last = await openSocket(server);
    last.write(elsewhere);
    expect((await last.answer()).status).toBe(404);
    await join(server);
  });

  it('does not hold up the end of the application', async () => {
    const server = await startWith(() => undefined, { upgradeTimeoutMs: 600_000 });
    const socket = await openSocket(server);
    const seen = once(server.app.getHttpServer(), 'upgrade');
    socket.write(elsewhere);
    await seen;
    const stopped = server.stop();

    expect((await socket.answer()).status).toBe(503);
    await stopped;
  });

  it('gets 404 at once where Rookery is the only one that listens', async () => {
    const server = await startApplication({ options: { upgradeTimeoutMs: 600_000 }, imports: [MetricsModule] });
    const socket = await openSocket(server);
    socket.write(handshake({ target: `/elsewhere?token=${tokenFor()}` }));

    expect((await socket.answer()).status).toBe(404);
    expect(await refused(server)).toBe(1);
  });
});
