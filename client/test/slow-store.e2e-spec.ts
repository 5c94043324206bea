import { eventually } from '../../test/support/eventually.js';
import { startServer } from '../../test/support/server.js';
import { MemoryPositions, type Position, type PositionStore } from '../src/index.js';
import { collect, many, rookery } from './support/rookery.js';

/** A store that does what it is told when `finish` is called. */
class SlowPositions implements PositionStore {
  private readonly positions = new MemoryPositions();
  readonly waiting: { readonly what: string; readonly finish: () => void }[] = [];

  get(room: string): Position | undefined {
    return this.positions.get(room);
  }

  set(room: string, position: Position): Promise<void> {
    return this.later(`set ${room} ${position.offset}`, () => this.positions.set(room, position));
  }

  delete(room: string): Promise<void> {
    return this.later(`delete ${room}`, () => this.positions.delete(room));
  }

  finish(): void {
    for (const { finish } of this.waiting.splice(0)) finish();
  }

  private later(what: string, act: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ what, finish: () => resolve(act()) });
    });
  }
}

describe('positions', () => {
  it('go to a store that takes its time one after the other, and are there when the client is closed', async () => {
    const server = await startServer();
    const store = new SlowPositions();
    const alice = rookery(server, { positions: store });
    const bob = rookery(server, { user: 'bob' });
    const room = alice.room('r');
    const seen = collect(room);
    await room.join();
    await eventually(
      () => store.waiting.length,
      (length) => length === 3,
    );
    for (const n of [1, 2, 3]) await bob.room('r').publish(n);
    await many(seen, 3);
    const left = room.leave();
    expect(store.waiting.map(({ what }) => what).toSorted()).toEqual(['set @all 0', 'set @user:alice 0', 'set r 0']);
    store.finish();
    await left;
    await many(store.waiting, 1);
    expect(store.waiting.map(({ what }) => what)).toEqual(['delete r']);
    const joined = room.join();
    store.finish();
    expect(await joined).toMatchObject({ offset: 3 });
    let isClosed = false;
    const closed = alice.close().then(() => {
      isClosed = true;
    });
    expect(store.waiting.map(({ what }) => what)).toEqual(['set r 3']);
    await Promise.resolve();
    expect(isClosed).toBe(false);
    store.finish();
    await closed;
    expect(store.get('r')).toMatchObject({ offset: 3 });
  });
});
