import { MessagingService } from '../../src/index.js';
import type { ConnectedPayload, JoinedPayload } from '../../src/protocol/messages.js';
import { connect, type ConnectOptions, type TestClient } from '../support/client.js';
import { startServer, type TestServer } from '../support/server.js';

/** Where a client stands in everybody's room and its own, as it says so when it comes back. */
function queryOf({ rooms: [all, user] }: ConnectedPayload): { recover_all: string; recover_user: string } {
  return { recover_all: positionOf(all), recover_user: positionOf(user) };
}

const positionOf = (joined?: JoinedPayload): string => `${joined?.epoch}:${joined?.offset}`;

async function greeted(
  server: TestServer,
  options: ConnectOptions = {},
): Promise<{ client: TestClient; greeting: ConnectedPayload }> {
  const client = await connect(server, options);
  const { payload: greeting } = await client.next('connected');
  return { client, greeting };
}

async function speak(server: TestServer): Promise<void> {
  const messaging = server.app.get(MessagingService);
  await messaging.broadcast('to all');
  await messaging.sendToUser('alice', 'to alice');
  await messaging.sendToUser('bob', 'to bob');
}

const contents = (client: TestClient): unknown[] => client.queue.map(({ type, payload }) => [type, payload.data]);

describe('the rooms that the server joins by itself', () => {
  it('are told in the greeting with their positions', async () => {
    const server = await startServer();
    await speak(server);
    const { greeting } = await greeted(server);
    expect(greeting.rooms).toMatchObject([
      { room: '@all', offset: 1 },
      { room: '@user:alice', offset: 1 },
    ]);
    expect(greeting.rooms[0]).not.toHaveProperty('recovered');
  });

  it('are taken up where they were left by the upgrade’s query', async () => {
    const server = await startServer();
    const { client, greeting } = await greeted(server);
    await client.close();
    await speak(server);
    await speak(server);
    const { client: back, greeting: again } = await greeted(server, { query: queryOf(greeting) });
    await speak(server);
    await back.settle();

    const [all, user] = greeting.rooms;
    expect(again.rooms).toEqual([
      { ...all, recovered: true },
      { ...user, recovered: true },
    ]);
    for (const [type, data] of [
      ['broadcast', 'to all'],
      ['user:message', 'to alice'],
    ]) {
      const messages = back.queue.filter((frame) => frame.type === type);
      expect(messages.map(({ payload }) => [payload.offset, payload.data] as unknown)).toEqual([
        [1, data],
        [2, data],
        [3, data],
      ]);
    }
    expect(back.queue).toHaveLength(6);
  });

  it('are independent of one another', async () => {
    const server = await startServer();
    const { client, greeting } = await greeted(server);
    await client.close();
    await speak(server);
    const { recover_user } = queryOf(greeting);
    const { client: back, greeting: again } = await greeted(server, {
      query: { recover_all: 'of-another-life:0', recover_user },
    });
    await back.settle();
    expect(again.rooms).toMatchObject([
      { room: '@all', offset: 0, recovered: false, reason: 'epoch' },
      { room: '@user:alice', offset: 0, recovered: true },
    ]);
    expect(contents(back)).toHaveLength(2);
  });

  it('say when the time has passed them', async () => {
    const server = await startServer({ historySize: 1 });
    const { client, greeting } = await greeted(server);
    await client.close();
    await speak(server);
    await speak(server);
    const { client: back, greeting: again } = await greeted(server, { query: queryOf(greeting) });
    await back.settle();
    expect(again.rooms).toMatchObject([
      { offset: 1, recovered: false, reason: 'trimmed' },
      { offset: 1, recovered: false, reason: 'trimmed' },
    ]);
    expect(back.queue.map(({ payload }) => payload.offset as number)).toEqual([2, 2]);
  });

  it.each(['', 'nonsense', ':1', 'epoch:', 'epoch:-1', 'epoch:1:'])(
    'are joined as for the first time when the query says %j',
    async (text) => {
      const server = await startServer();
      await speak(server);
      const { client, greeting } = await greeted(server, { query: { recover_all: text, recover_user: text } });
      await client.settle();
      expect(greeting.rooms).toMatchObject([{ offset: 1 }, { offset: 1 }]);
      for (const joined of greeting.rooms) expect(joined).not.toHaveProperty('recovered');
      expect(client.queue).toEqual([]);
    },
  );

  it('are each user’s own: a position in another’s room brings nothing of it', async () => {
    const server = await startServer();
    const { greeting } = await greeted(server);
    await speak(server);
    const { client: bob } = await greeted(server, { claims: { sub: 'bob' }, query: queryOf(greeting) });
    await bob.settle();
    expect(contents(bob)).toContainEqual(['user:message', 'to bob']);
    expect(contents(bob)).not.toContainEqual(['user:message', 'to alice']);
  });
});
