import { Logger } from '@nestjs/common';

import type { Position } from '../../protocol/position.js';
import { textOf, type Asked, type KnownPositions } from './known-positions.js';
import type { Comparison, Standing } from './replies.js';
import type { Subscriber, Subscription } from './subscriber.js';

/** Limit on the rooms that one call of a script compares, and on those whose position one call reads. */
const COMPARED_AT_ONCE = 500;
const READ_AT_ONCE = 200;
/** Comparisons at once. The rooms of a cluster are compared slot by slot, which takes many small calls. */
const PARALLEL = 32;
/** All rooms are compared within this number of intervals. */
const INTERVALS_OF_SWEEP = 15;
/** A room is compared at each interval, until it was not published to for this number of intervals. */
const INTERVALS_OF_ACTIVITY = 15;
/** Rooms are forgotten unless somebody renews them: each is renewed this often, or more. */
const RENEWAL_MS = 10 * 60 * 1000;
/** Retry interval for an incomplete comparison. */
const LATER_MS = 1050;

/** What the comparison of rooms needs of Redis. */
export interface RoomQueries {
  /** Returns whether both connections lead to one server. */
  isReady(): boolean;
  /** Returns the slot of a room. Only rooms of one slot can be compared in one call. */
  slotOf(room: string): number;
  /**
   * Compares rooms in which this node knows of nothing that can be lost, and the last positions of others. Has the rooms
   * remembered for longer if `renew` is set.
   */
  compare(unused: readonly string[], used: readonly Asked[], renew: boolean): Promise<Comparison>;
  /**
   * Reports what this node knows of rooms and returns their positions, in the same order; undefined for a room whose
   * server cannot say.
   */
  read(rooms: readonly Asked[]): Promise<readonly (Standing | undefined)[]>;
  /** Receives the position of a room, whether or not deliveries have come that far: they may still be lost. */
  report(room: string, head: Position): void;
}

/**
 * Finds deliveries that were lost without a gap that shows it, by comparing how far rooms have come with Redis: all
 * rooms after an interruption of a connection, rooms that were published to lately at each interval, and the others
 * bit by bit. A connection that stays up loses nothing by itself, so that the cost is that of what is published.
 */
export class RoomWatch {
  private readonly logger = new Logger(RoomWatch.name);
  private readonly timer: NodeJS.Timeout;
  private later: NodeJS.Timeout | undefined;
  private running = false;
  private renewedAt = performance.now();
  /** Set if deliveries may have been lost, until a comparison of all rooms was completed. */
  private urgent = false;
  /** Set if all rooms are to be compared. */
  private everything = false;
  /** Rooms that are still to be compared in the present sweep. */
  private sweep: Subscription[][] = [];
  /** How many of them are compared in one interval. */
  private sweepShare = 0;
  private unusedEpoch: string | undefined;
  private readonly renewalMs: number;

  /** @param positionTtlMs how long a room is remembered that nobody renews; 0 for ever */
  constructor(
    private readonly subscriber: Subscriber,
    private readonly known: KnownPositions,
    private readonly queries: RoomQueries,
    private readonly isCluster: boolean,
    intervalMs: number,
    positionTtlMs: number,
  ) {
    this.renewalMs = positionTtlMs === 0 ? RENEWAL_MS : Math.min(RENEWAL_MS, positionTtlMs / 3);
    this.timer = setInterval(() => {
      subscriber.probe();
      void this.look();
    }, intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    clearTimeout(this.later);
  }

  /** Compares all rooms now, because deliveries may have been lost. */
  compareNow(): void {
    this.urgent = true;
    void this.look();
  }

  /**
   * Compares all rooms now, and watches them closely for a while: the slots of a cluster have moved. A server ends
   * subscriptions whenever it is told who has a slot, also those that the client has just renewed.
   */
  watchAll(): void {
    for (const subscription of this.subscriber.all()) this.subscriber.watchClosely(subscription);
    this.compareNow();
  }

  /** Looks again later: a room that gathers continues only when a node asks for it. */
  private lookLater(): void {
    this.later ??= setTimeout(() => {
      this.later = undefined;
      void this.look();
    }, LATER_MS).unref();
  }

  private async look(): Promise<void> {
    if (this.running || !this.subscriber.isReady || !this.queries.isReady()) return;
    this.running = true;
    const { urgent } = this;
    const startedAt = performance.now();
    const renew = startedAt - this.renewedAt >= this.renewalMs;
    const groups = urgent || this.everything || renew ? this.groupsOf(this.subscriber.all()) : this.nextGroups();
    this.urgent = false;
    this.everything = false;
    let complete = true;
    try {
      const { different, failed } = await this.compare(groups, renew);
      for (const slice of slicesOf(different, READ_AT_ONCE)) {
        if (!(await this.read(slice, urgent))) complete = false;
      }
      if (failed) complete = false;
      if (renew && complete) this.renewedAt = startedAt;
      if (urgent && !(await this.reportUnheard())) complete = false;
      if (!complete) {
        this.urgent ||= urgent;
        this.lookLater();
      }
    } catch (error) {
      complete = false;
      this.urgent ||= urgent;
      this.logger.debug(`Rooms cannot be compared: ${String(error)}`);
    } finally {
      this.running = false;
    }
    if ((this.urgent && (complete || !urgent)) || this.everything) void this.look();
  }

  /** Returns the rooms that were published to lately, and the next ones of the sweep. */
  private nextGroups(): Subscription[][] {
    const active: Subscription[] = [];
    for (const subscription of this.subscriber.watchedClosely) {
      active.push(subscription);
      subscription.quietFor = (subscription.quietFor ?? 0) + 1;
      if (subscription.quietFor > INTERVALS_OF_ACTIVITY) this.subscriber.watchRarely(subscription);
    }
    const groups = this.groupsOf(active);
    if (this.sweep.length === 0) {
      this.sweepShare = Math.ceil(this.subscriber.size / INTERVALS_OF_SWEEP);
      const calls = Math.max(1, Math.ceil(this.sweepShare / COMPARED_AT_ONCE));
      this.sweep = this.groupsOf(this.subscriber.all(), Math.max(1, Math.ceil(this.sweepShare / calls)));
    }
    let left = this.sweepShare;
    for (let group = this.sweep.pop(); group !== undefined; group = left > 0 ? this.sweep.pop() : undefined) {
      left -= group.length;
      groups.push(group);
    }
    // Without rooms, too: Redis may have been emptied.
    return groups.length > 0 || this.isCluster ? groups : [[]];
  }

  /** Returns the rooms that differ from Redis. */
  private async compare(groups: readonly Subscription[][], renew: boolean) {
    const different: Subscription[] = [];
    let failed = false;
    for (const batch of slicesOf(groups, this.isCluster ? PARALLEL : 1)) {
      const results = await Promise.allSettled(batch.map((group) => this.compareGroup(group, renew)));
      for (const result of results) {
        if (result.status === 'fulfilled') different.push(...result.value);
        else failed = true;
      }
    }
    return { different, failed };
  }

  private async compareGroup(group: readonly Subscription[], renew: boolean): Promise<Subscription[]> {
    const unused: Subscription[] = [];
    const used: Subscription[] = [];
    const different: Subscription[] = [];
    for (const subscription of group) {
      const { room, seen, untold } = subscription;
      // One that is about to be subscribed will be told its position.
      if (seen === undefined || this.subscriber.find(room) !== subscription) continue;
      if (untold.length > 0) different.push(subscription);
      else if (seen.offset === 0 && !seen.canBeLost) unused.push(subscription);
      else used.push(subscription);
    }
    const comparison = await this.queries.compare(unused.map(roomOf), used.map(placeOf), renew);
    const indexes = new Set(comparison.different);
    [...unused, ...used].forEach((subscription, index) => {
      if (indexes.has(index)) different.push(subscription);
      else subscription.run = comparison.run;
    });
    this.hearUnused(comparison.unusedEpoch);
    return different;
  }

  /** Handles the epoch of rooms without a message. If it changes within a run, it has expired, or Redis was emptied. */
  private hearUnused(epoch: string): void {
    if (!this.isCluster && this.unusedEpoch !== undefined && epoch !== this.unusedEpoch) this.everything = true;
    this.unusedEpoch = epoch;
  }

  /** @returns false if it could not be done for some of them */
  private async read(subscriptions: readonly Subscription[], urgent: boolean): Promise<boolean> {
    const untold = subscriptions.map((subscription) => subscription.untold);
    const heads = await this.queries.read(this.allAbout(subscriptions.map(({ room }) => room)));
    subscriptions.forEach((subscription, index) => {
      const head = heads[index];
      if (head === undefined) {
        this.subscriber.watchClosely(subscription);
        return;
      }
      if (subscription.untold === untold[index]) subscription.untold = [];
      subscription.run = head.run;
      if (isOnItsWay(subscription, head, urgent)) {
        this.subscriber.watchClosely(subscription);
        return;
      }
      this.queries.report(subscription.room, head);
      this.subscriber.renewIfDeaf(subscription);
    });
    return !heads.includes(undefined);
  }

  /** Reports rooms that this node knows of, and does not subscribe to. */
  private async reportUnheard(): Promise<boolean> {
    let complete = true;
    for (const slice of slicesOf(this.known.unheard(), READ_AT_ONCE)) {
      if ((await this.queries.read(this.allAbout(slice))).includes(undefined)) complete = false;
    }
    return complete;
  }

  private allAbout(rooms: readonly string[]): Asked[] {
    return rooms.map((room) => this.known.about(room));
  }

  private groupsOf(subscriptions: Iterable<Subscription>, size = COMPARED_AT_ONCE): Subscription[][] {
    const bySlot = new Map<number, Subscription[]>();
    for (const subscription of subscriptions) {
      const slot = this.queries.slotOf(subscription.room);
      const group = bySlot.get(slot);
      if (group === undefined) bySlot.set(slot, [subscription]);
      else group.push(subscription);
    }
    return [...bySlot.values()].flatMap((group) => slicesOf(group, size));
  }
}

function roomOf({ room }: Subscription): string {
  return room;
}

function placeOf({ room, seen }: Subscription): Asked {
  return { room, known: seen === undefined ? '' : textOf(seen) };
}

/** A delivery that is missing may just be on its way: without other reason it takes a second look to call it lost. */
function isOnItsWay(subscription: Subscription, head: Standing, urgent: boolean): boolean {
  const { seen, suspected } = subscription;
  subscription.suspected = undefined;
  // It is about to be subscribed, and will be told where it stands.
  if (seen === undefined) return true;
  const isBehind = seen.epoch === head.epoch && seen.offset < head.offset;
  if (isBehind && !urgent && (suspected === undefined || seen.offset >= suspected)) {
    subscription.suspected = head.offset;
    return true;
  }
  if (isBehind && !urgent) subscription.isDeaf = true;
  subscription.enter(head);
  subscription.reach(head.epoch, head.offset, head.base);
  return false;
}

function slicesOf<T>(items: readonly T[], size: number): T[][] {
  const slices: T[][] = [];
  for (let start = 0; start < items.length; start += size) slices.push(items.slice(start, start + size));
  return slices;
}
