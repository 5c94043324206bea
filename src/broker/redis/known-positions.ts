import type { Position } from '../../protocol/position.js';
import type { Subscriber } from './subscriber.js';

/**
 * How far rooms have come, as this node has seen it: by deliveries, and by what it published itself. Redis is told
 * with every publish and every comparison, so that it cannot go on with less unnoticed.
 */
export class KnownPositions {
  private readonly published = new Map<string, Position>();

  /** @param max how many rooms to remember at most that this node published to; the longest untouched go first */
  constructor(
    private readonly subscriber: Subscriber,
    private readonly max: number,
  ) {}

  /** Notes where a room stands after a publish that told Redis of what was known before. */
  keep(room: string, position: Position): void {
    this.published.delete(room);
    this.published.set(room, position);
    if (this.published.size <= this.max) return;
    const [oldest] = this.published.keys();
    if (oldest !== undefined) this.published.delete(oldest);
  }

  /** What is known of a room, as scripts read it. */
  of(room: string): string {
    const subscription = this.subscriber.find(room);
    const known = [...(subscription?.untold ?? []), subscription?.seen, this.published.get(room)];
    return [...new Set(known.flatMap((position) => (position === undefined ? [] : [textOf(position)])))].join(' ');
  }

  /** Rooms that this node has published to. */
  publishedTo(): string[] {
    return [...this.published.keys()];
  }
}

function textOf({ epoch, offset }: Position): string {
  return `${epoch}:${offset}`;
}
