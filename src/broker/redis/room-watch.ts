import { Logger } from '@nestjs/common';

import type { Position } from '../../protocol/position.js';
import type { Asked, KnownPositions } from './known-positions.js';
import type { Standing } from './replies.js';
import type { Subscriber, Subscription } from './subscriber.js';

/** Rooms asked about in one script call. */
const SLICE = 200;
/** Rooms without a message would be forgotten while they have members: each is renewed this often, or more. */
const RENEWAL_MS = 10 * 60 * 1000;
/** Retry interval for an incomplete comparison. */
const LATER_MS = 1050;

/**
 * Compares, every so often, how far deliveries have come with where the rooms stand: the loss of a room's last
 * delivery shows in no gap. After the connection was away all are compared at once, and Redis is told how far this
 * node has seen each room come, so that it cannot go on with less.
 */
export class RoomWatch {
  private readonly logger = new Logger(RoomWatch.name);
  private readonly timer: NodeJS.Timeout;
  private later: NodeJS.Timeout | undefined;
  private running = false;
  private renewedAt = performance.now();
  /** Set where deliveries may be lost for certain, until a comparison was completed. */
  private urgent = false;
  private readonly renewalMs: number;

  /**
   * @param isReady returns whether both connections lead to one server
   * @param ask gets where rooms stand, in the order asked, and can have them remembered for longer; undefined where the
   *   server of that room cannot say, which must not keep others from being compared
   * @param report told where a room stands, whether or not it has got there: what was delivered may still be lost
   * @param positionTtlMs how long a room is remembered that nobody renews; 0 for ever
   */
  constructor(
    private readonly subscriber: Subscriber,
    private readonly known: KnownPositions,
    private readonly isReady: () => boolean,
    private readonly ask: (rooms: readonly Asked[], renew: boolean) => Promise<readonly (Standing | undefined)[]>,
    private readonly report: (room: string, head: Position) => void,
    intervalMs: number,
    positionTtlMs: number,
  ) {
    this.renewalMs = positionTtlMs === 0 ? RENEWAL_MS : Math.min(RENEWAL_MS, positionTtlMs / 3);
    this.timer = setInterval(() => {
      subscriber.probe();
      void this.compareAll();
    }, intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    clearTimeout(this.later);
  }

  /** Compares all rooms now. */
  compareNow(): void {
    this.urgent = true;
    void this.compareAll();
  }

  /** Compares again later: a room that gathers continues only when a node asks for it. */
  private compareLater(): void {
    this.later ??= setTimeout(() => {
      this.later = undefined;
      void this.compareAll();
    }, LATER_MS).unref();
  }

  private async compareAll(): Promise<void> {
    if (this.running || !this.subscriber.isReady || !this.isReady()) return;
    this.running = true;
    const { urgent } = this;
    this.urgent = false;
    const startedAt = performance.now();
    const renew = startedAt - this.renewedAt >= this.renewalMs;
    let complete = true;
    try {
      for (const slice of slicesOf(this.subscriber.all())) {
        if (!(await this.compare(slice, urgent, renew))) complete = false;
      }
      if (renew && complete) this.renewedAt = startedAt;
      if (urgent && !(await this.tellOfUnheard())) complete = false;
      if (!complete) {
        this.urgent ||= urgent;
        this.compareLater();
      }
    } catch (error) {
      complete = false;
      this.urgent ||= urgent;
      this.logger.debug(`Positions cannot be compared: ${String(error)}`);
    } finally {
      this.running = false;
    }
    if (this.urgent && (complete || !urgent)) void this.compareAll();
  }

  /** @returns false where it could not be done for some of them */
  private async compare(subscriptions: readonly Subscription[], urgent: boolean, renew: boolean): Promise<boolean> {
    const untold = subscriptions.map((subscription) => subscription.untold);
    const heads = await this.ask(this.allAbout(subscriptions.map(({ room }) => room)), renew);
    subscriptions.forEach((subscription, index) => {
      const head = heads[index];
      if (head !== undefined && subscription.untold === untold[index]) subscription.untold = [];
      if (head !== undefined) subscription.run = head.run;
      if (head === undefined || isOnItsWay(subscription, head, urgent)) return;
      this.report(subscription.room, head);
      this.subscriber.renewIfDeaf(subscription);
    });
    return !heads.includes(undefined);
  }

  /** Reports rooms that this node knows of, and does not subscribe to. */
  private async tellOfUnheard(): Promise<boolean> {
    const rooms = this.known.unheard();
    let complete = true;
    for (const slice of slicesOf(rooms)) {
      if ((await this.ask(this.allAbout(slice), false)).includes(undefined)) complete = false;
    }
    return complete;
  }

  private allAbout(rooms: readonly string[]): Asked[] {
    return rooms.map((room) => this.known.about(room));
  }
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

function slicesOf<T>(items: readonly T[]): T[][] {
  const slices: T[][] = [];
  for (let start = 0; start < items.length; start += SLICE) slices.push(items.slice(start, start + SLICE));
  return slices;
}
