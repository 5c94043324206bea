import { MessagingService } from '../../src/index.js';
import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { expectOnly, publish, range, send } from '../support/messages.js';
import { post } from '../support/rest.js';
import { startServer } from '../support/server.js';

const bob = { claims: { sub: 'bob' } };

describe('a publish with an id that was published before', () => {
  it('gets the first one’s position, and nobody gets the message again', async () => {
    const server = await startServer();
    const member = await join(server, bob, 'r');
    const alice = await join(server);
    const first = await send(alice, { room: 'r', data: 'once', id: 'x' });
    await publish(alice, 'r', ['between']);
    const again = await send(alice, { room: 'r', data: 'once', id: 'x' });

    expect(first).toEqual({ room: 'r', id: 'x', epoch: expect.any(String), offset: 1 });
    expect(again).toEqual({ ...first, duplicate: true });
    await expectOnly(member, 'r', ['once', 'between']);
  });

  it('is the same from any connection of the user, also when the first one is gone', async () => {
    const server = await startServer();
    const member = await join(server, bob, 'r');
    const phone = await join(server);
    const first = await send(phone, { room: 'r', data: 'once', id: 'x' });
    await phone.close();
    const laptop = await join(server);
    expect(await send(laptop, { room: 'r', data: 'once', id: 'x' })).toEqual({ ...first, duplicate: true });
    await expectOnly(member, 'r', ['once']);
  });

  it('is one message however many connections send it at once', async () => {
    const server = await startServer();
    const member = await join(server, bob, 'r');
    const connections = await Promise.all(range(1, 10).map(() => join(server)));
    const acks = await Promise.all(connections.map((client) => send(client, { room: 'r', data: 'once', id: 'x' })));
    expect(new Set(acks.map(({ offset }) => offset))).toEqual(new Set([1]));
    expect(acks.filter(({ duplicate }) => duplicate)).toHaveLength(9);
    await expectOnly(member, 'r', ['once']);
  });

  it('is the same over REST and over WebSocket', async () => {
    const server = await startServer();
    const member = await join(server, bob, 'r');
    const alice = await join(server);
    const first = await send(alice, { room: 'r', data: 'a', id: 'x' });
    const repeated = await post(server, 'rooms/r/messages', { data: 'a', id: 'x' });
    expect(repeated).toEqual({ success: true, ...first, duplicate: true });
    const other = await post(server, 'broadcast', { room: 'r', message: 'b', id: 'y' });
    expect(await send(alice, { room: 'r', data: 'b', id: 'y' })).toMatchObject({
      offset: other.offset,
      duplicate: true,
    });
    await expectOnly(member, 'r', ['a', 'b']);
  });

  it('is the same for messages to everybody and to a user', async () => {
    const server = await startServer();
    const member = await join(server, bob);
    const alice = await join(server, { claims: { scope: 'admin' } });
    for (const [type, payload] of [
      ['broadcast', { data: 'to all', id: 'x' }],
      ['user:message', { userId: 'bob', data: 'to bob', id: 'x' }],
    ] as const) {
      const first = await send(alice, payload, type);
      expect(await send(alice, payload, type)).toEqual({ ...first, duplicate: true });
    }
    await member.settle();
    expect(member.queue.map(({ payload }) => payload.data as string)).toEqual(['to all', 'to bob']);
  });

  it('is the same for volatile messages, which have no position', async () => {
    const server = await startServer();
    const member = await join(server, bob, 'r');
    const alice = await join(server);
    const message = { room: 'r', data: 'now', id: 'x', volatile: true };
    expect(await send(alice, message)).toEqual({ room: 'r', id: 'x' });
    expect(await send(alice, message)).toEqual({ room: 'r', id: 'x', duplicate: true });
    await expectOnly(member, 'r', ['now']);
  });

  it('is the same for the application’s own messages', async () => {
    const server = await startServer();
    const member = await join(server, bob, 'r');
    const messaging = server.app.get(MessagingService);
    const first = await messaging.publish('r', 'once', { id: 'x' });
    expect(await messaging.publish('r', 'once', { id: 'x' })).toEqual({ ...first, duplicate: true });
    await expectOnly(member, 'r', ['once']);
  });
});

describe('ids do not meet', () => {
  it('when they are two users’', async () => {
    const server = await startServer();
    const member = await join(server, { claims: { sub: 'carol' } }, 'r');
    const acks = [
      await send(await join(server), { room: 'r', data: 'alice’s', id: 'x' }),
      await send(await join(server, bob), { room: 'r', data: 'bob’s', id: 'x' }),
      await post(server, 'rooms/r/messages', { data: 'dave’s', id: 'x' }, { sub: 'dave' }),
      await server.app.get(MessagingService).publish('r', 'the server’s', { id: 'x' }),
    ];
    expect(acks.map(({ offset, duplicate }) => [offset, duplicate])).toEqual(
      range(1, 4).map((offset) => [offset, undefined]),
    );
    await expectOnly(member, 'r', ['alice’s', 'bob’s', 'dave’s', 'the server’s']);
  });

  it('when they are two rooms’', async () => {
    const alice = await join(await startServer());
    for (const room of ['r', 's', '@user:bob', '@user:carol']) {
      const ack = await send(alice, { room, data: 1, id: 'x' });
      expect(ack).toMatchObject({ room, offset: 1 });
      expect(ack).not.toHaveProperty('duplicate');
    }
  });
});

describe('the window of an id', () => {
  it('ends after the time of the settings', async () => {
    const alice = await join(await startServer({ deduplicationWindowMs: 50, rateLimit: 0 }));
    const first = await send(alice, { room: 'r', data: 1, id: 'x' });
    const later = await eventually(
      () => send(alice, { room: 'r', data: 1, id: 'x' }),
      ({ duplicate }) => duplicate === undefined,
    );
    expect(first.offset).toBe(1);
    expect(later.offset).toBe(2);
  });

  it('is not prolonged by repeats', async () => {
    const alice = await join(await startServer({ deduplicationWindowMs: 200, rateLimit: 0 }));
    await send(alice, { room: 'r', data: 1, id: 'x' });
    // Repeats come without a pause: were each to begin the window anew, it would never end.
    await eventually(
      () => send(alice, { room: 'r', data: 1, id: 'x' }),
      ({ offset }) => offset === 2,
    );
  });

  it('can be switched off', async () => {
    const alice = await join(await startServer({ deduplicationWindowMs: 0 }));
    await send(alice, { room: 'r', data: 1, id: 'x' });
    expect(await send(alice, { room: 'r', data: 1, id: 'x' })).toMatchObject({ offset: 2 });
  });

  it('is not begun by a message that was refused', async () => {
    const server = await startServer({ rooms: [{ pattern: 'r', publish: 'members' }] });
    const alice = await join(server);
    const refused = await alice.request('room:message', { room: 'r', data: 1, id: 'x' });
    expect(refused).toMatchObject({ type: 'error', payload: { code: 'NOT_JOINED' } });
    await alice.request('join', 'r');
    expect(await send(alice, { room: 'r', data: 1, id: 'x' })).not.toHaveProperty('duplicate');
  });
});
