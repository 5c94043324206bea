import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { offsetsOf, publish, range, receive, send } from '../support/messages.js';
import { metric } from '../support/metrics.js';
import { startServer, type TestServer } from '../support/server.js';
import { BATCH, OUTBOX_BYTES, SMALL_OUTBOX, outboxOf, publishUntilFull, readUpTo } from '../support/stalled.js';

/** What may be on its way besides the outbox's bound: a run of one turn, and a page of history. */
const CONSTANT_BYTES = 512 * 1024;

const other = (n: number): object => ({ claims: { sub: `other-${n}` } });
const slowOne = { claims: { sub: 'slow' } };

function start(historySize = 10_000): Promise<TestServer> {
  return startServer({ ...SMALL_OUTBOX, historySize });
}

describe('one member among many that stops reading', () => {
  it('costs bounded memory, slows nobody, and gets everything in order when it reads again', async () => {
    const server = await start();
    const publisher = await join(server);
    const others = await Promise.all(range(1, 8).map((n) => join(server, other(n), 'r')));
    const slow = await join(server, slowOne, 'r');
    slow.socket.pause();
    await publishUntilFull(server, publisher, 'r', 'slow');
    let most = 0;
    for (let batch = 0; batch < 25; batch += 1) {
      await publish(publisher, 'r', BATCH);
      most = Math.max(most, outboxOf(server, 'slow').backlog);
    }
    const { offset: last = NaN } = await send(publisher, { room: 'r', data: 'the last' });

    // All of this while it does not read: megabytes went by, and the others have them.
    for (const member of others) expect(offsetsOf(await receive(member, 'r', last))).toEqual(range(1, last));
    expect(most).toBeLessThan(OUTBOX_BYTES + CONSTANT_BYTES);
    expect(await metric(server, 'outbox_bytes')).toBeGreaterThanOrEqual(OUTBOX_BYTES);
    expect(slow.socket.readyState).toBe(slow.socket.OPEN);

    const caughtUp = await metric(server, 'caught_up_total');
    slow.socket.resume();
    expect((await readUpTo(slow, last)).gaps).toEqual([]);
    await send(publisher, { room: 'r', data: 'live again' });
    expect(await receive(slow, 'r', 1)).toMatchObject([{ offset: last + 1, data: 'live again' }]);
    expect(await metric(server, 'caught_up_total')).toBe(caughtUp + 1);
    expect(await metric(server, 'drops_total{reason="gap"}')).toBe(0);
  });

  it('is not told who comes, which is counted', async () => {
    const server = await startServer({ ...SMALL_OUTBOX, rooms: [{ pattern: 'r', presence: true }] });
    const publisher = await join(server);
    const [watcher, slow] = [await join(server, other(1), 'r'), await join(server, slowOne, 'r')];
    expect((await watcher.next('presence:joined')).payload.userId).toBe('slow');
    slow.socket.pause();
    await publishUntilFull(server, publisher, 'r', 'slow');
    expect(await metric(server, 'drops_total{reason="presence"}')).toBe(0);
    for (const n of [2, 3]) {
      await join(server, other(n), 'r');
      expect((await watcher.next('presence:joined')).payload.userId).toBe(`other-${n}`);
    }
    expect(await metric(server, 'drops_total{reason="presence"}')).toBe(2);
  });

  it('may stop again while it catches up', async () => {
    const server = await start();
    const publisher = await join(server);
    const slow = await join(server, slowOne, 'r');
    slow.socket.pause();
    await publishUntilFull(server, publisher, 'r', 'slow');
    for (let stops = 0; stops < 3; stops += 1) {
      for (let batch = 0; batch < 10; batch += 1) await publish(publisher, 'r', BATCH);
      const before = slow.queue.length;
      slow.socket.resume();
      await eventually(
        () => slow.queue.length,
        (length) => length > before,
      );
      slow.socket.pause();
    }
    const { offset: last = NaN } = await send(publisher, { room: 'r', data: 'the last' });
    slow.socket.resume();
    expect((await readUpTo(slow, last)).gaps).toEqual([]);
  });

  it('goes on in its other rooms, and its requests are answered', async () => {
    const server = await start();
    const publisher = await join(server);
    const slow = await join(server, slowOne, 'r', 's');
    slow.socket.pause();
    await publishUntilFull(server, publisher, 'r', 'slow');
    await publish(publisher, 's', range(1, 5));
    const { offset: last = NaN } = await send(publisher, { room: 'r', data: 'the last' });
    const ack = send(slow, { room: 't', data: 'sent while it reads nothing' });
    slow.socket.resume();
    expect(await ack).toMatchObject({ room: 't', offset: 1 });
    expect(offsetsOf(await receive(slow, 's', 5))).toEqual(range(1, 5));
    expect(offsetsOf(await receive(slow, 'r', last))).toEqual(range(1, last));
    await slow.settle();
    expect(slow.queue).toEqual([]);
  });

  it('misses volatile messages meanwhile, which are counted; nobody else does', async () => {
    const server = await start();
    const publisher = await join(server);
    const member = await join(server, other(1), 'r');
    const slow = await join(server, slowOne, 'r');
    slow.socket.pause();
    await publishUntilFull(server, publisher, 'r', 'slow');
    for (const data of range(1, 5)) await send(publisher, { room: 'r', data, volatile: true });
    const { offset: last = NaN } = await send(publisher, { room: 'r', data: 'the last' });
    const received = await receive(member, 'r', last + 5);
    expect(received.filter(({ offset }) => offset === undefined).map(({ data }) => data)).toEqual(range(1, 5));
    slow.socket.resume();
    expect((await readUpTo(slow, last)).gaps).toEqual([]);
    expect(await metric(server, 'drops_total{reason="volatile"}')).toBe(5);
    await send(publisher, { room: 'r', data: 'now', volatile: true });
    expect(await receive(slow, 'r', 1)).toMatchObject([{ data: 'now' }]);
  });
});

describe('when history has gone past a member that does not read', () => {
  it('it is told how far, and goes on live', async () => {
    const server = await start(40);
    const publisher = await join(server);
    const slow = await join(server, slowOne, 'r');
    slow.socket.pause();
    await publishUntilFull(server, publisher, 'r', 'slow');
    for (let batch = 0; batch < 5; batch += 1) await publish(publisher, 'r', BATCH);
    const { offset: last = NaN, epoch } = await send(publisher, { room: 'r', data: 'the last' });
    slow.socket.resume();
    const { gaps, messages } = await readUpTo(slow, last);
    expect(gaps).toEqual([{ room: 'r', epoch, offset: last - 40, reason: 'trimmed' }]);
    expect(messages.at(-1)).toMatchObject({ data: 'the last' });
    await send(publisher, { room: 'r', data: 'live again' });
    expect(await receive(slow, 'r', 1)).toMatchObject([{ offset: last + 1 }]);
    expect(await metric(server, 'drops_total{reason="gap"}')).toBe(1);
    expect(slow.socket.readyState).toBe(slow.socket.OPEN);
  });

  it('because its time is over, it is told so', async () => {
    const server = await startServer({ ...SMALL_OUTBOX, historyTtlMs: 50 });
    const publisher = await join(server);
    const slow = await join(server, slowOne, 'r');
    slow.socket.pause();
    await publishUntilFull(server, publisher, 'r', 'slow');
    const { payload } = await eventually(
      () => publisher.request('history', { room: 'r' }),
      (reply) => reply.payload.messages.length === 0,
    );
    slow.socket.resume();
    const { gaps } = await readUpTo(slow, payload.offset as number);
    expect(gaps).toMatchObject([{ room: 'r', offset: payload.offset as number, reason: 'expired' }]);
  });
});
