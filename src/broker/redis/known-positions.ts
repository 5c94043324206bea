import type { Position } from '../../protocol/position.js';
import type { Seen, Subscriber } from './subscriber.js';

/** A room, and how far it is known to have come, as scripts read it. */
export interface Asked {
  readonly room: string;
  readonly known: string;
}

/**
 * How far rooms have come, as this node has seen it: by deliveries, and by what it published itself. Redis is told
 * with every publish and every comparison, so that it cannot go on with less unnoticed.
 */
export class KnownPositions {
  private readonly published = new Map<string, Seen>();

  /** @param max how many rooms to remember at most that this node published to; the longest untouched go first */
  constructor(
    private readonly subscriber: Subscriber,
    private readonly max: number,
  ) {}

  /** Notes where a room stands after a publish that told Redis of what was known before. */
  keep(room: string, position: Position): void {
    this.published.delete(room);
    this.published.set(room, { ...position, hasMessages: true });
    if (this.published.size <= this.max) return;
    const [oldest] = this.published.keys();
    if (oldest !== undefined) this.published.delete(oldest);
  }

  /** What is known of a room, as scripts read it. */
  of(room: string): string {
    const run = this.subscriber.find(room)?.run;
    const texts = this.all(room).map(textOf);
    if (run !== undefined) texts.push(`@${run}`);
    return [...new Set(texts)].join(' ');
  }

  private all(room: string): Seen[] {
    const subscription = this.subscriber.find(room);
    const known = [...(subscription?.untold ?? []), subscription?.seen, this.published.get(room)];
    return known.filter((seen) => seen !== undefined);
  }

  /** A room with what is known of it. */
  about(room: string): Asked {
    return { room, known: this.of(room) };
  }

  /** Whether this node has seen the room reach further in the epoch of this position. */
  isBeyond(room: string, position: Position | undefined): boolean {
    return this.all(room).some(({ epoch, offset }) => epoch === position?.epoch && offset > position.offset);
  }

  /** Whether the room's deliveries come to this node. */
  isListening(room: string): boolean {
    return this.subscriber.find(room) !== undefined;
  }

  /** Rooms that this node has published to. */
  publishedTo(): string[] {
    return [...this.published.keys()];
  }
}

function textOf({ epoch, offset, hasMessages }: Seen): string {
  return `${epoch}:${offset}${hasMessages ? '' : '-'}`;
}
