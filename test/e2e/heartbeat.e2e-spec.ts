import { ConnectionsService } from '../../src/connections/connections.service.js';
import { RoomsService } from '../../src/rooms/rooms.service.js';
import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { OPCODE, openRaw, type RawClient } from '../support/raw-client.js';
import { startServer } from '../support/server.js';

/** Silence that ends a connection: longer than a busy machine holds up this process. */
const TIMEOUT_MS = 3000;

/** Answers every ping of the server with something, for longer than silence would be borne. */
async function answerPings(client: RawClient, answer: () => void): Promise<void> {
  const enough = performance.now() + 1.5 * TIMEOUT_MS;
  for (let answered = 0; performance.now() < enough; answered += 1) {
    await eventually(
      () => client.frames().filter(({ opcode }) => opcode === OPCODE.PING).length,
      (pings) => pings > answered,
    );
    answer();
  }
}

const SIGNS_OF_LIFE: Readonly<Record<string, (client: RawClient) => void>> = {
  pongs: (client) => client.send({ opcode: OPCODE.PONG }),
  'pings of its own': (client) => client.send({ opcode: OPCODE.PING }),
  messages: (client) => client.sendJson({ type: 'ping' }),
  'broken messages': (client) => client.send({ payload: '{' }),
};

describe('the heartbeat', () => {
  it('ends a connection that gives no sign of life, and its rooms are left', async () => {
    const server = await startServer({ heartbeatIntervalMs: 300, heartbeatTimeoutMs: TIMEOUT_MS });
    const bystander = await join(server, { claims: { sub: 'bob' } }, 'general');
    const halfOpen = await openRaw(server);
    halfOpen.sendJson({ type: 'join', payload: 'general' });
    await halfOpen.untilMessage('room:joined');
    expect((await bystander.request('presence', 'general')).payload.members).toHaveLength(2);
    await halfOpen.socket.untilClosed();

    expect(halfOpen.frames().some(({ opcode }) => opcode === OPCODE.PING)).toBe(true);
    const { payload } = await bystander.request('presence', 'general');
    expect(payload.members).toEqual([expect.objectContaining({ userId: 'bob' })]);
    expect(server.app.get(RoomsService, { strict: false }).size('@user:alice')).toBe(0);
    expect(server.app.get(ConnectionsService, { strict: false }).count()).toBe(1);
  });

  it('takes any traffic for life, and silence after it for death', async () => {
    const server = await startServer({ heartbeatIntervalMs: 100, heartbeatTimeoutMs: TIMEOUT_MS });
    const survivors = await Promise.all(
      Object.entries(SIGNS_OF_LIFE).map(async ([sign, give]) => {
        const client = await openRaw(server);
        await answerPings(client, () => give(client));
        const survived = !client.socket.closed;
        await client.socket.untilClosed();
        return survived ? sign : undefined;
      }),
    );

    expect(survivors).toEqual(Object.keys(SIGNS_OF_LIFE));
  });

  it('spreads the pings of connections that were opened together', async () => {
    const server = await startServer({ heartbeatIntervalMs: 400, heartbeatTimeoutMs: 60_000 });
    const clients = await Promise.all(Array.from({ length: 10 }, () => join(server)));
    const pings = await Promise.all(
      clients.map(
        ({ socket }) => new Promise<number>((resolve) => socket.once('ping', () => resolve(performance.now()))),
      ),
    );

    // Ten places on the wheel, each at least a timer’s ten milliseconds from the next.
    expect(Math.max(...pings) - Math.min(...pings)).toBeGreaterThan(50);
  });

  it('is told to the client, which can judge the server by it', async () => {
    const server = await startServer({ heartbeatIntervalMs: 12_345, heartbeatTimeoutMs: 60_000 });
    const client = await openRaw(server);

    expect(client.messages('connected')[0]?.payload).toMatchObject({ heartbeatMs: 12_345 });
  });
});
