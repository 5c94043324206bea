import { MessagingService } from '../../src/index.js';
import type { JoinedPayload } from '../../src/protocol/messages.js';
import { join, type TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { dataOf, offsetsOf, publish, range, receive } from '../support/messages.js';
import { startServer } from '../support/server.js';

const bob = { claims: { sub: 'bob' } };

async function recover(client: TestClient, room: string, position: object): Promise<JoinedPayload> {
  const reply = await client.request('join', { room, recover: position });
  expect(reply.type).toBe('room:joined');
  return reply.payload as JoinedPayload;
}

describe('join with a position', () => {
  it('replays what came after it, in order, and goes on live', async () => {
    const server = await startServer();
    const alice = await join(server);
    const { payload: joined } = await (await join(server, bob)).request('join', 'r');
    const acks = await publish(alice, 'r', range(1, 10));
    const back = await join(server, bob);
    const reply = await recover(back, 'r', { epoch: joined.epoch, offset: 4 });
    await publish(alice, 'r', [11, 12]);

    expect(reply).toEqual({ room: 'r', epoch: acks[0]?.epoch, offset: 4, recovered: true });
    const messages = await receive(back, 'r', 8);
    expect(offsetsOf(messages)).toEqual(range(5, 12));
    expect(dataOf(messages)).toEqual(range(5, 12));
    expect(messages[0]).toMatchObject({ from: 'alice', id: acks[4]?.id });
    await back.settle();
    expect(back.queue).toEqual([]);
  });

  it('replays nothing to who has everything', async () => {
    const server = await startServer();
    const alice = await join(server);
    const [, last] = await publish(alice, 'r', [1, 2]);
    const back = await join(server, bob);
    expect(await recover(back, 'r', { epoch: last?.epoch, offset: 2 })).toMatchObject({ offset: 2, recovered: true });
    await publish(alice, 'r', [3]);
    expect(offsetsOf(await receive(back, 'r', 1))).toEqual([3]);
  });

  it('replays a long history whole', async () => {
    const server = await startServer();
    const messaging = server.app.get(MessagingService);
    for (const n of range(1, 1000)) await messaging.publish('r', 'x'.repeat(n));
    const back = await join(server, bob);
    const { payload: page } = await back.request('history', { room: 'r', limit: 1 });
    expect(await recover(back, 'r', { epoch: page.epoch, offset: 0 })).toMatchObject({ recovered: true });
    expect(offsetsOf(await receive(back, 'r', 1000))).toEqual(range(1, 1000));
  });

  it('includes what the member had published itself, known by its id', async () => {
    const server = await startServer();
    const first = await join(server, bob, 'r');
    const ack = await first.request('room:message', { room: 'r', data: 'mine', id: 'my-1' });
    await first.settle();
    expect(first.takeAll('room:message')).toEqual([]);
    await first.close();
    const back = await join(server, bob);
    await recover(back, 'r', { epoch: ack.payload.epoch, offset: 0 });
    expect(await receive(back, 'r', 1)).toMatchObject([{ from: 'bob', id: 'my-1', data: 'mine', offset: 1 }]);
  });

  it('works while an earlier connection of the user is still there, which gets nothing twice', async () => {
    const server = await startServer();
    const phone = await join(server, bob, 'r');
    const alice = await join(server);
    const [ack] = await publish(alice, 'r', [1, 2]);
    const laptop = await join(server, bob);
    await recover(laptop, 'r', { epoch: ack?.epoch, offset: 1 });
    await publish(alice, 'r', [3]);
    expect(offsetsOf(await receive(laptop, 'r', 2))).toEqual([2, 3]);
    expect(offsetsOf(await receive(phone, 'r', 3))).toEqual([1, 2, 3]);
    await phone.settle();
    expect(phone.queue).toEqual([]);
  });

  it('gives nothing more of the room once it is left', async () => {
    const server = await startServer({ historySize: 10_000 });
    const messaging = server.app.get(MessagingService);
    for (const n of range(1, 4999)) await messaging.publish('r', n);
    const { epoch, offset } = await messaging.publish('r', 5000);
    const back = await join(server, bob);
    back.send('join', { room: 'r', recover: { epoch, offset: 0 } });
    await back.request('leave', 'r');
    const before = offsetsOf(back.takeAll('room:message').map(({ payload }) => payload as { offset: number }));
    await messaging.publish('r', 'for members');
    await back.settle();
    expect(offset).toBe(5000);
    expect(before).toEqual(range(1, before.length));
    expect(back.takeAll('room:message')).toEqual([]);
    // It can be entered again from where it was left.
    await recover(back, 'r', { epoch, offset: before.length });
    expect(offsetsOf(await receive(back, 'r', 1))).toEqual([before.length + 1]);
  });
});

describe('a recovery that is not whole says why', () => {
  it('epoch: the position is of another history; what there is comes from its start', async () => {
    const server = await startServer();
    await publish(await join(server), 'r', [1, 2, 3]);
    const back = await join(server, bob);
    expect(await recover(back, 'r', { epoch: 'of-another-life', offset: 2 })).toMatchObject({
      offset: 0,
      recovered: false,
      reason: 'epoch',
    });
    expect(offsetsOf(await receive(back, 'r', 3))).toEqual([1, 2, 3]);
  });

  it('epoch: the position is one that the room has not reached', async () => {
    const server = await startServer();
    const [ack] = await publish(await join(server), 'r', [1]);
    const back = await join(server, bob);
    const reply = await recover(back, 'r', { epoch: ack?.epoch, offset: 2 });
    expect(reply).toMatchObject({ recovered: false, reason: 'epoch' });
  });

  it('trimmed: what is left follows the position in the reply', async () => {
    const server = await startServer({ historySize: 3 });
    const alice = await join(server);
    const [ack] = await publish(alice, 'r', range(1, 10));
    const back = await join(server, bob);
    const reply = await recover(back, 'r', { epoch: ack?.epoch, offset: 4 });
    expect(reply).toMatchObject({ epoch: ack?.epoch, offset: 7, recovered: false, reason: 'trimmed' });
    await publish(alice, 'r', [11]);
    expect(offsetsOf(await receive(back, 'r', 4))).toEqual(range(8, 11));
    await back.settle();
    // What the reply has said is not said again.
    expect(back.takeAll('room:gap')).toEqual([]);
  });

  it('trimmed: not where the first message kept is the next one', async () => {
    const server = await startServer({ historySize: 3 });
    const [ack] = await publish(await join(server), 'r', range(1, 10));
    const back = await join(server, bob);
    expect(await recover(back, 'r', { epoch: ack?.epoch, offset: 7 })).toMatchObject({ offset: 7, recovered: true });
  });

  it('expired: the time of the room’s rule is over', async () => {
    const server = await startServer({ rooms: [{ pattern: 'brief', historyTtlMs: 50 }] });
    const alice = await join(server);
    const [ack] = await publish(alice, 'brief', [1, 2, 3]);
    await eventually(
      async () => (await alice.request('history', { room: 'brief' })).payload.messages.length as number,
      (count) => count === 0,
    );
    const back = await join(server, bob);
    expect(await recover(back, 'brief', { epoch: ack?.epoch, offset: 1 })).toMatchObject({
      offset: 3,
      recovered: false,
      reason: 'expired',
    });
    await publish(alice, 'brief', [4]);
    expect(offsetsOf(await receive(back, 'brief', 1))).toEqual([4]);
  });

  it('in a room that keeps nothing: whole only for who missed nothing', async () => {
    const server = await startServer({ rooms: [{ pattern: 'bare', historySize: 0 }] });
    const [, ack] = await publish(await join(server), 'bare', [1, 2]);
    const back = await join(server, bob);
    expect(await recover(back, 'bare', { epoch: ack?.epoch, offset: 2 })).toMatchObject({ recovered: true });
    await back.request('leave', 'bare');
    expect(await recover(back, 'bare', { epoch: ack?.epoch, offset: 1 })).toMatchObject({
      offset: 2,
      recovered: false,
    });
  });
});

describe('recovery is authorised first, room by room', () => {
  it('without the grant to join there is neither a membership nor a message', async () => {
    const server = await startServer();
    const alice = await join(server);
    const [ack] = await publish(alice, 'secret', [1, 2]);
    const mallory = await join(server, { claims: { sub: 'm', rooms: [{ pattern: 'secret', can: ['history'] }] } });
    const reply = await mallory.request('join', { room: 'secret', recover: { epoch: ack?.epoch, offset: 0 } });
    await publish(alice, 'secret', [3]);
    await mallory.settle();
    expect(reply).toMatchObject({ type: 'error', payload: { code: 'FORBIDDEN' } });
    expect(mallory.queue).toEqual([]);
  });

  it('without the grant to read history the member goes on live, and is told', async () => {
    const server = await startServer();
    const alice = await join(server);
    const [ack] = await publish(alice, 'r', [1, 2]);
    const carol = await join(server, { claims: { sub: 'carol', rooms: [{ pattern: 'r', can: ['join'] }] } });
    expect(await recover(carol, 'r', { epoch: ack?.epoch, offset: 0 })).toMatchObject({
      offset: 2,
      recovered: false,
      reason: 'forbidden',
    });
    await publish(alice, 'r', [3]);
    expect(offsetsOf(await receive(carol, 'r', 1))).toEqual([3]);
    await carol.settle();
    expect(carol.queue).toEqual([]);
  });

  it('one refusal does not stop the others', async () => {
    const server = await startServer({ rooms: [{ pattern: 'short', historySize: 1 }] });
    const alice = await join(server);
    const rooms = ['a', 'forbidden', 'other-epoch', 'short', 'b'];
    const positions = new Map<string, object>();
    for (const room of rooms) {
      const [ack] = await publish(alice, room, [1, 2, 3]);
      positions.set(room, { epoch: room === 'other-epoch' ? 'x' : ack?.epoch, offset: 1 });
    }
    const back = await join(server, { claims: { sub: 'bob', rooms: ['a', 'b', 'other-epoch', 'short'] } });
    const requests = [...rooms, '@nobody'].map((room) =>
      back.request('join', { room, recover: positions.get(room) ?? { epoch: 'x', offset: 0 } }),
    );
    const replies = await Promise.all(requests);
    const { epoch: _a, ...outcome } = (replies[0]?.payload ?? {}) as JoinedPayload;

    expect(outcome).toEqual({ room: 'a', offset: 1, recovered: true });
    expect(replies.slice(1)).toMatchObject([
      { type: 'error', payload: { code: 'FORBIDDEN' } },
      { payload: { room: 'other-epoch', offset: 0, recovered: false, reason: 'epoch' } },
      { payload: { room: 'short', offset: 2, recovered: false, reason: 'trimmed' } },
      { payload: { room: 'b', offset: 1, recovered: true } },
      { type: 'error', payload: { code: 'ROOM_NAME_INVALID' } },
    ]);
    expect(offsetsOf(await receive(back, 'a', 2))).toEqual([2, 3]);
    expect(offsetsOf(await receive(back, 'b', 2))).toEqual([2, 3]);
    expect(offsetsOf(await receive(back, 'short', 1))).toEqual([3]);
    expect(offsetsOf(await receive(back, 'other-epoch', 3))).toEqual([1, 2, 3]);
    await back.settle();
    expect(back.queue).toEqual([]);
  });
});

describe('join once more', () => {
  it('is answered with where the member stands: no message that follows is one that it has', async () => {
    const server = await startServer({ rooms: [{ pattern: 'echo', echo: true }] });
    const alice = await join(server, {}, 'echo');
    // All within one turn of the server: the answer must not overtake what was published before it.
    for (const n of range(1, 3)) {
      alice.send('room:message', { room: 'echo', data: n });
      alice.send('join', 'echo');
    }
    await alice.settle();
    let position = 0;
    expect(alice.queue).toHaveLength(6);
    for (const { type, payload } of alice.queue) {
      if (type === 'room:message') expect(payload.offset).toBe((position += 1));
      else expect(payload).toMatchObject({ room: 'echo', offset: position });
    }
  });
});
