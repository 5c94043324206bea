import type { ErrorPayload } from '../../src/protocol/errors.js';
import { connect, join, type RefusedError, type TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { startServer, tokenFor, type TestServer } from '../support/server.js';

const as = (sub: string): { claims: { sub: string } } => ({ claims: { sub } });

/** A place is given back when the server has seen the end of who had it. */
async function joinWhenThereIsRoom(server: TestServer, options: Parameters<typeof join>[1]): Promise<TestClient> {
  const outcome = await eventually(
    () => join(server, options).catch(() => undefined),
    (client) => client !== undefined,
  );
  if (outcome === undefined) throw new Error('there is no room');
  return outcome;
}

describe('rooms per connection', () => {
  it('are bounded; those that the server joins do not count, and leaving makes room', async () => {
    const server = await startServer({ maxRoomsPerConnection: 2 });
    const client = await join(server, {}, 'one', 'two');
    expect((await client.request('join', 'three')).payload.code).toBe('ROOM_LIMIT');
    expect((await client.request('join', 'two')).type).toBe('room:joined');
    await client.request('leave', 'one');

    expect((await client.request('join', 'three')).type).toBe('room:joined');
    expect((await client.request('join', 'one')).payload.code).toBe('ROOM_LIMIT');
  });
});

describe('the rate of messages', () => {
  it('beyond the burst is refused with the time to wait, and what was refused had no effect', async () => {
    const server = await startServer({ rateBurst: 3, rateLimit: 1 });
    const bob = await join(server, as('bob'), 'general');
    const alice = await join(server);
    const replies = await Promise.all(
      [1, 2, 3, 4].map((data) => alice.request('room:message', { room: 'general', data })),
    );

    expect(replies.map(({ type }) => type)).toEqual(['ack', 'ack', 'ack', 'error']);
    const refusal = replies[3]?.payload as ErrorPayload;
    expect(refusal.code).toBe('RATE_LIMITED');
    expect(refusal.details?.['retryAfterMs']).toBeGreaterThan(0);
    expect(refusal.details?.['retryAfterMs']).toBeLessThanOrEqual(1000);
    await bob.settle();
    expect(bob.takeAll('room:message').map(({ payload }) => payload.data as number)).toEqual([1, 2, 3]);
  });

  it('lets the client go on after the wait that it was told', async () => {
    const server = await startServer({ rateBurst: 1, rateLimit: 20 });
    const client = await join(server);
    await Promise.all([client.request('ping'), client.request('ping')]);

    await eventually(
      () => client.request('ping'),
      ({ type }) => type === 'pong',
    );
  });

  it('broken again and again ends with 4429; who keeps to it does not notice', async () => {
    const server = await startServer({ rateBurst: 5, rateLimit: 5, maxOffences: 5 });
    const quiet = await join(server, as('bob'));
    const loud = await join(server);
    for (let sent = 0; sent < 20; sent += 1) loud.send('ping');

    expect((await loud.closed).code).toBe(4429);
    expect((await quiet.request('ping')).type).toBe('pong');
  });

  it('counts broken messages too, and many of them end with 4400', async () => {
    const server = await startServer({ maxOffences: 5 });
    const client = await join(server);
    for (let sent = 0; sent < 10; sent += 1) client.sendRaw('{');

    expect((await client.closed).code).toBe(4400);
    // Five are forgiven; the sixth is answered, too, and is the last.
    const codes = client.takeAll('error').map(({ payload }) => payload.code as string);
    expect(codes).toEqual(Array.from({ length: 6 }, () => 'INVALID_MESSAGE'));
  });

  it('is no bound where it is 0', async () => {
    const server = await startServer({ rateBurst: 1, rateLimit: 0 });
    const client = await join(server);
    const replies = await Promise.all(Array.from({ length: 500 }, () => client.request('ping')));

    expect(replies.every(({ type }) => type === 'pong')).toBe(true);
  });
});

describe('connections', () => {
  it('of the node are bounded: 503 with Retry-After, until one goes', async () => {
    const server = await startServer({ maxConnections: 2 });
    const first = await join(server, as('alice'));
    await join(server, as('bob'));
    const refusal = (await connect(server, as('carol')).catch((error: unknown) => error)) as RefusedError;
    expect([refusal.status, refusal.body.code]).toEqual([503, 'FULL']);
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
    await first.close();

    await joinWhenThereIsRoom(server, as('carol'));
    await expect(connect(server, as('dora'))).rejects.toMatchObject({ status: 503 });
  });

  it('from one address are bounded: 429 with Retry-After, until one goes', async () => {
    const server = await startServer({ maxConnectionsPerAddress: 1 });
    const first = await join(server, as('alice'));
    const refusal = (await connect(server, as('bob')).catch((error: unknown) => error)) as RefusedError;
    expect([refusal.status, refusal.body.code]).toEqual([429, 'TOO_MANY_CONNECTIONS']);
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
    first.socket.terminate();

    await joinWhenThereIsRoom(server, as('bob'));
  });

  it('of one user are bounded, and those of others are not', async () => {
    const server = await startServer({ maxConnectionsPerUser: 2 });
    const first = await join(server, as('alice'));
    await join(server, as('alice'));
    await expect(connect(server, as('alice'))).rejects.toMatchObject({ status: 429 });
    await join(server, as('bob'));
    await first.close();

    await joinWhenThereIsRoom(server, as('alice'));
    await expect(connect(server, as('alice'))).rejects.toMatchObject({ status: 429 });
  });

  it('that were refused hold no place', async () => {
    const server = await startServer({ maxConnections: 1, maxConnectionsPerUser: 1 });
    const refused = [{ token: 'nonsense' }, { token: null }, { token: tokenFor({ exp: 1 }) }, { protocols: ['mqtt'] }];
    for (const options of refused) {
      await eventually(
        () => connect(server, options).catch((error: unknown) => error as RefusedError),
        (outcome) => 'status' in outcome && outcome.status < 429,
      );
    }

    await joinWhenThereIsRoom(server, {});
  });

  it('go without a bound where it is 0', async () => {
    const server = await startServer({ maxConnections: 0, maxConnectionsPerAddress: 0, maxConnectionsPerUser: 0 });

    await Promise.all(Array.from({ length: 30 }, () => join(server)));
  });
});
