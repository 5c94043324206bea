import type { Overflow } from '../../src/index.js';
import { join, type TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { offsetsOf, publish, range, receive, send } from '../support/messages.js';
import { metric } from '../support/metrics.js';
import { startServer, type TestServer } from '../support/server.js';
import { BATCH, OUTBOX_BYTES, SMALL_OUTBOX, outboxOf, publishUntilFull, readUpTo } from '../support/stalled.js';

/** A room without history, one member of it that does not read, and another one that does. */
async function stallUnder(
  overflow: Overflow,
): Promise<{ server: TestServer; publisher: TestClient; slow: TestClient; other: TestClient }> {
  const server = await startServer({ ...SMALL_OUTBOX, rooms: [{ pattern: 'r', historySize: 0, overflow }] });
  const publisher = await join(server);
  const other = await join(server, { claims: { sub: 'other' } }, 'r');
  const slow = await join(server, { claims: { sub: 'slow' } }, 'r');
  slow.socket.pause();
  await publishUntilFull(server, publisher, 'r', 'slow');
  return { server, publisher, slow, other };
}

const dropsOf = (server: TestServer, overflow: Overflow): Promise<number> =>
  metric(server, `drops_total{reason="${overflow}"}`);

describe('a room without history, for a member that does not read', () => {
  it('by drop-oldest keeps the newest that fit; what is missing is announced and counted', async () => {
    const { server, publisher, slow, other } = await stallUnder('drop-oldest');
    for (let batch = 0; batch < 5; batch += 1) await publish(publisher, 'r', BATCH);
    const { offset: last = NaN, epoch } = await send(publisher, { room: 'r', data: 'the last' });
    const { backlog } = outboxOf(server, 'slow');
    slow.socket.resume();
    const { messages, gaps } = await readUpTo(slow, last);
    const missing = last - messages.length;

    expect(gaps).toEqual([{ room: 'r', epoch, offset: expect.any(Number), reason: 'dropped' }]);
    expect(missing).toBeGreaterThanOrEqual(5 * BATCH.length - 1);
    expect(await dropsOf(server, 'drop-oldest')).toBe(missing);
    expect(messages.at(-1)).toMatchObject({ data: 'the last' });
    // Beside the last one there is room for one of the large ones at most.
    expect(last - (gaps[0]?.offset ?? NaN)).toBeLessThanOrEqual(2);
    expect(backlog).toBeGreaterThanOrEqual(OUTBOX_BYTES);
    await send(publisher, { room: 'r', data: 'live again' });
    expect(await receive(slow, 'r', 1)).toMatchObject([{ offset: last + 1 }]);
    expect(offsetsOf(await receive(other, 'r', last + 1))).toEqual(range(1, last + 1));
  });

  it('by drop-oldest keeps several, as many as are small', async () => {
    const { publisher, slow } = await stallUnder('drop-oldest');
    await publish(publisher, 'r', range(1, 50));
    const { offset: last = NaN } = await send(publisher, { room: 'r', data: 'the last' });
    slow.socket.resume();
    const { gaps, messages } = await readUpTo(slow, last);
    expect(gaps).toHaveLength(1);
    expect(messages.slice(-51, -1).map(({ data }) => data)).toEqual(range(1, 50));
  });

  it('by keep-latest keeps the newest one', async () => {
    const { server, publisher, slow, other } = await stallUnder('keep-latest');
    await publish(publisher, 'r', range(1, 50));
    const { offset: last = NaN, epoch } = await send(publisher, { room: 'r', data: 'the last' });
    slow.socket.resume();
    const { messages, gaps } = await readUpTo(slow, last);

    expect(gaps).toEqual([{ room: 'r', epoch, offset: last - 1, reason: 'dropped' }]);
    expect(messages.at(-1)).toMatchObject({ data: 'the last' });
    expect(await dropsOf(server, 'keep-latest')).toBe(last - messages.length);
    await send(publisher, { room: 'r', data: 'live again' });
    expect(await receive(slow, 'r', 1)).toMatchObject([{ offset: last + 1 }]);
    expect(offsetsOf(await receive(other, 'r', last + 1))).toEqual(range(1, last + 1));
  });

  it('by disconnect closes it with 4508, and counts what it did not get', async () => {
    const server = await startServer({
      ...SMALL_OUTBOX,
      rooms: [{ pattern: 'r', historySize: 0, overflow: 'disconnect' }],
    });
    const publisher = await join(server);
    const other = await join(server, { claims: { sub: 'other' } }, 'r');
    const slow = await join(server, { claims: { sub: 'slow' } }, 'r');
    slow.socket.pause();
    await eventually(
      async () => {
        await publish(publisher, 'r', BATCH);
        return dropsOf(server, 'disconnect');
      },
      (drops) => drops > 0,
    );
    slow.socket.resume();
    expect(await slow.closed).toEqual({ code: 4508, reason: 'slow consumer' });
    const { offset: last = NaN } = await send(publisher, { room: 'r', data: 'the last' });
    // What was on its way came, in order; the rest did not.
    const got = offsetsOf(slow.takeAll('room:message').map(({ payload }) => payload as { offset: number }));
    expect(got).toEqual(range(1, got.length));
    expect(got.length).toBeLessThan(last);
    expect(await metric(server, 'closes_total{code="4508"}')).toBe(1);
    expect(offsetsOf(await receive(other, 'r', last))).toEqual(range(1, last));
    // It comes back live, and is told where it is.
    const back = await join(server, { claims: { sub: 'slow' } });
    expect((await back.request('join', 'r')).payload).toMatchObject({ offset: last });
  });
});
