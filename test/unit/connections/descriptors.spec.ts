import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';

import { Logger } from '@nestjs/common';
import { jest } from '@jest/globals';

import { Siblings } from '../../../src/cluster/siblings.js';
import { RookeryOptions } from '../../../src/config/rookery.options.js';
import { descriptorLimit, openDescriptors } from '../../../src/connections/descriptor-limit.js';
import { Descriptors } from '../../../src/connections/descriptors.js';
import { Telemetry } from '../../../src/telemetry/telemetry.js';
import { eventually } from '../../support/eventually.js';
import { RawSocket, openSocket } from '../../support/raw-socket.js';
import { cleanUp } from '../../support/teardown.js';

const REQUEST = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';

/** Of 16 descriptors two are the server's own, and two are the reserve: twelve are for connections. */
const LIMIT = 16;
const ROOM = 12;
const RESERVE = 2;

interface Watched {
  readonly port: number;
  readonly descriptors: Descriptors;
  readonly telemetry: Telemetry;
  readonly open: () => Promise<RawSocket>;
  readonly count: () => Promise<number>;
  readonly warnings: () => string[];
}

async function watched(maxConnections = 1): Promise<Watched> {
  const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  cleanUp(() => warn.mockRestore());
  const telemetry = new Telemetry();
  const siblings = new Siblings();
  const descriptors = new Descriptors(Object.assign(new RookeryOptions(), { maxConnections }), telemetry, siblings);
  const server: Server = createServer((_request, response) => response.end('here'));
  server.on('upgrade', (request, socket) => {
    descriptors.upgrading(request.socket);
    // Half closed: the client is the one to go.
    if (request.headers.upgrade === 'refused') socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n');
    else socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
  });
  const leave = descriptors.attach(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  cleanUp(() => {
    leave();
    server.close();
    server.closeAllConnections();
  });
  warn.mockClear();
  descriptors.measure(LIMIT, 0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    descriptors,
    telemetry,
    open: () => openSocket({ port }),
    count: () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count))),
    warnings: () => warn.mock.calls.map(([message]) => String(message)),
  };
}

async function openMany({ open, count }: Watched, wanted: number): Promise<RawSocket[]> {
  const before = await count();
  const sockets: RawSocket[] = [];
  while (sockets.length < wanted) sockets.push(await open());
  await eventually(count, (now) => now === before + wanted);
  return sockets;
}

describe('the watch over file descriptors', () => {
  it('knows the limit of this process, and how many are open', () => {
    expect(descriptorLimit() ?? 1000).toBeGreaterThan(100);
    expect(openDescriptors()).toBeGreaterThan(3);
  });

  it('warns at the start where they do not suffice for MAX_CONNECTIONS', async () => {
    const { descriptors, warnings } = await watched(ROOM);
    expect(warnings()).toEqual([]);
    descriptors.measure(LIMIT, 1);
    expect(warnings()).toEqual([
      expect.stringContaining(`16 leave room for 11 connections, and MAX_CONNECTIONS is ${ROOM}`),
    ]);
    descriptors.measure(undefined, 1);
    expect(warnings()).toHaveLength(1);
  });

  it('is short while only the reserve is left, which it counts, and says once', async () => {
    const server = await watched();
    const sockets = await openMany(server, ROOM);
    expect(server.descriptors.isShort).toBe(false);
    const more = await openMany(server, RESERVE);
    expect(server.descriptors.isShort).toBe(true);
    expect(server.telemetry.descriptorShortages).toBe(RESERVE);
    expect(server.warnings()).toEqual([expect.stringContaining('new clients are refused with 503')]);

    for (const { tcp } of [...sockets.slice(0, 1), ...more]) tcp.destroy();
    await eventually(
      () => server.descriptors.isShort,
      (isShort) => !isShort,
    );
  });

  it('answers on a connection from the reserve, and closes it then', async () => {
    const server = await watched();
    const [first] = await openMany(server, ROOM);
    first?.write(REQUEST);
    expect((await first?.answer())?.headers['connection']).toBe('keep-alive');
    const [last] = await openMany(server, 1);
    last?.write(REQUEST);
    expect(await last?.answer()).toMatchObject({ status: 200, headers: { connection: 'close' } });
    await last?.untilClosed();
    expect(first?.closed).toBe(false);
  });

  it('closes the connection of the reserve that was silent for longest, and none of the others', async () => {
    const server = await watched();
    const first = await openMany(server, ROOM);
    const [silent, other] = await openMany(server, RESERVE);
    for (let n = 0; n < 5; n += 1) {
      const socket = await server.open();
      socket.write(REQUEST);
      expect((await socket.answer()).status).toBe(200);
      await socket.untilClosed();
    }
    await silent?.untilClosed();
    expect((await silent?.answer())?.status).toBe(503);
    expect(other?.closed).toBe(false);
    expect(first.filter(({ closed }) => closed)).toEqual([]);
  });

  it('closes a refused connection that has its answer before one that asked nothing yet', async () => {
    const server = await watched();
    await openMany(server, ROOM);
    const [silent] = await openMany(server, 1);
    const refused = new RawSocket(connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true }));
    cleanUp(() => refused.tcp.destroy());
    refused.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: refused\r\n\r\n');
    expect((await refused.answer()).status).toBe(503);
    expect(await server.count()).toBe(ROOM + RESERVE);
    const newest = await server.open();
    newest.write(REQUEST);
    expect((await newest.answer()).status).toBe(200);
    expect(silent?.closed).toBe(false);
    expect(server.telemetry.descriptorShortages).toBe(RESERVE + 1);
  });

  it('never has more connections than descriptors, however many come at once', async () => {
    const server = await watched();
    const sockets = await Promise.all(Array.from({ length: 100 }, () => server.open()));
    await eventually(
      () => sockets.filter(({ closed }) => !closed).length,
      (left) => left === ROOM + RESERVE,
    );
    expect(await server.count()).toBe(ROOM + RESERVE);
  });

  it('leaves a connection alone that was upgraded after the shortage', async () => {
    const server = await watched();
    const first = await openMany(server, ROOM);
    const [upgraded] = await openMany(server, 1);
    first[0]?.tcp.destroy();
    await eventually(
      () => server.descriptors.isShort,
      (isShort) => !isShort,
    );
    upgraded?.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect((await upgraded?.answer())?.status).toBe(101);
    const more = await Promise.all(Array.from({ length: 10 }, () => server.open()));
    await eventually(
      () => more.filter(({ closed }) => closed).length,
      (closed) => closed === 10 - RESERVE,
    );
    expect(upgraded?.closed).toBe(false);
  });
});
