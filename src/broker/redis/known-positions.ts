import type { Position } from '../../protocol/position.js';
import type { Leg } from './replies.js';
import type { Seen, Subscriber, Subscription } from './subscriber.js';

/** A room, and how far it is known to have come, as scripts read it. */
export interface Asked {
  readonly room: string;
  readonly known: string;
}

/** How long after Redis has begun a new run others may still be on their way to it. */
const SETTLING_MS = 1000;

/** Epochs that a room was in one after the other. */
export interface Way {
  readonly epoch: string;
  readonly legs: readonly Leg[];
}

/** What is remembered of a room whose deliveries do not come here. */
interface Remembered {
  readonly seen: readonly Seen[];
  readonly legs: readonly Leg[];
  readonly run: string | undefined;
}

/**
 * How far rooms have come, as this node has seen it: by deliveries, also those of rooms that it has left since, and by
 * what it published itself. Redis is told with every publish and every comparison, so that it cannot go on with less
 * unnoticed.
 */
export class KnownPositions {
  private readonly remembered = new Map<string, Remembered>();
  private run: string | undefined;
  private former: string | undefined;
  private settling: NodeJS.Timeout | undefined;

  /** @param max how many rooms to remember at most besides those that are listened to; the longest untouched go first */
  constructor(
    private readonly subscriber: Subscriber,
    private readonly max: number,
  ) {}

  /** Notes in which run the server is. Others may still be on their way to it, and know more. */
  hear(run: string): void {
    if (this.run === run) return;
    this.former = this.run;
    this.run = run;
    clearTimeout(this.settling);
    // Until it hears of another, the run that it is in is the one that it may come from.
    this.settling = setTimeout(() => (this.former = run), SETTLING_MS).unref();
  }

  stop(): void {
    clearTimeout(this.settling);
  }

  /** Notes where a room stands after a publish that told Redis of what was known before. */
  keep(room: string, position: Position): void {
    const { legs = [], run } = this.remembered.get(room) ?? {};
    this.remember(room, { seen: [{ ...position, hasMessages: true }], legs, run });
  }

  /** Its deliveries do not come any more; what they said may be all that is left of the room's end. */
  keepLeft({ room, seen, untold, legs, run }: Subscription): void {
    if (seen === undefined) return;
    this.remember(room, { seen: [...untold, seen], legs, run });
  }

  /** The epochs that a room was in when its deliveries came here before. */
  legsOf(room: string): readonly Leg[] {
    return this.remembered.get(room)?.legs ?? [];
  }

  /** What is known of a room, as scripts read it. */
  of(room: string): string {
    const run = (this.subscriber.find(room) ?? this.remembered.get(room))?.run;
    const texts = this.all(room).map(textOf);
    if (run !== undefined) texts.push(`@${run}`);
    else if (this.former !== undefined) texts.push(`?${this.former}`);
    return [...new Set(texts)].join(' ');
  }

  /** A room with what is known of it. */
  about(room: string): Asked {
    return { room, known: this.of(room) };
  }

  /**
   * The way that the room took from a position, as far as this node knows it: the epochs that it was in after that, and
   * where each began.
   *
   * @returns undefined where it does not know that the room went on from there
   */
  wayFrom(room: string, { epoch, offset }: Position): Way | undefined {
    const known = this.all(room);
    const { legs } = this.subscriber.find(room) ?? this.remembered.get(room) ?? { legs: [] };
    const index = legs.findIndex((leg) => leg.epoch === epoch);
    if (index >= 0) return { epoch, legs: legs.slice(index + 1) };
    // Where Redis has nothing of the room, it can be given back from its first message on.
    const [first, ...rest] = legs;
    if (offset === 0 && first?.base === 0) return { epoch: first.epoch, legs: rest };
    return known.some((seen) => seen.epoch === epoch && seen.offset > offset) ? { epoch, legs: [] } : undefined;
  }

  /** Whether this node has seen messages of the room that are not there, as far as can be told. */
  hasMoreThan(room: string, { epoch, offset }: Position): boolean {
    return this.all(room).some(
      (seen) => seen.hasMessages && seen.offset > 0 && (seen.epoch !== epoch || seen.offset > offset),
    );
  }

  /** Whether deliveries of the room have come so far. */
  hasSeen(room: string, epoch: string, offset: number): boolean {
    const seen = this.subscriber.find(room)?.seen;
    return seen?.epoch === epoch && seen.offset >= offset;
  }

  /** Whether the room's deliveries come to this node. */
  isListening(room: string): boolean {
    return this.subscriber.find(room) !== undefined;
  }

  /** Rooms whose deliveries do not come to this node, and of which it knows something all the same. */
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
    return known.filter((seen) => seen !== undefined);
  }
}

function textOf({ epoch, offset, hasMessages }: Seen): string {
  return `${epoch}:${offset}${hasMessages ? '' : '-'}`;
}
