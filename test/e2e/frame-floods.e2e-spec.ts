import { ConnectionsService } from '../../src/connections/connections.service.js';
import { RoomsService } from '../../src/rooms/rooms.service.js';
import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { OPCODE, frame, openRaw } from '../support/raw-client.js';
import { startServer, type TestServer } from '../support/server.js';

const { CONTINUATION, TEXT, PING } = OPCODE;

/** A `ping` of this many bytes more than it needs. */
function paddedPing(padding: number): string {
  return JSON.stringify({ type: 'ping', requestId: '1', payload: 'x'.repeat(padding) });
}

async function untilGone(server: TestServer): Promise<void> {
  const connections = server.app.get(ConnectionsService, { strict: false });
  await eventually(
    () => connections.count(),
    (count) => count === 0,
  );
}

describe('a client that costs more than it may', () => {
  it('by fragments without end is closed with 1008', async () => {
    const server = await startServer();
    const client = await openRaw(server);
    client.send({ opcode: TEXT, final: false });
    client.socket.write(
      Buffer.concat(Array.from({ length: 5000 }, () => frame({ opcode: CONTINUATION, final: false }))),
    );

    expect(await client.closeCode()).toBe(1008);
  });

  it('by pings is closed with 4429', async () => {
    const server = await startServer({ rateBurst: 5, rateLimit: 1, maxOffences: 5 });
    const client = await openRaw(server);
    client.socket.write(Buffer.concat(Array.from({ length: 20 }, () => frame({ opcode: PING, payload: 'x' }))));

    expect(await client.closeCode()).toBe(4429);
  });

  it('by pings whose answers it never reads is cut off, whatever the rate', async () => {
    const server = await startServer({ rateLimit: 0 });
    const client = await openRaw(server);
    client.socket.tcp.pause();
    const pings = Buffer.concat(Array.from({ length: 2000 }, () => frame({ opcode: PING, payload: 'x'.repeat(125) })));
    const flood = setInterval(() => client.socket.write(pings), 5);
    try {
      await untilGone(server);
    } finally {
      clearInterval(flood);
    }
  });

  it('by requests whose replies it never reads costs a bounded number of bytes', async () => {
    const outboxBytes = 64 * 1024;
    const server = await startServer({ rateLimit: 0, maxOffences: 0, outboxBytes });
    const client = await openRaw(server);
    client.socket.tcp.pause();
    const requests = Buffer.concat(
      Array.from({ length: 2000 }, () =>
        frame({ payload: JSON.stringify({ type: 'ping', requestId: 'x'.repeat(120) }) }),
      ),
    );
    const [connection] = server.app.get(ConnectionsService, { strict: false }).all();
    // The client’s own buffer fills up when the server has stopped reading and the kernel’s buffers are full.
    await eventually(
      () => {
        client.socket.write(requests);
        return client.socket.tcp.writableLength;
      },
      (bytes) => bytes > 20 * requests.length,
    );

    expect(connection?.paused).toBe(true);
    expect(connection?.outbox.backlog).toBeLessThan(4 * outboxBytes);
    client.socket.tcp.resume();
    await eventually(
      () => client.socket.tcp.writableLength,
      (bytes) => bytes === 0,
    );
  });

  it('by a message that it never finishes is cut off', async () => {
    const server = await startServer({ heartbeatIntervalMs: 100, heartbeatTimeoutMs: 300 });
    const client = await openRaw(server);
    client.socket.write(frame({ payload: 'half', claimedLength: 1000 }));
    // More bytes count as life, but not for ever.
    const drip = setInterval(() => client.socket.write('x'), 20);
    try {
      await untilGone(server);
    } finally {
      clearInterval(drip);
    }
  });

  it('by ignoring a close is cut off within seconds, and its rooms are left', async () => {
    const server = await startServer();
    const client = await openRaw(server);
    client.sendJson({ type: 'join', payload: 'general' });
    await client.untilMessage('room:joined');
    server.app.get(ConnectionsService, { strict: false }).disconnectUser('alice');

    expect(await client.closeCode()).toBe(4403);
    await client.socket.untilClosed();
    await untilGone(server);
    expect(server.app.get(RoomsService, { strict: false }).size('general')).toBe(0);
  });
});

describe('an oversized message', () => {
  it('ends with 1009; the largest one allowed does not', async () => {
    const server = await startServer({ maxMessageBytes: 2000 });
    const client = await join(server);
    const rest = 2000 - paddedPing(0).length;
    client.sendRaw(paddedPing(rest));
    await client.next('pong');
    client.sendRaw(paddedPing(rest + 1));

    expect((await client.closed).code).toBe(1009);
  });
});
