import { EventEmitter, once } from 'node:events';

import { KnownPositions, type Asked } from '../../../src/broker/redis/known-positions.js';
import type { RedisClient } from '../../../src/broker/redis/redis-client.js';
import type { Standing } from '../../../src/broker/redis/replies.js';
import { RoomWatch } from '../../../src/broker/redis/room-watch.js';
import type { SentinelWatch } from '../../../src/broker/redis/sentinel-watch.js';
import { Subscriber } from '../../../src/broker/redis/subscriber.js';
import { cleanUp } from '../../support/teardown.js';

const RUN = 'run';
const EPOCH = 'epoch.1';
const INTERVAL_MS = 5;
const TTL_MS = 3_600_000;
/** Intervals in which all rooms are compared, and in which a room is watched after a message. */
const INTERVALS = 15;

function nothing(): void {}

/** A watch of rooms at offset 0, whose Redis is what the test says. */
class Watched {
  readonly events = new EventEmitter();
  readonly rounds: string[][] = [];
  readonly read: string[] = [];
  readonly different = new Set<string>();
  unusedEpoch = 'unused.1';
  readonly subscriber: Subscriber;
  readonly watch: RoomWatch;

  constructor(isCluster = false) {
    const client = Object.assign(new EventEmitter(), {
      status: 'ready',
      isCluster,
      ping: () => Promise.resolve('PONG'),
      ssubscribe: () => Promise.resolve(1),
      sunsubscribe: () => Promise.resolve(1),
    });
    const sentinels = { onConnected: () => undefined } as unknown as SentinelWatch;
    this.subscriber = new Subscriber(client as unknown as RedisClient, sentinels, nothing, nothing);
    const known = new KnownPositions(this.subscriber, 10);
    const queries = {
      isReady: () => true,
      slotOf: (room: string) => (isCluster ? Number(room.slice(1)) % 3 : 0),
      compare: (unused: readonly string[], used: readonly Asked[]) => this.compare(unused, used),
      read: (rooms: readonly Asked[]) => this.readAll(rooms),
      report: nothing,
    };
    this.watch = new RoomWatch(this.subscriber, known, queries, isCluster, INTERVAL_MS, TTL_MS);
    cleanUp(() => this.watch.stop());
  }

  async subscribe(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_none, number) => number);
    // In one turn of the event loop: a comparison in between would find a part of them.
    const entered = numbers.map((number) => this.subscriber.subscribe(`r${number}`, `c${number}`));
    for (const subscription of await Promise.all(entered)) subscription.reach(EPOCH, 0, 0);
    this.rounds.length = 0;
  }

  touch(room: string): void {
    const subscription = this.subscriber.find(room);
    if (subscription !== undefined) this.subscriber.watchClosely(subscription);
  }

  roundsWith(room: string): number {
    return this.rounds.filter((names) => names.includes(room)).length;
  }

  /** Resolves after a number of further comparisons. */
  async pass(rounds: number): Promise<void> {
    for (let left = rounds; left > 0; left -= 1) await once(this.events, 'round');
  }

  private compare(unused: readonly string[], used: readonly Asked[]) {
    const names = [...unused, ...used.map(({ room }) => room)];
    this.rounds.push(names);
    this.events.emit('round');
    const different = names.flatMap((name, index) => (this.different.has(name) ? [index] : []));
    return Promise.resolve({ run: RUN, unusedEpoch: this.unusedEpoch, different });
  }

  private readAll(rooms: readonly Asked[]): Promise<Standing[]> {
    this.read.push(...rooms.map(({ room }) => room));
    for (const { room } of rooms) this.different.delete(room);
    const leg = { epoch: EPOCH, base: 0, isLossy: false };
    return Promise.resolve(
      rooms.map(() => ({ ...leg, legs: [leg], offset: 1, run: RUN, isGathering: false, hasLess: false })),
    );
  }
}

describe('RoomWatch', () => {
  it('compares every idle room within fifteen intervals, and a fifteenth of them in each', async () => {
    const watched = new Watched();
    await watched.subscribe(150);
    await watched.pass(1);
    watched.rounds.length = 0;
    await watched.pass(2 * INTERVALS);
    // The sweep that was under way with no rooms ends first.
    const rounds = watched.rounds.slice(0, INTERVALS + 1);
    expect(new Set(rounds.flat()).size).toBe(150);
    expect(watched.rounds.flat().length).toBeLessThanOrEqual(2 * 150);
  });

  it('compares a room at each interval for a while after a message', async () => {
    const watched = new Watched();
    await watched.subscribe(150);
    watched.touch('r7');
    watched.rounds.length = 0;
    // Each interval has one comparison of what was published to lately, and one of a part of the others.
    await watched.pass(2 * INTERVALS);
    expect(watched.roundsWith('r7')).toBeGreaterThanOrEqual(INTERVALS);
    await watched.pass(3);
    watched.rounds.length = 0;
    await watched.pass(INTERVALS);
    expect(watched.roundsWith('r7')).toBeLessThanOrEqual(2);
  });

  it('reads the position of a room that differs, again at the next interval before it is called lost', async () => {
    const watched = new Watched();
    await watched.subscribe(3);
    watched.different.add('r1');
    await watched.pass(INTERVALS);
    expect(watched.read).toEqual(['r1']);
    expect(watched.subscriber.find('r1')?.seen?.offset).toBe(0);
    watched.different.add('r1');
    await watched.pass(3);
    expect(watched.read).toEqual(['r1', 'r1']);
    expect(watched.subscriber.find('r1')?.seen?.offset).toBe(1);
  });

  it('compares all rooms at once when Redis was emptied', async () => {
    const watched = new Watched();
    await watched.subscribe(150);
    await watched.pass(2);
    watched.rounds.length = 0;
    watched.unusedEpoch = 'unused.2';
    await watched.pass(3);
    expect(new Set(watched.rounds.flat()).size).toBe(150);
  });

  it('compares all rooms after an interruption, those of a cluster slot by slot and often for a while', async () => {
    const watched = new Watched(true);
    await watched.subscribe(150);
    watched.rounds.length = 0;
    watched.watch.watchAll();
    await watched.pass(6);
    const all = new Set(watched.rounds.flat());
    expect(all.size).toBe(150);
    for (const names of watched.rounds) expect(new Set(names.map((name) => Number(name.slice(1)) % 3)).size).toBe(1);
    watched.rounds.length = 0;
    await watched.pass(6);
    expect(new Set(watched.rounds.flat()).size).toBe(150);
  });
});
