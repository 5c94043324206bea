import type { Broker, HistoryPage } from '../../../src/broker/broker.js';
import type { NumberedPublication } from '../../../src/broker/publication.js';
import type { RoomBehaviour } from '../../../src/config/room-rule.js';
import type { Position } from '../../../src/protocol/position.js';
import { ReturnReader } from '../../../src/rooms/return-reader.js';
import { Room } from '../../../src/rooms/room.js';
import { cleanUp } from '../../support/teardown.js';

const at = (offset: number, epoch = 'e'): Position => ({ epoch, offset });

const publication = (offset: number, timestamp = Date.now()): NumberedPublication => ({
  id: String(offset),
  data: '0',
  timestamp,
  offset,
});

/** A room at an offset, over a broker that has its messages and counts what is read. */
function bench(offset: number, behaviour: Partial<RoomBehaviour> = {}) {
  const reads: Position[] = [];
  let isReady = true;
  const head = at(offset);
  const history = async (_room: string, after: Position): Promise<HistoryPage> => {
    reads.push(after);
    const count = Math.max(0, head.offset - after.offset);
    const publications = Array.from({ length: count }, (_none, index) => publication(after.offset + 1 + index));
    return { head, after: after.offset, publications };
  };
  const reader = new ReturnReader({ history, isReady: () => isReady } as unknown as Broker);
  cleanUp(() => reader.onApplicationShutdown());
  const rule = { historySize: 100, historyTtlMs: 60_000, ...behaviour } as RoomBehaviour;
  const room = new Room('r', rule, { endOfTurn: () => undefined, deliver: () => undefined });
  room.skipTo(head);
  return { reader, room, reads, setReady: (ready: boolean) => (isReady = ready) };
}

const offsetsOf = ({ publications }: HistoryPage): number[] => publications.map(({ offset }) => offset);

describe('reading history for members that return', () => {
  it('asks the broker nothing for a member that missed nothing', async () => {
    const { reader, room, reads } = bench(9);
    expect(await reader.read(room, at(9))).toEqual({ head: at(9), after: 9, publications: [] });
    expect(reads).toEqual([]);
  });

  it('reads a page once for all who ask for it before it is there', async () => {
    const { reader, room, reads } = bench(9);
    const pages = await Promise.all([reader.read(room, at(5)), reader.read(room, at(5))]);
    expect(pages.map(offsetsOf)).toEqual([
      [6, 7, 8, 9],
      [6, 7, 8, 9],
    ]);
    expect(reads).toEqual([at(5)]);
  });

  it('has what was read and what the room received since for those who come later', async () => {
    const { reader, room, reads } = bench(9);
    await reader.read(room, at(5));
    room.append(publication(10));
    expect(offsetsOf(await reader.read(room, at(5)))).toEqual([6, 7, 8, 9, 10]);
    expect(offsetsOf(await reader.read(room, at(8)))).toEqual([9, 10]);
    expect(reads).toEqual([at(5)]);
  });

  it('asks the broker about another epoch, and once the room has gone on in one', async () => {
    const { reader, room, reads } = bench(9);
    await reader.read(room, at(5));
    await reader.read(room, at(5, 'before'));
    room.skipTo(at(9, 'f'));
    await reader.read(room, at(5));
    expect(reads).toEqual([at(5), at(5, 'before'), at(5)]);
  });

  it('asks the broker while the room is behind, and while the broker cannot be reached', async () => {
    const { reader, room, reads, setReady } = bench(9);
    room.ahead = [];
    await reader.read(room, at(9));
    room.ahead = undefined;
    setReady(false);
    await reader.read(room, at(9));
    expect(reads).toEqual([at(9), at(9)]);
  });

  it('asks the broker for what the room’s rule does not keep any more', async () => {
    const short = bench(9, { historySize: 3 });
    await short.reader.read(short.room, at(5));
    await short.reader.read(short.room, at(5));
    expect(short.reads).toHaveLength(2);

    const brief = bench(9, { historyTtlMs: 0 });
    await brief.reader.read(brief.room, at(5));
    await brief.reader.read(brief.room, at(5));
    expect(brief.reads).toHaveLength(2);
  });

  it('reads again after the broker failed', async () => {
    const { room } = bench(9);
    let count = 0;
    const history = (): Promise<HistoryPage> => {
      count += 1;
      return Promise.reject(new Error('away'));
    };
    const reader = new ReturnReader({ history } as unknown as Broker);
    const read = async (): Promise<unknown> => reader.read(room, at(5));
    await expect(read()).rejects.toThrow('away');
    await expect(read()).rejects.toThrow('away');
    expect(count).toBe(2);
  });

  it('drops the messages of the rooms that were read first when all of them take too much memory', async () => {
    const large = 'x'.repeat(3 * 1024 * 1024);
    const reads: string[] = [];
    const history = async (name: string): Promise<HistoryPage> => {
      reads.push(name);
      return { head: at(1), after: 0, publications: [{ ...publication(1), data: large }] };
    };
    const reader = new ReturnReader({ history } as unknown as Broker);
    cleanUp(() => reader.onApplicationShutdown());
    const context = { endOfTurn: () => undefined, deliver: () => undefined };
    const rule = { historySize: 100, historyTtlMs: 60_000 } as RoomBehaviour;
    const rooms = ['a', 'b', 'c'].map((name) => new Room(name, rule, context));
    for (const room of rooms) {
      room.skipTo(at(1));
      await reader.read(room, at(0));
    }
    for (const room of rooms.toReversed()) await reader.read(room, at(0));
    expect(reads).toEqual(['a', 'b', 'c', 'a']);
  });
});
