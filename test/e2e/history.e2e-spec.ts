import { MessagingService } from '../../src/index.js';
import type { HistoryReply } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import { join, type TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { dataOf, offsetsOf, publish, range, receive } from '../support/messages.js';
import { startServer } from '../support/server.js';

async function history(client: TestClient, payload: object): Promise<HistoryReply> {
  const reply = await client.request('history', payload);
  expect(reply.type).toBe('history');
  return reply.payload as HistoryReply;
}

const forbidden = { type: 'error', payload: { code: 'FORBIDDEN' } };

describe('a room’s history', () => {
  it('has each message just as the members got it, in order, and says where the room stands', async () => {
    const server = await startServer();
    const alice = await join(server);
    const bob = await join(server, { claims: { sub: 'bob' } }, 'r');
    const acks = await publish(alice, 'r', [{ text: 'one' }, null, 'üñí']);
    const { messages, ...rest } = await history(alice, { room: 'r' });

    expect(messages).toEqual(await receive(bob, 'r', 3));
    expect(dataOf(messages)).toEqual([{ text: 'one' }, null, 'üñí']);
    expect(rest).toEqual({ room: 'r', epoch: acks[0]?.epoch, offset: 3, more: false });
  });

  it('holds no volatile messages', async () => {
    const server = await startServer();
    const alice = await join(server);
    await alice.request('room:message', { room: 'r', data: 'gone with the wind', volatile: true });
    await publish(alice, 'r', ['kept']);
    const { messages, offset } = await history(alice, { room: 'r' });
    expect(dataOf(messages)).toEqual(['kept']);
    expect(offset).toBe(1);
  });

  it('is empty for a room that nobody has published in', async () => {
    const alice = await join(await startServer());
    expect(await history(alice, { room: 'nowhere' })).toMatchObject({ offset: 0, messages: [], more: false });
  });

  it('outlives the members', async () => {
    const server = await startServer();
    const alice = await join(server, {}, 'r');
    await publish(alice, 'r', [1, 2]);
    await alice.close();
    const bob = await join(server, { claims: { sub: 'bob' } }, 'r');
    expect(dataOf((await history(bob, { room: 'r' })).messages)).toEqual([1, 2]);
  });
});

describe('pages of a history', () => {
  it('follow one another without a gap, the last one saying so', async () => {
    const alice = await join(await startServer());
    await publish(alice, 'r', range(1, 20));
    const pages: HistoryReply[] = [];
    let after: Position | undefined;
    do {
      const page = await history(alice, { room: 'r', limit: 7, ...(after && { after }) });
      after = { epoch: page.epoch, offset: page.messages.at(-1)?.offset ?? NaN };
      pages.push(page);
    } while (pages.at(-1)?.more);

    expect(pages.map(({ messages }) => messages.length)).toEqual([7, 7, 6]);
    expect(pages.flatMap(({ messages }) => offsetsOf(messages))).toEqual(range(1, 20));
    expect(await history(alice, { room: 'r', ...(after && { after }) })).toMatchObject({ messages: [], more: false });
  });

  it('hold 100 messages where nothing else is asked for, and 1,000 at most', async () => {
    const server = await startServer({ historySize: 2000 });
    const messaging = server.app.get(MessagingService);
    for (const data of range(1, 1100)) await messaging.publish('r', data);
    const alice = await join(server);
    const standard = await history(alice, { room: 'r' });
    expect(offsetsOf(standard.messages)).toEqual(range(1, 100));
    expect(standard.more).toBe(true);
    const largest = await history(alice, { room: 'r', limit: 1_000_000 });
    expect(offsetsOf(largest.messages)).toEqual(range(1, 1000));
    expect(largest.more).toBe(true);
  });

  it('stay within what one message may be, with one message at least', async () => {
    const server = await startServer();
    const alice = await join(server);
    const large = 'x'.repeat(100_000);
    await publish(alice, 'r', [large, large, large, 'y'.repeat(500_000)]);
    const first = await history(alice, { room: 'r' });
    expect(offsetsOf(first.messages)).toEqual([1, 2]);
    expect(first.more).toBe(true);
    const last = await history(alice, { room: 'r', after: { epoch: first.epoch, offset: 3 } });
    expect(offsetsOf(last.messages)).toEqual([4]);
  });
});

describe('what a history no longer has', () => {
  it('is what its rule’s size does not cover, and is told as trimmed', async () => {
    const alice = await join(await startServer({ rooms: [{ pattern: 'short:*', historySize: 5 }] }));
    await publish(alice, 'short:r', range(1, 12));
    await publish(alice, 'long:r', range(1, 12));
    const { epoch, messages, ...rest } = await history(alice, { room: 'short:r' });
    expect(offsetsOf(messages)).toEqual(range(8, 12));
    // Nobody asked for what is gone.
    expect(rest).not.toHaveProperty('reason');
    expect(await history(alice, { room: 'short:r', after: { epoch, offset: 6 } })).toMatchObject({ reason: 'trimmed' });
    expect(await history(alice, { room: 'short:r', after: { epoch, offset: 7 } })).not.toHaveProperty('reason');
    expect((await history(alice, { room: 'long:r' })).messages).toHaveLength(12);
  });

  it('is what its rule’s time does not cover, and is told as expired', async () => {
    const alice = await join(await startServer({ rooms: [{ pattern: 'brief:*', historyTtlMs: 50 }] }));
    const [first] = await publish(alice, 'brief:r', [1, 2]);
    await publish(alice, 'lasting:r', [1, 2]);
    const over = await eventually(
      () => history(alice, { room: 'brief:r', after: { epoch: first?.epoch, offset: 1 } }),
      ({ messages }) => messages.length === 0,
    );
    expect(over).toMatchObject({ offset: 2, more: false, reason: 'expired' });
    expect((await publish(alice, 'brief:r', [3]))[0]?.offset).toBe(3);
    expect((await history(alice, { room: 'lasting:r' })).messages).toHaveLength(2);
  });

  it('is all of it in a room whose rule keeps none', async () => {
    const alice = await join(await startServer({ rooms: [{ pattern: 'bare', historySize: 0 }] }));
    await publish(alice, 'bare', [1, 2]);
    expect(await history(alice, { room: 'bare' })).toMatchObject({ offset: 2, messages: [], more: false });
  });

  it('is the oldest of all rooms where they have too many bytes together', async () => {
    const alice = await join(await startServer({ historyMaxBytes: 50_000 }));
    const [first] = await publish(alice, 'old', ['the first']);
    await publish(alice, 'busy', Array<string>(10).fill('x'.repeat(10_000)));
    expect(await history(alice, { room: 'old', after: { epoch: first?.epoch, offset: 0 } })).toMatchObject({
      messages: [],
      reason: 'trimmed',
    });
    const kept = offsetsOf((await history(alice, { room: 'busy' })).messages);
    expect(kept.length).toBeLessThan(6);
    expect(kept).toEqual(range(11 - kept.length, 10));
  });

  it('is another history where the epoch is another one; what there is comes from its start', async () => {
    const alice = await join(await startServer());
    await publish(alice, 'r', [1, 2, 3]);
    const { messages, reason } = await history(alice, { room: 'r', after: { epoch: 'of-another-life', offset: 2 } });
    expect(reason).toBe('epoch');
    expect(offsetsOf(messages)).toEqual([1, 2, 3]);
  });
});

describe('reading a history', () => {
  it('takes the grant for it, and no membership', async () => {
    const server = await startServer();
    await publish(await join(server), 'r', [1]);
    const reader = await join(server, { claims: { sub: 'bob', rooms: [{ pattern: 'r', can: ['history'] }] } });
    expect((await history(reader, { room: 'r' })).messages).toHaveLength(1);
    expect(await reader.request('join', 'r')).toMatchObject(forbidden);
    const member = { sub: 'carol', rooms: [{ pattern: 'r', can: ['join', 'publish', 'presence'] }] };
    const carol = await join(server, { claims: member }, 'r');
    expect(await carol.request('history', { room: 'r' })).toMatchObject(forbidden);
  });

  it('of a user’s own room is for that user', async () => {
    const server = await startServer();
    await server.app.get(MessagingService).sendToUser('alice', 'for you');
    const alice = await join(server, { claims: { rooms: [{ pattern: '@user:{sub}', can: ['history'] }] } });
    expect(dataOf((await history(alice, { room: '@user:alice' })).messages)).toEqual(['for you']);
    expect(await alice.request('history', { room: '@user:bob' })).toMatchObject(forbidden);
    expect(await (await join(server)).request('history', { room: '@user:alice' })).toMatchObject(forbidden);
  });
});
