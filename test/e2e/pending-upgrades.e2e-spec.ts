import { ConnectionsService } from '../../src/connections/connections.service.js';
import { connect, join, RefusedError } from '../support/client.js';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { handshake, openSocket, type RawSocket } from '../support/raw-socket.js';
import { startServer, type TestServer } from '../support/server.js';
import { slowVerifier, type SlowVerifier } from '../support/slow-verifier.js';

/** An upgrade whose token is being verified. */
async function pendingUpgrade(server: TestServer, verifier: SlowVerifier, user: string): Promise<RawSocket> {
  const before = verifier.waiting();
  const socket = await openSocket(server);
  socket.write(handshake({ target: `/ws?token=${user}` }));
  await eventually(verifier.waiting, (count) => count === before + 1);
  return socket;
}

async function connectWhenThereIsRoom(server: TestServer, user: string): Promise<void> {
  await eventually(
    () => connect(server, { token: user }).catch((error: unknown) => error),
    (outcome) => !(outcome instanceof RefusedError),
  );
}

/** True when an upgrade gets as far as having its token verified; false when it is refused for want of a place. */
async function isAdmitted(server: TestServer, verifier: SlowVerifier, user: string): Promise<boolean> {
  const before = verifier.waiting();
  const socket = await openSocket(server);
  socket.write(handshake({ target: `/ws?token=${user}` }));
  await eventually(
    () => verifier.waiting() > before || socket.received.length > 0,
    (decided) => decided,
  );
  return socket.received.length === 0;
}

describe('while tokens are being verified', () => {
  it('a reset of the client harms nothing, and gives its place back at once', async () => {
    const verifier = slowVerifier();
    const server = await startApplication({
      options: { maxConnections: 2 },
      overrides: { tokenVerifier: verifier.type },
    });
    for (const user of ['alice', 'bob']) (await pendingUpgrade(server, verifier, user)).reset();
    for (const user of ['carol', 'dora']) {
      await eventually(
        () => isAdmitted(server, verifier, user),
        (admitted) => admitted,
      );
    }
    expect(await isAdmitted(server, verifier, 'emil')).toBe(false);
    verifier.open();

    await eventually(
      () => server.app.get(ConnectionsService, { strict: false }).count(),
      (count) => count === 2,
    );
  });

  it.each<[string, (socket: RawSocket) => void]>([
    ['a reset', (socket) => socket.reset()],
    [
      'a reset after more bytes',
      (socket) => {
        socket.write('what nobody asked for');
        socket.reset();
      },
    ],
    ['a goodbye', (socket) => socket.tcp.end()],
    ['a cut', (socket) => socket.tcp.destroy()],
  ])('%s leaves nothing behind when the token turns out to be good', async (_how, leave) => {
    const verifier = slowVerifier();
    const server = await startApplication({
      options: { maxConnections: 2, maxConnectionsPerUser: 1 },
      overrides: { tokenVerifier: verifier.type },
    });
    const leaving = await pendingUpgrade(server, verifier, 'alice');
    leave(leaving);
    // Only the server’s own looking at its sockets brings it to know: another upgrade gives it the time.
    await pendingUpgrade(server, verifier, 'bob');
    verifier.open();

    await connectWhenThereIsRoom(server, 'alice');
    await expect(connect(server, { token: 'alice' })).rejects.toBeInstanceOf(RefusedError);
  });

  it('only so many wait: the next gets 503, and those who wait still get in', async () => {
    const verifier = slowVerifier();
    const server = await startApplication({
      options: { maxPendingUpgrades: 2 },
      overrides: { tokenVerifier: verifier.type },
    });
    const first = await pendingUpgrade(server, verifier, 'alice');
    const second = await pendingUpgrade(server, verifier, 'bob');
    await expect(connect(server, { token: 'carol' })).rejects.toMatchObject({ status: 503, body: { code: 'FULL' } });
    verifier.release();

    expect([(await first.answer()).status, (await second.answer()).status]).toEqual([101, 101]);
    const third = await pendingUpgrade(server, verifier, 'carol');
    verifier.release();
    expect((await third.answer()).status).toBe(101);
  });

  it('the wait is bounded: 503 when it is over, and a late answer changes nothing', async () => {
    const verifier = slowVerifier();
    const server = await startApplication({
      options: { upgradeTimeoutMs: 100 },
      overrides: { tokenVerifier: verifier.type },
    });
    const late = await pendingUpgrade(server, verifier, 'alice');
    const { status, body } = await late.answer();
    verifier.release();
    await late.untilClosed();

    expect([status, (JSON.parse(body) as { code: string }).code]).toEqual([503, 'UNAVAILABLE']);
    expect(server.app.get(ConnectionsService, { strict: false }).count()).toBe(0);
  });
});

describe('a client that does not get on with it', () => {
  it('is given a bounded time for its request by the stand-alone server', async () => {
    const server = await startServer();
    const { headersTimeout, requestTimeout } = server.app.getHttpServer();

    expect(headersTimeout).toBeGreaterThan(0);
    expect(headersTimeout).toBeLessThanOrEqual(10_000);
    expect(requestTimeout).toBeLessThanOrEqual(30_000);
  });

  it('is cut off, whether it is silent or drips', async () => {
    const server = await startServer();
    // The bound itself is the test before this one; here it is short.
    server.app.getHttpServer().headersTimeout = 300;
    const silent = await openSocket(server);
    const dripping = await openSocket(server);
    dripping.write('GET /ws HTTP/1.1\r\n');
    const drip = setInterval(() => dripping.write('X-More: 1\r\n'), 50);
    try {
      await Promise.all([silent.untilClosed(), dripping.untilClosed()]);
    } finally {
      clearInterval(drip);
    }

    await join(server);
  });

  it('may reset at any byte of its handshake', async () => {
    const server = await startServer();
    const text = handshake();
    for (let length = 1; length <= text.length; length += 7) {
      const socket = await openSocket(server);
      socket.write(text.slice(0, length));
      socket.reset();
    }

    await join(server);
  });
});
