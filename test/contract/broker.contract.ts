import type { Broker, PageLimit } from '../../src/broker/broker.js';
import type { Publication } from '../../src/broker/publication.js';
import { RoomRules } from '../../src/config/room-rules.js';
import { resolveOptions } from '../../src/config/resolve-options.js';
import type { RookeryOptions, RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { eventually } from '../support/eventually.js';
import { pagingProperty } from './broker.paging.js';

/** What a delivery was, as the listener got it. */
export interface Delivered {
  readonly room: string;
  readonly epoch: string;
  readonly publication: Publication;
}

/** Makes a broker for one test; what it opens is closed by `cleanUp`. */
export type BrokerFactory = (options: RookeryOptions, rules: RoomRules) => Promise<Broker>;

const ALL: PageLimit = { count: 10_000, bytes: 10_000_000 };

function offsetsOf(publications: readonly Publication[]): (number | undefined)[] {
  return publications.map(({ offset }) => offset);
}

/** What every broker has to do; see the guarantees of the interface. */
export function brokerContract(name: string, make: BrokerFactory): void {
  async function start(input: RookeryOptionsInput = {}): Promise<{ broker: Broker; delivered: Delivered[] }> {
    const options = resolveOptions({ nodeEnv: 'test', ...input });
    const broker = await make(options, new RoomRules(options));
    const delivered: Delivered[] = [];
    broker.listen({ onPublication: (room, epoch, publication) => delivered.push({ room, epoch, publication }) });
    return { broker, delivered };
  }

  describe(`${name}: publishing`, () => {
    it('numbers each room by itself, from 1, in the order of the calls', async () => {
      const { broker } = await start();
      const results = await Promise.all(
        ['a', 'b', 'a', 'a', 'b'].map(async (room) => broker.publish({ room, data: '1' })),
      );
      expect(results.map(({ offset }) => offset)).toEqual([1, 1, 2, 3, 2]);
    });

    it('delivers to a node that has subscribed, in order and whole', async () => {
      const { broker, delivered } = await start();
      await broker.subscribe('a');
      const before = Date.now();
      const { epoch } = await broker.publish({ room: 'a', data: '{"x":1}', from: 'alice', id: 'i1', origin: 'c1' });
      await broker.publish({ room: 'b', data: '0' });
      await broker.publish({ room: 'a', data: '"é\\ud800"' });
      await eventually(
        () => delivered.length,
        (count) => count >= 2,
      );
      expect(delivered.map(({ room, publication: { data, offset } }) => [room, data, offset])).toEqual([
        ['a', '{"x":1}', 1],
        ['a', '"é\\ud800"', 2],
      ]);
      expect(delivered[0]).toMatchObject({ epoch, publication: { from: 'alice', id: 'i1', origin: 'c1' } });
      expect(delivered[0]?.publication.timestamp).toBeGreaterThanOrEqual(before - 1000);
    });

    it('gives an id where the publisher gave none, another one each time', async () => {
      const { broker } = await start();
      const ids = await Promise.all(
        [1, 2, 3].map(async (n) => (await broker.publish({ room: 'a', data: '0', volatile: n === 3 })).id),
      );
      expect(new Set(ids).size).toBe(3);
    });

    it('delivers nothing after unsubscribing, and all again after subscribing again', async () => {
      const { broker, delivered } = await start();
      await broker.subscribe('a');
      await broker.unsubscribe('a');
      await broker.publish({ room: 'a', data: '1' });
      const position = await broker.subscribe('a');
      expect(position.offset).toBe(1);
      await broker.publish({ room: 'a', data: '2' });
      await eventually(
        () => delivered.length,
        (count) => count > 0,
      );
      expect(delivered.map(({ publication }) => publication.data)).toEqual(['2']);
    });

    it('neither numbers nor keeps a volatile publication', async () => {
      const { broker, delivered } = await start();
      await broker.subscribe('a');
      const result = await broker.publish({ room: 'a', data: '1', volatile: true });
      expect(result.offset).toBeUndefined();
      await broker.publish({ room: 'a', data: '2' });
      await eventually(
        () => delivered.length,
        (count) => count >= 2,
      );
      expect(offsetsOf(delivered.map(({ publication }) => publication))).toEqual([undefined, 1]);
      expect(offsetsOf((await broker.history('a', undefined, ALL)).publications)).toEqual([1]);
    });
  });

  describe(`${name}: idempotence`, () => {
    it('answers a repeated id with the first one’s position, and delivers once', async () => {
      const { broker, delivered } = await start();
      await broker.subscribe('a');
      const first = await broker.publish({ room: 'a', data: '1', from: 'alice', id: 'x' });
      await broker.publish({ room: 'a', data: '2', from: 'alice' });
      const again = await broker.publish({ room: 'a', data: '1', from: 'alice', id: 'x' });
      expect(again).toEqual({ ...first, duplicate: true });
      await eventually(
        () => delivered.length,
        (count) => count >= 2,
      );
      expect((await broker.history('a', undefined, ALL)).publications).toHaveLength(2);
    });

    it('keeps ids of different users, rooms and of the server apart', async () => {
      const { broker } = await start();
      const requests = [
        { room: 'a', from: 'alice' },
        { room: 'a', from: 'bob' },
        { room: 'b', from: 'alice' },
        { room: 'a' },
      ];
      for (const request of requests) {
        expect(await broker.publish({ ...request, data: '1', id: 'x' })).not.toHaveProperty('duplicate');
      }
    });

    it('forgets an id when its window is over', async () => {
      const { broker } = await start({ deduplicationWindowMs: 1 });
      await broker.publish({ room: 'a', data: '1', id: 'x' });
      await eventually(
        async () => (await broker.publish({ room: 'a', data: '1', id: 'x' })).duplicate,
        (duplicate) => duplicate === undefined,
      );
    });
  });

  describe(`${name}: history`, () => {
    it('reads on after a position, in pages without a gap', async () => {
      const { broker } = await start();
      for (let n = 1; n <= 10; n += 1) await broker.publish({ room: 'a', data: String(n) });
      const { head } = await broker.history('a', undefined, { count: 1, bytes: 1000 });
      expect(head.offset).toBe(10);
      const page = await broker.history('a', { ...head, offset: 3 }, { count: 4, bytes: 1_000_000 });
      expect(page).toMatchObject({ head, after: 3 });
      expect(offsetsOf(page.publications)).toEqual([4, 5, 6, 7]);
      expect(page).not.toHaveProperty('lost');
      const end = await broker.history('a', head, ALL);
      expect(end.publications).toEqual([]);
      expect(end).not.toHaveProperty('lost');
    });

    it('gives at least one publication, however large, and otherwise keeps to the bytes', async () => {
      const { broker } = await start();
      for (let n = 0; n < 5; n += 1) await broker.publish({ room: 'a', data: JSON.stringify('x'.repeat(10_000)) });
      const one = await broker.history('a', undefined, { count: 5, bytes: 1 });
      expect(offsetsOf(one.publications)).toEqual([1]);
      const some = await broker.history('a', undefined, { count: 5, bytes: 25_000 });
      expect(some.publications).toHaveLength(2);
    });

    it('keeps as many as the room’s rule says, and tells when they are trimmed', async () => {
      const { broker } = await start({ rooms: [{ pattern: 'short', historySize: 3 }] });
      for (let n = 1; n <= 8; n += 1) await broker.publish({ room: 'short', data: String(n) });
      const { head, publications } = await broker.history('short', undefined, ALL);
      expect(offsetsOf(publications)).toEqual([6, 7, 8]);
      const behind = await broker.history('short', { ...head, offset: 2 }, ALL);
      expect(behind).toMatchObject({ after: 5, lost: 'trimmed' });
      const level = await broker.history('short', { ...head, offset: 5 }, ALL);
      expect(level).not.toHaveProperty('lost');
    });

    it('keeps none where the rule says so, and numbers all the same', async () => {
      const { broker } = await start({ rooms: [{ pattern: 'none', historySize: 0 }] });
      await broker.publish({ room: 'none', data: '1' });
      expect(await broker.publish({ room: 'none', data: '2' })).toMatchObject({ offset: 2 });
      const page = await broker.history('none', undefined, ALL);
      expect(page).toMatchObject({ head: { offset: 2 }, after: 2, publications: [] });
      const behind = await broker.history('none', { ...page.head, offset: 1 }, ALL);
      expect(behind).toMatchObject({ after: 2, lost: expect.any(String) });
    });

    it('lets messages go when their time is over, and tells so; the numbering goes on', async () => {
      const { broker } = await start({ historyTtlMs: 50 });
      const { epoch = '' } = await broker.publish({ room: 'a', data: '1' });
      const expired = await eventually(
        async () => broker.history('a', { epoch, offset: 0 }, ALL),
        ({ lost }) => lost !== undefined,
      );
      expect(expired).toMatchObject({ head: { epoch, offset: 1 }, after: 1, publications: [], lost: 'expired' });
      expect(await broker.publish({ room: 'a', data: '2' })).toMatchObject({ epoch, offset: 2 });
    });

    it('outlives the room’s members', async () => {
      const { broker } = await start();
      const start1 = await broker.subscribe('a');
      await broker.publish({ room: 'a', data: '1' });
      await broker.unsubscribe('a');
      const page = await broker.history('a', start1, ALL);
      expect(offsetsOf(page.publications)).toEqual([1]);
      expect(page).not.toHaveProperty('lost');
    });

    it('does not take a position of another epoch, or ahead of the room, for one of its own', async () => {
      const { broker } = await start();
      const { epoch = '' } = await broker.publish({ room: 'a', data: '1' });
      const another = await broker.history('a', { epoch: 'other', offset: 1 }, ALL);
      expect(another).toMatchObject({ lost: 'epoch', after: 0 });
      // Whoever has seen more than there is has seen what there is.
      const ahead = await broker.history('a', { epoch, offset: 2 }, ALL);
      expect(ahead).toMatchObject({ lost: 'epoch', after: 1, publications: [] });
    });

    it('answers for a room that nobody ever published to', async () => {
      const { broker } = await start();
      const position = await broker.subscribe('empty');
      expect(position.offset).toBe(0);
      const page = await broker.history('empty', position, ALL);
      expect(page).toMatchObject({ head: position, after: 0, publications: [] });
      expect(page).not.toHaveProperty('lost');
    });
  });

  describe(`${name}: receipts`, () => {
    it('keep the furthest position of each user and room', async () => {
      const { broker } = await start();
      const { epoch = '' } = await broker.publish({ room: 'a', data: '1' });
      expect(await broker.acknowledged('a', 'alice')).toBeUndefined();
      await broker.acknowledge('a', 'alice', { epoch, offset: 5 });
      await broker.acknowledge('a', 'alice', { epoch, offset: 3 });
      await broker.acknowledge('a', 'bob', { epoch, offset: 1 });
      expect(await broker.acknowledged('a', 'alice')).toEqual({ epoch, offset: 5 });
      expect(await broker.acknowledged('a', 'bob')).toEqual({ epoch, offset: 1 });
      await broker.acknowledge('a', 'alice', { epoch: 'newer', offset: 1 });
      expect(await broker.acknowledged('a', 'alice')).toEqual({ epoch: 'newer', offset: 1 });
    });

    it('go with the time that the room keeps', async () => {
      const { broker } = await start({ historyTtlMs: 50 });
      await broker.acknowledge('a', 'alice', { epoch: 'e', offset: 5 });
      await eventually(
        () => broker.acknowledged('a', 'alice'),
        (position) => position === undefined,
      );
    });
  });

  describe(`${name}: properties`, () => pagingProperty(start));

  it(`${name}: answers a ping`, async () => {
    const { broker } = await start();
    await expect(broker.ping()).resolves.toBeUndefined();
  });
}
