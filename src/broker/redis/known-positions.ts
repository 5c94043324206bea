import type { Position } from '../../protocol/position.js';
import type { Leg } from './replies.js';
import { withLeg, type Seen, type Subscriber, type Subscription } from './subscriber.js';

/** A room, and what this node knows of it in the form that scripts read. */
export interface Asked {
  readonly room: string;
  readonly known: string;
}

/** Time that other nodes may need to connect to a new run of Redis. */
const SETTLING_MS = 1000;

/** A sequence of epochs of a room. */
export interface Way {
  readonly epoch: string;
  /** The first epoch began with a loss. */
  readonly isLossy: boolean;
  /** The epochs after the first one. */
  readonly legs: readonly Leg[];
}

/** Knowledge of a room that this node does not subscribe to. */
interface Remembered {
  readonly seen: readonly Seen[];
  readonly legs: readonly Leg[];
  readonly run: string | undefined;
}

/**
 * Positions that this node has seen rooms reach, by deliveries and by its own publishes, also in rooms that it no longer
 * subscribes to. Every publish and every comparison sends them to Redis, so that a loss there is noticed.
 */
export class KnownPositions {
  private readonly remembered = new Map<string, Remembered>();
  private run: string | undefined;
  private former: string | undefined;
  private settling: NodeJS.Timeout | undefined;

  /** @param max limit on rooms without a subscription; the least recently used are dropped first */
  constructor(
    private readonly subscriber: Subscriber,
    private readonly max: number,
  ) {}

  /** Records the run of the server. For a moment, other nodes may still connect to it and know more. */
  hear(run: string): void {
    if (this.run === run) return;
    this.former = this.run;
    this.run = run;
    clearTimeout(this.settling);
    // From now on, the next run is new in comparison to this one.
    this.settling = setTimeout(() => (this.former = run), SETTLING_MS).unref();
  }

  stop(): void {
    clearTimeout(this.settling);
  }

  /** Records the position of a publish, which has sent earlier knowledge to Redis. */
  keep(room: string, leg: Leg, offset: number): void {
    const { legs = [], run } = this.remembered.get(room) ?? {};
    const subscription = this.subscriber.find(room);
    if (subscription !== undefined) this.subscriber.watchClosely(subscription);
    this.remember(room, { seen: [{ epoch: leg.epoch, offset, canBeLost: true }], legs: withLeg(legs, leg), run });
  }

  /** Keeps the knowledge of a subscription that ends: it may be the only trace of the latest messages. */
  keepLeft({ room, seen, untold, legs, run }: Subscription): void {
    if (seen === undefined) return;
    this.remember(room, { seen: [...untold, seen], legs, run });
  }

  /** Returns the epochs that an earlier subscription of the room saw. */
  legsOf(room: string): readonly Leg[] {
    return this.remembered.get(room)?.legs ?? [];
  }

  /** Returns what is known of a room, in the form that scripts read. */
  of(room: string): string {
    const run = (this.subscriber.find(room) ?? this.remembered.get(room))?.run;
    const texts = this.all(room).map(textOf);
    if (run !== undefined) texts.push(`@${run}`);
    else if (this.former !== undefined) texts.push(`?${this.former}`);
    return [...new Set(texts)].join(' ');
  }

  /** Returns a room together with what is known of it. */
  about(room: string): Asked {
    return { room, known: this.of(room) };
  }

  /**
   * Returns the epochs that the room entered after a position.
   *
   * @returns undefined if this node does not know them
   */
  wayFrom(room: string, { epoch, offset }: Position): Way | undefined {
    const known = this.all(room);
    const legs = this.allLegs(room);
    // A room that Redis does not have can be restored from its first message.
    const [first, ...rest] = legs;
    if (offset === 0 && first?.base === 0) return { epoch: first.epoch, isLossy: first.isLossy, legs: rest };
    const index = legs.findIndex((leg) => leg.epoch === epoch);
    if (index >= 0) return { epoch, isLossy: false, legs: legs.slice(index + 1) };
    const hasMore = known.some((seen) => seen.epoch === epoch && seen.offset > offset);
    return hasMore ? { epoch, isLossy: false, legs: [] } : undefined;
  }

  /** Returns whether the subscription has reached an offset. */
  hasSeen(room: string, epoch: string, offset: number): boolean {
    const seen = this.subscriber.find(room)?.seen;
    return seen?.epoch === epoch && seen.offset >= offset;
  }

  /** Returns whether this node subscribes to the room, and whether it has just done so, in the form that scripts read. */
  interestIn(room: string): '' | 'listens' | 'enters' {
    const subscription = this.subscriber.find(room);
    if (subscription === undefined) return '';
    return subscription.run === undefined ? 'enters' : 'listens';
  }

  /** Returns whether this node subscribes to the room. */
  isListening(room: string): boolean {
    return this.subscriber.find(room) !== undefined;
  }

  /** Returns the known rooms that this node does not subscribe to. */
  unheard(): string[] {
    return [...this.remembered.keys()].filter((room) => !this.isListening(room));
  }

  private remember(room: string, what: Remembered): void {
    this.remembered.delete(room);
    this.remembered.set(room, what);
    if (this.remembered.size <= this.max) return;
    const [oldest] = this.remembered.keys();
    if (oldest !== undefined) this.remembered.delete(oldest);
  }

  private all(room: string): Seen[] {
    const subscription = this.subscriber.find(room);
    const { seen: remembered = [] } = this.remembered.get(room) ?? {};
    const known = [...remembered, ...(subscription?.untold ?? []), subscription?.seen];
    const all = known.filter((seen) => seen !== undefined);
    const before = this.before(room, all.at(-1));
    return before === undefined ? all : [before, ...all];
  }

  /** Returns the position in an earlier epoch that a position implies if nothing can be lost with its own epoch. */
  private before(room: string, last: Seen | undefined): Seen | undefined {
    if (last === undefined || last.canBeLost) return undefined;
    const { epoch, offset } = last;
    const leg = this.allLegs(room).findLast((each) => each.epoch !== epoch && (each.base < offset || each.isLossy));
    return leg === undefined ? undefined : { epoch: leg.epoch, offset, canBeLost: true };
  }

  private allLegs(room: string): readonly Leg[] {
    return (this.subscriber.find(room) ?? this.remembered.get(room))?.legs ?? [];
  }
}

/** Returns a position in the form that scripts read. */
export function textOf({ epoch, offset, canBeLost }: Seen): string {
  return `${epoch}:${offset}${canBeLost ? '' : '-'}`;
}
