import { MessagingService } from '../../src/index.js';
import type { JoinRefusal, JoinedPayload } from '../../src/protocol/messages.js';
import { connect, join, type TestClient } from '../support/client.js';
import { dataOf, publish, receive } from '../support/messages.js';
import { startServer } from '../support/server.js';

async function joinMany(
  client: TestClient,
  rooms: readonly unknown[],
): Promise<readonly (JoinedPayload | JoinRefusal)[]> {
  const reply = await client.request('join', { rooms });
  expect(reply.type).toBe('rooms:joined');
  return (reply.payload as { rooms: readonly (JoinedPayload | JoinRefusal)[] }).rooms;
}

describe('a join of many rooms', () => {
  it('recovers each and goes on live in each, by one reply', async () => {
    const server = await startServer();
    const alice = await join(server, { claims: { sub: 'alice' } });
    const [, second] = await publish(alice, 'one', [1, 2, 3]);
    await publish(alice, 'two', ['a']);
    const bob = await join(server, { claims: { sub: 'bob' } });
    const recover = { epoch: second?.epoch, offset: 2 };
    const joined = await joinMany(bob, [{ room: 'one', recover }, 'two', { room: 'three' }]);
    await publish(alice, 'two', ['b']);
    await publish(alice, 'one', [4]);

    expect(joined).toMatchObject([
      { room: 'one', offset: 2, recovered: true },
      { room: 'two', offset: 1 },
      { room: 'three', offset: 0 },
    ]);
    expect(dataOf(await receive(bob, 'one', 2))).toEqual([3, 4]);
    expect(dataOf(await receive(bob, 'two', 1))).toEqual(['b']);
    await bob.settle();
    expect(bob.queue).toEqual([]);
  });

  it('gives what was published meanwhile after the reply, and nothing before it', async () => {
    const server = await startServer();
    const client = await join(server);
    const reply = client.request('join', { rooms: ['one', 'two'] });
    const messaging = server.app.get(MessagingService);
    for (let n = 0; n < 50; n += 1) {
      await messaging.publish('one', n);
      await messaging.publish('two', n);
    }
    const { payload } = await reply;
    for (const [index, room] of ['one', 'two'].entries()) {
      const { offset } = (payload as { rooms: JoinedPayload[] }).rooms[index] ?? { offset: NaN };
      const messages = await receive(client, room, 50 - offset);
      expect(messages.map((message) => message.offset)).toEqual(Array.from(messages, (_, n) => offset + n + 1));
    }
  });

  it('is refused entry by entry; a name that is none is not sent back', async () => {
    const server = await startServer({ maxRoomsPerConnection: 2 });
    const client = await join(server, { claims: { rooms: ['open:*'] } });
    const outcomes = await joinMany(client, ['open:1', 'secret', 'bad\nname', 'open:1', 'open:2', 'open:3']);
    expect(outcomes).toMatchObject([
      { room: 'open:1', offset: 0 },
      { room: 'secret', error: { code: 'FORBIDDEN' } },
      { error: { code: 'ROOM_NAME_INVALID' } },
      { room: 'open:1', offset: 0 },
      { room: 'open:2', offset: 0 },
      { room: 'open:3', error: { code: 'ROOM_LIMIT' } },
    ]);
    expect(outcomes[2]).not.toHaveProperty('room');
  });

  it('counts as many messages as it names rooms', async () => {
    const server = await startServer({ rateBurst: 5, rateLimit: 1 });
    const client = await join(server);
    expect(await joinMany(client, ['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toHaveLength(7);
    const { payload } = await client.request('ping');
    expect(payload).toMatchObject({ code: 'RATE_LIMITED' });
    // Seven of five are spent: three have to come in before the next one goes.
    expect((payload as { details: { retryAfterMs: number } }).details.retryAfterMs).toBeGreaterThan(2000);
  });

  it('tells of the rate in the greeting, where there is one', async () => {
    const bounded = await startServer({ rateBurst: 5, rateLimit: 1 });
    const free = await startServer({ rateLimit: 0 });
    expect((await (await connect(bounded)).next('connected')).payload.rate).toEqual({ perSecond: 1, burst: 5 });
    expect((await (await connect(free)).next('connected')).payload).not.toHaveProperty('rate');
  });
});
